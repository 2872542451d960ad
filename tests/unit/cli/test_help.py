"""Help of the commands: every group and key, with Hydra's own composition as the oracle."""

import sys

import pytest
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from lungcam.cli.help import help_text, print_help
from lungcam.config.schema import InferConfig, TrainConfig, register_schemas
from lungcam.runtime.versions import CONFIG_FOLDER


@pytest.fixture
def choices():
    """Return the choices that Hydra makes by default, by group."""
    register_schemas()
    with initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
        config = compose("train", return_hydra_config=True)
        return dict(config.hydra.runtime.choices)


def test_every_group_is_listed_with_its_choices_and_the_default_first(choices):
    lines = help_text("train").splitlines()
    groups = {path.name for path in CONFIG_FOLDER.iterdir() if path.is_dir()} - {"hydra"}
    for group in groups:
        (line,) = [line for line in lines if line.startswith(f"{group}: ")]
        names = line.removeprefix(f"{group}: ").split(", ")
        assert sorted(names) == sorted(file.stem for file in (CONFIG_FOLDER / group).iterdir())
        if choices[group] != "null" and choices[group] is not None:
            assert names[0] == choices[group]
    assert len(groups) > 10


@pytest.mark.parametrize(("name", "schema"), [("train", TrainConfig), ("infer", InferConfig)])
def test_every_key_is_listed_with_its_default(name, schema):
    keys = help_text(name).split("Keys and their defaults:\n\n")[1].split("\n\n-")[0]
    listed = yaml.safe_load(keys.split("\n\n--cfg")[0])
    defaults = OmegaConf.to_container(OmegaConf.structured(schema))
    for key, value in listed.items():
        assert isinstance(value, dict) or value == defaults[key]
    with initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
        config = compose(name)
    in_groups = {"data", "view", "transforms", "model", "augmentation", "optimizer", "scheduler"}
    in_groups |= {"trainer", "logger", "callbacks", "loss"}
    assert set(listed) == set(config) - in_groups


def test_choices_of_training_are_not_offered_for_inference():
    text = help_text("infer")
    assert "resnet10" not in text
    assert "-m " not in text
    assert text.startswith("python infer.py ckpt=FILE_OR_RUN_FOLDER scan=PATH")


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (["--help"], True),
        (["model=lungs", "-h"], True),
        (["seed=1"], False),
        (["--hydra-help"], False),
    ],
)
def test_help_is_printed_on_request(monkeypatch, capsys, arguments, printed):
    monkeypatch.setattr(sys, "argv", ["train.py", *arguments])
    assert print_help("train") is printed
    assert capsys.readouterr().out == (f"{help_text('train')}\n" if printed else "")
