"""Loss of the detector, against the mean of chosen cells."""

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

from lungcam.detection.loss import HARDEST, OTHERS, detection_loss


def test_the_loss_is_that_of_nodules_hardest_and_all_other_cells():
    torch.manual_seed(0)
    logits = torch.randn(2, 6, 6, 6)
    target = torch.zeros_like(logits)
    target[0, 2:4, 2:4, 2:4] = 1
    used = torch.rand_like(logits) > 0.3
    expected = 0
    for number in range(2):
        inside = used[number] & (target[number] > 0)
        outside = used[number] & (target[number] == 0)
        losses = cross_entropy(logits[number], target[number], reduction="none")
        if inside.any():
            expected += losses[inside].mean()
        expected += losses[outside].sort(descending=True).values[:HARDEST].mean()
        expected += OTHERS * losses[outside].mean()
    assert float(detection_loss(logits, target, used=used)) == pytest.approx(float(expected / 2))


def test_a_cube_without_cells_costs_nothing():
    logits = torch.randn(1, 4, 4, 4, requires_grad=True)
    nothing = torch.zeros(1, 4, 4, 4, dtype=torch.bool)
    loss = detection_loss(logits, torch.zeros(1, 4, 4, 4), used=nothing)
    loss.backward()
    assert loss.item() == 0
    assert torch.isfinite(logits.grad).all()
