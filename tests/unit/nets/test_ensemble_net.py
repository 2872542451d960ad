"""Several nets as one: bits of a single net, weights, mirror images and the number of passes."""

import numpy as np
import pytest
import torch

from lungcam.evaluation.ensemble import CHEST_MIRRORS, CUBE_MIRRORS
from lungcam.nets import EnsembleNet, LogitNet, Small3D, YearlyLogitNet, add_hazards
from lungcam.nets.ensemble_net import mirrored

WEIGHTS = (0.5, 0.3, 0.2)


def make_net(seed: int) -> LogitNet:
    torch.manual_seed(seed)
    return LogitNet(Small3D()).eval()


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.rand(2, 1, 12, 10, 14, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def nets() -> list[LogitNet]:
    return [make_net(seed) for seed in range(3)]


@torch.no_grad()
def test_an_ensemble_of_one_is_that_net_to_the_last_bit(nets, images):
    ensemble = LogitNet(EnsembleNet(nets[:1], [1.0]))
    assert torch.equal(ensemble(images), nets[0](images))
    assert torch.equal(ensemble.net.each(images)[0], nets[0].logits(images))


@torch.no_grad()
def test_the_logit_is_the_weighted_mean(nets, images):
    expected = sum(w * net(images).double() for w, net in zip(WEIGHTS, nets, strict=True))
    assert torch.allclose(EnsembleNet(nets, WEIGHTS)(images).double(), expected, atol=1e-6)


@torch.no_grad()
@pytest.mark.parametrize("mirrors", [CHEST_MIRRORS, CUBE_MIRRORS], ids=["chest", "cube"])
def test_each_net_is_averaged_over_mirror_images(nets, images, mirrors):
    each = EnsembleNet(nets, WEIGHTS, mirrors=mirrors).each(images)
    for net, logits in zip(nets, each, strict=True):
        arrays = [np.flip(images.numpy(), [2 + axis for axis in axes]) for axes in mirrors]
        expected = torch.stack([net(torch.from_numpy(array.copy())) for array in arrays]).mean(0)
        assert torch.allclose(logits, expected, atol=1e-6)
    # the mirror images are a group: a mirrored patient has the same logit
    plain = EnsembleNet(nets, WEIGHTS)
    for axes in mirrors[1:]:
        other = EnsembleNet(nets, WEIGHTS, mirrors=mirrors).each(mirrored(images, axes))
        assert torch.allclose(other, each, atol=1e-6)
        assert not torch.allclose(plain(mirrored(images, axes)), plain(images), atol=1e-6)


def test_the_mirror_images_are_those_that_make_sense():
    assert CHEST_MIRRORS == ((), (0,))
    assert CUBE_MIRRORS[0] == ()
    assert len(set(CUBE_MIRRORS)) == 8


@torch.no_grad()
@pytest.mark.parametrize("mirrors", [((),), CHEST_MIRRORS, CUBE_MIRRORS], ids=len)
def test_a_net_runs_once_for_each_mirror_image(nets, images, mirrors):
    passes = []
    handles = [
        net.register_forward_hook(lambda net, *_: passes.append(nets.index(net))) for net in nets
    ]
    try:
        EnsembleNet(nets, WEIGHTS, mirrors=mirrors)(images)
    finally:
        for handle in handles:
            handle.remove()
    assert sorted(passes) == sorted([0, 1, 2] * len(mirrors))


@torch.no_grad()
def test_nets_of_yearly_risks_give_every_year(images):
    nets = []
    for seed in range(2):
        torch.manual_seed(seed)
        nets.append(YearlyLogitNet(add_hazards(Small3D(), 6)).eval())
    ensemble = EnsembleNet(nets, [0.5, 0.5])
    each = ensemble.each(images)
    assert each.shape == (2, 2, 6)
    assert torch.equal(each[1], nets[1].logits(images))
    # the last year is that of label 1
    assert torch.allclose(ensemble(images), each.mean(0)[:, -1], atol=1e-6)
