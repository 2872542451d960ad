"""A checkpoint's own word imports nothing: its code must be given, and be the recorded one."""

import sys
from pathlib import Path

import pytest
import torch

from lungcam.config import plugins
from lungcam.config.plugins import find_plugin
from lungcam.errors import InputError
from lungcam.evaluation.predictor import load_predictor
from lungcam.nets import Small3D
from lungcam.training.checkpoint import METADATA_KEY
from lungcam.training.classifier import Classifier

CPU = torch.device("cpu")
# importing or calling anything of it leaves a trace
CODE = """
from pathlib import Path
import os
import torch
Path("tripped").touch()
from lungcam.nets import Small3D
class Net(Small3D):
    def __init__(self, **settings):
        Path("called").touch()
        super().__init__(**settings)
class Outer:
    class Inner(Net):
        pass
def _private(**settings):
    return Net(**settings)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Return the folder in which the user stands, with the code of a net."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    monkeypatch.setattr(plugins, "_loaded", {})
    plugins.code_hash.cache_clear()
    (tmp_path / "outsider.py").write_text(CODE)
    yield tmp_path
    sys.modules.pop("outsider", None)
    plugins.code_hash.cache_clear()


def save(folder: Path, model: dict, *, recorded: bool = True, transforms: dict | None = None):
    """Write a checkpoint, with the record of every target of `outsider`."""
    config = {"model": model, "transforms": transforms or {}, "explain": {"layer": "conv3"}}
    metadata = {"config": config, "label_rule": "label 1: x"}
    if recorded:
        sha256 = find_plugin("outsider.py").sha256
        names = [*plugins.targets_of(config), "outsider.Net"]
        metadata["plugins"] = {name: {"sha256": sha256, "version": None} for name in names}
    file = folder / "best.ckpt"
    torch.save({"state_dict": Classifier(Small3D()).state_dict(), METADATA_KEY: metadata}, file)
    return file


def untouched(folder: Path) -> bool:
    return not (folder / "tripped").exists() and not (folder / "called").exists()


NET = {"_target_": "outsider.Net"}


def test_the_recorded_code_is_imported_on_the_users_word(folder):
    predictor = load_predictor(save(folder, NET), CPU, plugins=["outsider.py"])
    assert type(predictor.classifier.net).__name__ == "Net"
    assert (folder / "tripped").exists()


def test_without_the_users_word_nothing_is_imported(folder):
    with pytest.raises(InputError, match=r"best\.ckpt: outsider\.Net is code of .*plugins=\[") as e:
        load_predictor(save(folder, NET), CPU)
    assert "\n" not in str(e.value)
    assert untouched(folder)


def test_a_plugin_of_the_same_name_with_other_code_is_not_imported(folder):
    file = save(folder, NET)
    (folder / "outsider.py").write_text(CODE + "\n")
    with pytest.raises(InputError, match=r"outsider\.py is not the code of outsider\.Net that it"):
        load_predictor(file, CPU, plugins=["outsider.py"])
    assert untouched(folder)


def test_a_checkpoint_without_a_record_of_its_code_is_refused(folder):
    with pytest.raises(InputError, match="not the code"):
        load_predictor(save(folder, NET, recorded=False), CPU, plugins=["outsider.py"])
    assert untouched(folder)


def evil(**node: object) -> dict:
    return {"_target_": "outsider.Net", **node}


# none of these may import or call anything while the user has given no code
HIDDEN = {
    "gadget": {"_target_": "os.system", "command": "touch tripped"},
    "builtin": {"_target_": "builtins.exec", "_args_": ["open('tripped', 'w')"]},
    "loader": {"_target_": "torch.hub.load", "repo_or_dir": ".", "model": "x", "source": "local"},
    "nested": {"_target_": "lungcam.nets.Small3D", "channels": evil()},
    "in a list": {"_target_": "lungcam.nets.Small3D", "channels": [8, [evil()]]},
    "in _args_": {"_target_": "lungcam.nets.Small3D", "_args_": [evil()]},
    "partial": evil(_partial_=True),
    "interpolated": {"_target_": "lungcam.nets.Small3D", "channels": "${oc.create:{a: 1}}"},
    "hidden by a dot": {"_target_": "lungcam.nets..outsider.Net"},
    "import of a module of lungcam": {"_target_": "lungcam.nets.small3d.torch.load", "f": "x"},
    "method": {"_target_": "lungcam.nets.Small3D.load_state_dict"},
    "layer's module": {"_target_": "torch.nn.utils.parametrize.torch.hub.load"},
    "functional": {"_target_": "torch.nn.functional.relu", "input": 1},
    "recursive": {"_target_": "lungcam.nets.Small3D", "_recursive_": False, "channels": evil()},
    "hydra": {"_target_": "hydra.utils.get_method", "path": "outsider.Net"},
}


@pytest.mark.parametrize("name", HIDDEN)
def test_a_hidden_target_is_refused(folder, name):
    with pytest.raises(InputError, match=r"best\.ckpt: "):
        load_predictor(save(folder, HIDDEN[name]), CPU)
    assert untouched(folder)


@pytest.mark.parametrize(
    "target",
    [
        "outsider.os.system",
        "outsider.torch.load",
        "outsider.Small3D",
        "outsider._private",
        "outsider.Outer.Inner",
        "outsider.Net.load_state_dict",
        "outsider.Path",
    ],
)
def test_a_plugin_lends_only_what_it_defines_and_shows(folder, target):
    with pytest.raises(InputError, match=r"best\.ckpt: model\._target_="):
        load_predictor(save(folder, {"_target_": target}), CPU, plugins=["outsider.py"])
    assert not (folder / "called").exists()


def test_a_transform_of_a_stranger_is_refused(folder):
    file = save(folder, {"_target_": "lungcam.nets.Small3D"}, transforms={"a": NET})
    with pytest.raises(InputError, match=r"outsider\.Net is code of"):
        load_predictor(file, CPU)
    assert untouched(folder)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        # its default is to fetch weights
        (
            {"_target_": "monai.networks.nets.EfficientNetBN", "model_name": "efficientnet-b0"},
            "rank 5",
        ),
        ({"_target_": "monai.networks.nets.resnet10", "pretrained": True}, "do not fit"),
        (
            {
                "_target_": "monai.networks.nets.HoVerNet",
                "pretrained_url": "file:///etc/hostname",
            },
            r"model\.pretrained_url=file.*: a checkpoint holds its weights itself",
        ),
        (
            {"_target_": "monai.networks.nets.TorchVisionFCModel", "weights": "DEFAULT"},
            r"model\.weights=DEFAULT: a checkpoint holds",
        ),
        (
            {
                "_target_": "lungcam.nets.Small3D",
                "channels": [
                    {
                        "_target_": "monai.networks.nets.HoVerNet",
                        "pretrained_url": "file:///etc/hostname",
                    }
                ],
            },
            r"its model: it reaches for files",
        ),
    ],
)
def test_a_net_fetches_nothing_while_it_is_made(folder, model, message):
    with pytest.raises(InputError, match=message):
        load_predictor(save(folder, model), CPU)


def test_layers_of_torch_may_be_settings_of_a_net(folder):
    model = {"_target_": "torch.nn.Sequential", "_args_": [{"_target_": "torch.nn.Flatten"}]}
    with pytest.raises(InputError, match="do not fit"):
        load_predictor(save(folder, model), CPU)
