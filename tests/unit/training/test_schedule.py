"""Schedules of the learning rate."""

import warnings
from pathlib import Path

import pytest
import torch
import yaml
from torch.optim.lr_scheduler import OneCycleLR

from lungcam.training.schedule import OneCycle

CONF = Path(__file__).parents[3] / "conf"
MAX_LR = 2e-3


def rates(schedule, total_steps: int, **settings) -> list[float]:
    """Return the learning rate of each step of a training."""
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=MAX_LR)
    scheduler = schedule(optimizer, MAX_LR, total_steps=total_steps, **settings)
    values = []
    with warnings.catch_warnings():
        # the optimizer makes no step
        warnings.simplefilter("ignore")
        for _ in range(total_steps):
            values.append(scheduler.get_last_lr()[0])
            scheduler.step()
    return values


@pytest.mark.parametrize("total_steps", [1, 2, 3, 4, 10, 50])
def test_a_training_without_a_rise_begins_at_the_highest_rate(total_steps):
    settings = {"pct_start": 1 / total_steps, "div_factor": 10, "cycle_momentum": False}
    with pytest.raises(ZeroDivisionError):
        rates(OneCycleLR, total_steps, **settings)
    values = rates(OneCycle, total_steps, **settings)
    assert values == sorted(values, reverse=True)
    assert values[0] == pytest.approx(MAX_LR if total_steps > 1 else MAX_LR / 10 / 1e4)
    assert values[-1] == pytest.approx(MAX_LR / 10 / 1e4)


@pytest.mark.parametrize("pct_start", [0.0, 0.02, 0.1, 0.15, 0.3])
def test_other_rates_are_those_of_torch(pct_start):
    settings = {"pct_start": pct_start, "div_factor": 25, "cycle_momentum": False}
    for total_steps in range(1, 120):
        if pct_start * total_steps != 1:
            expected = rates(OneCycleLR, total_steps, **settings)
            assert rates(OneCycle, total_steps, **settings) == expected


@pytest.mark.parametrize(
    "file", ["scheduler/cosine", "experiment/nlst_risk", "experiment/lidc_nodules"]
)
def test_the_configured_schedules_suit_every_length(file):
    node = yaml.safe_load((CONF / f"{file}.yaml").read_text())
    node = node.get("scheduler", node)
    for total_steps in range(1, 120):
        values = rates(OneCycle, total_steps, pct_start=node["pct_start"], cycle_momentum=False)
        assert max(values) <= MAX_LR * (1 + 1e-6)
