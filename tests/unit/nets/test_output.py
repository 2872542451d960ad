"""Losses of outlines, places and attributes, against plain formulas and MONAI's."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from monai.losses import DiceLoss

from lungcam.nets import attribute_loss, location_loss, outline_loss

SHAPE = (2, 1, 4, 5, 6)


def outlines(seed: int, count: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shape = (count, *SHAPE[1:])
    return 3 * torch.randn(shape, generator=generator), torch.rand(shape, generator=generator)


@given(st.integers(0, 2**32 - 1))
def test_the_outlines_loss_is_monais_dice_and_cross_entropy(seed):
    outline, lesion = outlines(seed)
    dice = DiceLoss(sigmoid=True, squared_pred=True, smooth_nr=1, smooth_dr=1)(outline, lesion)
    p, y = outline.double().sigmoid().numpy(), lesion.double().numpy()
    entropy = -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()
    expected = float(dice) + 5 * float(entropy)
    assert float(outline_loss(outline, lesion)) == pytest.approx(expected, rel=1e-5)


def test_a_right_outline_has_no_loss_and_a_wrong_one_nearly_the_largest():
    lesion = torch.zeros(SHAPE)
    lesion[..., 1:3, 1:4, 2:5] = 1
    right = 40 * (lesion - 0.5)
    assert float(outline_loss(right, lesion)) == pytest.approx(0, abs=1e-5)
    # no voxel in both: of Dice only the 1 of numerator and denominator is left
    assert float(outline_loss(-right, lesion)) == pytest.approx(1 - 1 / 121 + 5 * 20, rel=1e-5)


def test_a_sample_without_an_outline_has_no_loss():
    outline, lesion = outlines(0, count=3)
    lesion[1] = 0
    outline.requires_grad_()
    loss = outline_loss(outline, lesion)
    loss.backward()
    assert torch.equal(loss, outline_loss(outline[[0, 2]], lesion[[0, 2]]))
    assert not outline.grad[1].any()
    assert outline.grad[[0, 2]].all()


def test_a_batch_without_outlines_has_no_loss():
    outline = outlines(0)[0].requires_grad_()
    loss = outline_loss(outline, torch.zeros(SHAPE))
    loss.backward()
    assert loss.item() == 0
    assert not outline.grad.any()


@given(st.integers(0, 2**32 - 1))
def test_the_location_loss_is_the_plain_formula(seed):
    outline, lesion = outlines(seed)
    p, y = outline.double().sigmoid().numpy(), lesion.double().numpy()
    entropy = -(y * np.log(p) + (1 - y) * np.log(1 - p))
    expected = ((p - y) ** 2 * entropy).sum() / (y.sum() + 1)
    assert float(location_loss(outline, lesion)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("loss", [outline_loss, location_loss])
def test_the_target_of_a_cell_is_its_share_of_the_lesion(loss):
    outline, lesion = outlines(1)
    fine = lesion.repeat_interleave(2, 2).repeat_interleave(2, 3).repeat_interleave(2, 4)
    assert float(loss(outline, fine)) == pytest.approx(float(loss(outline, lesion)), rel=1e-5)


def test_a_sample_without_a_known_place_has_no_gradient():
    outline, lesion = outlines(0, count=3)
    lesion[1] = 0
    outline.requires_grad_()
    location_loss(outline, lesion).backward()
    assert not outline.grad[1].any()
    assert outline.grad[[0, 2]].any()
    assert location_loss(outline, torch.zeros_like(lesion)).item() == 0


def test_unknown_attributes_have_no_loss():
    nan = float("nan")
    target = torch.tensor([[0.5, nan, 3.0], [nan, nan, -1.0]])
    predicted = torch.zeros(2, 3, requires_grad=True)
    loss = attribute_loss(predicted, target)
    loss.backward()
    # Huber loss: half the square within 1, and beyond it the distance less a half
    assert loss.item() == pytest.approx((0.125 + 2.5 + 0.5) / 3)
    assert torch.equal(predicted.grad != 0, ~target.isnan())
    assert predicted.grad[0].tolist() == pytest.approx([-0.5 / 3, 0, -1 / 3])


def test_a_batch_without_known_attributes_has_no_loss():
    predicted = torch.randn(2, 3, requires_grad=True)
    loss = attribute_loss(predicted, torch.full((2, 3), float("nan")))
    loss.backward()
    assert loss.item() == 0
    assert not predicted.grad.any()
