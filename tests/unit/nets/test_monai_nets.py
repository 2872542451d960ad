"""MONAI's nets by name."""

from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from lungcam.config.instantiate import check_targets, instantiate
from lungcam.errors import InputError
from lungcam.nets.monai_nets import check_output, named_net

ROOT = Path(__file__).parents[3]
SHAPE = (32, 32, 32)


def test_a_name_gives_the_node_of_the_models_own_file():
    for name in ("resnet10", "densenet121"):
        own = OmegaConf.to_container(OmegaConf.load(ROOT / f"conf/model/{name}.yaml").model)
        assert named_net({"name": name}, shape=SHAPE) == own


@pytest.mark.parametrize(
    ("model", "target"),
    [
        ({"name": "resnet18", "no_max_pool": True}, "resnet18"),
        ({"name": "DenseNet169", "init_features": 16}, "DenseNet169"),
        ({"name": "SERESNET50"}, "seresnet50"),
        ({"name": "seresnext50"}, "seresnext50"),
        ({"name": "efficientnet-b0"}, "EfficientNetBN"),
        ({"name": "efficientnet_b1", "dropout_rate": 0.5}, None),
        ({"name": "Classifier", "channels": [4, 8], "strides": [2, 2]}, "Classifier"),
    ],
    ids=lambda value: value["name"] if isinstance(value, dict) else "",
)
def test_a_classifier_gives_one_logit(model, target):
    if target is None:
        # passed on, and refused by the net itself
        with pytest.raises(InputError, match="dropout_rate"):
            check_targets(named_net(model, shape=SHAPE), "model")
        return
    node = named_net(model, shape=SHAPE)
    assert node["_target_"].lower() == f"monai.networks.nets.{target}".lower()
    net = instantiate(node, "model").eval()
    with torch.no_grad():
        output = net(torch.zeros(1, 1, *SHAPE))
    check_output(model["name"], output)
    first = next(module for module in net.modules() if isinstance(module, torch.nn.Conv3d))
    assert first.in_channels == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnet19", r"^model\.name=resnet19: MONAI has no such net; did you mean resnet1\d\?\.$"),
        ("transmogrifier", r"^model\.name=transmogrifier: MONAI has no such net\.$"),
        ("VISTA3D", r"^model\.name=VISTA3D: it takes no number of input channels; choose"),
        ("get_efficientnet_image_size", "MONAI has no such net"),
    ],
)
def test_no_net_and_no_classifier_are_refused(name, message):
    with pytest.raises(InputError, match=message):
        named_net({"name": name}, shape=SHAPE)


def test_another_output_than_one_logit_is_refused():
    with pytest.raises(InputError, match=r"it gives 1 x 1 x 4 x 4 x 4, not one logit for a scan"):
        check_output("BasicUNet", torch.zeros(1, 1, 4, 4, 4))
    with pytest.raises(InputError, match=r"it gives a tuple, not one logit"):
        check_output("ViT", (torch.zeros(1, 1), []))
