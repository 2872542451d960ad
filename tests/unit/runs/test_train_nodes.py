"""Nets and layers that a configuration names by a word."""

import pytest

from lungcam.errors import InputError
from lungcam.runs.train_nodes import train_nodes

SMALL = ("view.shape=[32,24,32]", "view.spacing_mm=10", "callbacks=default")


@pytest.fixture
def composer(tmp_path, monkeypatch):
    """Return a function that composes conf/train.yaml with overrides, as for a run."""
    from hydra import compose, initialize_config_dir
    from hydra.core.hydra_config import HydraConfig

    from lungcam.config.schema import register_schemas
    from lungcam.runtime.versions import CONFIG_FOLDER

    register_schemas()
    monkeypatch.chdir(tmp_path)

    def make(*overrides):
        with initialize_config_dir(str(CONFIG_FOLDER), version_base="1.3"):
            config = compose("train", list(overrides), return_hydra_config=True)
            config.hydra.runtime.output_dir = str(tmp_path)
            config.hydra.runtime.cwd = str(tmp_path)
            HydraConfig.instance().set_config(config)
            return compose("train", list(overrides))

    return make


def test_a_net_of_monai_and_its_layer_are_written_out(composer):
    nodes = train_nodes(composer("model=monai", "model.name=resnet10", *SMALL))
    assert nodes["model"] == {
        "_target_": "monai.networks.nets.resnet10",
        "spatial_dims": 3,
        "n_input_channels": 1,
        "num_classes": 1,
    }
    # the layer of the callback that writes heat-maps, too
    assert nodes["explain"]["layer"] == nodes["callbacks"]["export"]["layer"] == "layer1"


def test_a_layer_of_ones_own_and_settings_of_the_net_are_kept(composer):
    nodes = train_nodes(
        composer(
            *("model=monai", "model.name=resnet10", "+model.no_max_pool=true"),
            *("explain.layer=layer2", *SMALL),
        )
    )
    assert nodes["model"]["no_max_pool"] is True
    assert nodes["explain"]["layer"] == nodes["callbacks"]["export"]["layer"] == "layer2"


def test_any_net_takes_the_rule(composer):
    nodes = train_nodes(composer("model=small3d", "explain.layer=auto", *SMALL))
    assert nodes["explain"]["layer"] == "conv3"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["model.name=resnet19"], r"^model\.name=resnet19: MONAI has no such net; did you mean"),
        (["model.name=BasicUNet"], r"^model\.name=BasicUNet: it gives 1 x 1 x 32 x 24 x 32"),
        (["model.name=efficientnet-b0"], r"^model\.name=efficientnet-b0: .* 32 x 24 x 32 voxels"),
        (["model.name=UNet"], r"^model: .*channels"),
        ([], r"^model\.name: it must be set"),
        (["model.name=resnet10", "+model.colour=1"], r"colour"),
    ],
)
def test_what_is_no_classifier_of_the_view_is_refused(composer, overrides, message):
    with pytest.raises(InputError, match=message) as error:
        train_nodes(composer("model=monai", *overrides, *SMALL))
    assert "\n" not in str(error.value)
