"""A start from weights that were trained before."""

import zipfile

import pytest
import torch
from monai.networks.nets import resnet10
from torch import nn

from lungcam.errors import InputError
from lungcam.nets import NoduleNet, Small3D
from lungcam.training.initial_weights import (
    freeze,
    frozen_modules,
    read_weights,
    start_from,
)


def make_net(seed: int = 0, hidden: tuple[int, int] = (6, 5)) -> Small3D:
    torch.manual_seed(seed)
    return Small3D(channels=(2, 3, 4), hidden=hidden)


def make_resnet(seed: int = 0, channels: int = 1) -> nn.Module:
    torch.manual_seed(seed)
    return resnet10(spatial_dims=3, n_input_channels=channels, num_classes=1, widen_factor=0.1)


@pytest.fixture
def save(tmp_path):
    """Function that saves an object as a file."""

    def save_as(content: object, name: str = "weights.pt"):
        torch.save(content, tmp_path / name)
        return tmp_path / name

    return save_as


def equal(net: nn.Module, other: nn.Module, but: tuple[str, ...] = ()) -> bool:
    theirs = other.state_dict()
    return all(
        torch.equal(tensor, theirs[name])
        for name, tensor in net.state_dict().items()
        if not name.startswith(but)
    )


@pytest.mark.parametrize(
    "wrap",
    [
        lambda weights: weights,
        lambda weights: {"state_dict": weights, "epoch": 3},
        lambda weights: {"model": {"state_dict": weights}},
        lambda weights: {f"module.{name}": tensor for name, tensor in weights.items()},
        lambda weights: {f"model.backbone.{name}": tensor for name, tensor in weights.items()},
        lambda weights: {"state_dict": {f"net.{n}": t for n, t in weights.items()}},
    ],
    ids=["plain", "nested", "nested twice", "parallel", "backbone", "lungcam"],
)
def test_wrappers_are_seen_through(save, wrap):
    trained, net = make_net(1), make_net(2)
    start = start_from(net, save(wrap(trained.state_dict())))
    assert equal(net, trained)
    assert (start.fresh, start.unused) == ({}, [])
    assert start.lines == ["22 of 22 tensors (100% of the weights) are those of weights.pt"]


def test_safetensors_are_read(tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    trained, net = make_net(1), make_net(2)
    safetensors.save_file(trained.state_dict(), tmp_path / "weights.safetensors")
    start_from(net, tmp_path / "weights.safetensors")
    assert equal(net, trained)
    (tmp_path / "weights.safetensors").write_bytes(b"not at all")
    with pytest.raises(InputError, match="not a whole file of safetensors"):
        start_from(net, tmp_path / "weights.safetensors")


def test_published_names_of_medicalnet_fit_monai(save):
    """Tencent/MedicalNet: a parallel ResNet under `state_dict`, with a head for segmentation."""
    trained, net = make_resnet(1), make_resnet(2)
    published = {
        f"module.{name}": tensor
        for name, tensor in trained.state_dict().items()
        if not name.startswith("fc.")
    }
    published["module.conv_seg.0.weight"] = torch.zeros(32, 51, 2, 2, 2)
    start = start_from(net, save({"state_dict": published, "epoch": 21}))
    assert equal(net, trained, but=("fc.",))
    assert set(start.fresh) == {"fc.weight", "fc.bias"}
    assert start.unused == ["module.conv_seg.0.weight"]
    assert "not in the file" in start.lines[1]


def test_one_channel_sums_three(save):
    trained, net = make_resnet(1, channels=3), make_resnet(2)
    start_from(net, save(trained.state_dict()))
    scan = torch.randn(2, 1, 16, 16, 16)
    with torch.no_grad():
        expected = trained.eval()(scan.expand(-1, 3, -1, -1, -1))
        torch.testing.assert_close(net.eval()(scan), expected)


def test_a_head_of_another_width_stays(save):
    trained, net = make_net(1, hidden=(6, 7)), make_net(2)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    start = start_from(net, save(trained.state_dict()))
    assert set(start.fresh) == {"fc2.weight", "fc2.bias", "fc3.weight"}
    assert start.fresh["fc2.weight"] == "(5, 6), in the file (7, 6)"
    assert all(torch.equal(net.state_dict()[name], before[name]) for name in start.fresh)
    assert equal(net, trained, but=tuple(start.fresh))


def test_names_are_mapped(save):
    trained, net = make_net(1), make_net(2)
    other = {name.replace("conv", "stage"): t for name, t in trained.state_dict().items()}
    start_from(net, save(other), names={"stage": "conv"})
    assert equal(net, trained)


def test_a_checkpoints_scans_are_known(save):
    content = {"state_dict": make_net().state_dict(), "lungcam": {"pixels": ["a", "b"]}}
    assert start_from(make_net(1), save(content)).pixels == {"a", "b"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (make_resnet().state_dict(), "0% of the model's weights, less than half"),
        ({"conv1.weight": torch.zeros(2, 1, 3, 3, 3)}, "less than half"),
        ({"epoch": 3, "model": {"name": "resnet"}}, "no weights by name"),
        ([torch.zeros(3)], "no weights by name"),
        ({"conv1.weight": torch.full((2, 1, 3, 3, 3), torch.nan)}, "not finite"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(save, content, message):
    net = make_net()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with pytest.raises(InputError, match=message):
        start_from(net, save(content))
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


class Gadget:
    """Object that runs code where it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return type(self.marker).touch, (self.marker,)


def test_nothing_in_a_file_is_executed(save, tmp_path):
    marker = tmp_path / "executed"
    file = save({"conv1.weight": torch.zeros(1), "gadget": Gadget(marker)})
    with pytest.raises(InputError, match="plain tensors"):
        read_weights(file)
    assert not marker.exists()


def test_a_compressed_archive_is_refused(save, tmp_path):
    file = save(make_net().state_dict())
    with zipfile.ZipFile(file) as archive, zipfile.ZipFile(tmp_path / "small.pt", "w", 8) as small:
        for member in archive.namelist():
            small.writestr(member, archive.read(member))
    with pytest.raises(InputError, match="plain tensors"):
        read_weights(tmp_path / "small.pt")


def test_patterns_freeze_weights_and_statistics():
    net = make_net()
    assert freeze(net, ["conv1.*", "norm1.*"]) == [
        *("conv1.bias", "conv1.weight", "norm1.bias", "norm1.weight")
    ]
    assert frozen_modules(net) == [net.conv1, net.norm1]
    assert sum(p.requires_grad for p in net.parameters()) == 16 - 4


@pytest.mark.parametrize(
    "net", [make_net(), make_resnet(), NoduleNet()], ids=lambda n: str(type(n))
)
def test_body_is_all_but_the_last_layer(net):
    freeze(net, ["body"])
    left = [name for name, p in net.named_parameters() if p.requires_grad]
    assert len(left) == 2
    assert {name.rpartition(".")[2] for name in left} == {"weight", "bias"}


@pytest.mark.parametrize(
    ("patterns", "message"), [(["layer9.*"], "no parameter is named layer9"), (["*"], "nothing is")]
)
def test_patterns_that_make_no_sense_are_refused(patterns, message):
    with pytest.raises(InputError, match=message):
        freeze(make_net(), patterns)
