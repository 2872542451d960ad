"""Nets from checkpoints are made within the size of the file; tests/attacks tries larger ones."""

import pytest
import torch
from torch import nn

from lungcam.errors import InputError
from lungcam.nets import Small3D
from lungcam.training import bounded_net
from lungcam.training.bounded_net import bounded, load_weights


@pytest.fixture
def file(tmp_path):
    torch.save({}, tmp_path / "a.ckpt")
    return tmp_path / "a.ckpt"


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.Linear(20_000, 20_000),
        lambda: torch.zeros(1).repeat(1 << 30),
        lambda: torch.arange(1 << 30),
        lambda: torch.eye(1 << 16),
        lambda: [torch.ones(1 << 20) for _ in range(100)],
        lambda: nn.ModuleList(nn.ReLU() for _ in range(100_000)),
        lambda: torch.zeros(4, 4).new_full((1 << 30,), 1.0),
    ],
)
def test_what_the_file_cannot_hold_is_not_made(file, make):
    with (
        pytest.raises(
            InputError, match=r"a\.ckpt: its weights do not fit its model, which is far larger"
        ),
        bounded(file, {}),
    ):
        make()


def test_a_net_of_its_size_is_made_and_the_count_ends_with_the_block(file, monkeypatch):
    weights = Small3D().state_dict()
    torch.save(weights, file)
    monkeypatch.setattr(bounded_net, "FREE_ELEMENTS", 0)
    with bounded(file, weights):
        net = Small3D()
    nn.ModuleList(nn.ReLU() for _ in range(30_000))
    load_weights(file, net, weights)
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, weights[name])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (torch.full((3,), float("nan")), "bias is not finite"),
        (torch.zeros(3, dtype=torch.int32), "bias is of type int32, not float32"),
        (torch.zeros(4), "its weights do not fit its model"),
    ],
)
def test_weights_that_do_not_fit_are_named(file, value, message):
    net = nn.Linear(2, 3)
    weights = net.state_dict() | {"bias": value}
    with pytest.raises(InputError, match=rf"a\.ckpt: {message}"):
        load_weights(file, net, weights)


def test_counts_of_batches_stay_whole_numbers(file):
    net = nn.BatchNorm1d(2)
    load_weights(file, net, net.state_dict())
    half = {name: tensor.half() if tensor.is_floating_point() else tensor
            for name, tensor in net.state_dict().items()}  # fmt: skip
    load_weights(file, net, half)
