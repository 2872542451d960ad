"""NumberRegressor: the Huber loss of standardised numbers."""

import pytest
import torch
from torch import nn

from lungcam.training.number_regressor import NumberRegressor


@pytest.fixture
def regressor():
    regressor = NumberRegressor(nn.Sequential(nn.Flatten(), nn.Linear(1, 1)))
    with torch.no_grad():
        regressor.mean.fill_(10.0)
        regressor.spread.fill_(4.0)
        regressor.net[1].weight.fill_(1.0)
        regressor.net[1].bias.zero_()
    return regressor


def test_small_errors_count_squared_and_large_ones_linearly(regressor):
    # the net gives 10 + 4 * image: errors of 0.5 and of 3 standard deviations
    batch = {
        "input": torch.tensor([0.5, -3.0]).view(2, 1, 1, 1, 1),
        "number": torch.tensor([10.0] * 2),
    }
    loss = regressor.training_step(batch, 0)
    assert float(loss.detach()) == pytest.approx((0.5 * 0.5**2 + (3 - 0.5)) / 2)


def test_the_loss_does_not_depend_on_the_unit(regressor):
    batch = {"input": torch.randn(5, 1, 1, 1, 1), "number": torch.randn(5) * 4 + 10}
    before = float(regressor.training_step(batch, 0).detach())
    with torch.no_grad():
        regressor.mean.mul_(1000)
        regressor.spread.mul_(1000)
    batch["number"] = batch["number"] * 1000
    assert float(regressor.training_step(batch, 0).detach()) == pytest.approx(before, rel=1e-4)


def test_errors_are_logged_in_the_unit(regressor):
    numbers, predicted = torch.tensor([1.0, 5.0]), torch.tensor([2.0, 8.0])
    regressor.val_metrics.update(regressor.answers(predicted), numbers)
    figures = {name: float(value) for name, value in regressor.val_metrics.compute().items()}
    assert figures == {"val/mae": 2.0, "val/rmse": pytest.approx(5**0.5)}
