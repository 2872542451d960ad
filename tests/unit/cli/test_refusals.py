"""Refusals of settings that do not compose, with Hydra's own errors."""

import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from lungcam.cli.refusals import describe_refusal
from lungcam.config.schema import register_schemas
from lungcam.runtime.versions import CONFIG_FOLDER


def refused(name: str, *overrides: str) -> str:
    register_schemas()
    with initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
        try:
            compose(name, list(overrides))
        except (HydraException, OmegaConfBaseException) as error:
            return describe_refusal(error, f"{name}.py", name=name)
    raise AssertionError(f"{overrides} composes")


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("max_epoch=3", "max_epoch: there is no such setting. Did you mean trainer.max_epochs?"),
        ("modle=lungs", "modle: there is no such setting. Did you mean model?"),
        ("~schedular", "schedular: there is no such setting. Did you mean scheduler?"),
        ("logger=[csv,mlfow]", "logger=mlfow: there is no such choice; choose csv, mlflow"),
        ("optimizer=adamm", "Did you mean adam?"),
    ],
)
def test_a_misspelt_name_is_answered_with_the_nearest(override, line):
    message = refused("train", override)
    assert line in message
    assert message.endswith("`train.py --help` lists the groups, `--cfg job` the keys.")


def test_all_choices_of_a_group_are_listed():
    message = refused("train", "model=small4d")
    assert message.startswith("model=small4d: there is no such choice; choose densenet121, ")
    assert "Did you mean small3d?" in message


def test_inference_names_its_own_keys():
    message = refused("infer", "reprot=true")
    assert message == (
        "reprot: there is no such setting. Did you mean report? `infer.py --help` lists the keys."
    )
    # a key of a training is none of inference
    assert "Did you mean" not in refused("infer", "max_epoch=3")


def test_other_refusals_keep_hydras_words():
    assert "could not be converted to Integer" in refused("train", "trainer.gpus=many")
