"""RiskClassifier: training on what follow-up knows."""

import numpy as np
import pytest
import torch
from torch import nn

from lungcam.cohorts.survival import risk_targets
from lungcam.nets import Small3D, add_hazards, hazard_head
from lungcam.training.risk_classifier import RiskClassifier

SHAPE = (8, 8, 8)


@pytest.fixture
def batch():
    """Batch of cancer in year 2, no cancer in 6 years, loss in year 3, and cancer after 6 years."""
    torch.manual_seed(0)
    targets = [
        risk_targets(400, None),
        risk_targets(None, 2500),
        risk_targets(None, 800),
        risk_targets(2300, 2600),
    ]
    return {
        "input": torch.randn(4, 1, *SHAPE),
        "label": torch.tensor([1, 0, -1, 0]),
        "y_seq": torch.tensor(np.stack([y_seq for _, y_seq, _ in targets])).float(),
        "y_mask": torch.tensor(np.stack([y_mask for *_, y_mask in targets])).float(),
    }


@pytest.fixture
def classifier():
    torch.manual_seed(1)
    net = Small3D(channels=(2, 2, 4), hidden=(4, 4), input_shape=SHAPE)
    return RiskClassifier(add_hazards(net, 6)).eval()


def test_loss_is_the_mean_over_the_known_years(classifier, batch):
    with torch.no_grad():
        loss = float(classifier.training_step(batch, 0))
        logits = classifier.logits(batch["input"]).double().numpy()
    # known years by hand: 6 (none in the first, the event in all later ones), 6, 3 and 6
    terms = [np.log1p(np.exp(logits[0, 0]))]
    terms += [np.log1p(np.exp(-logits[0, k])) for k in range(1, 6)]
    terms += [
        np.log1p(np.exp(logits[row, k])) for row, n in ((1, 6), (2, 3), (3, 6)) for k in range(n)
    ]
    assert len(terms) == 21
    assert loss == pytest.approx(np.mean(terms), rel=1e-5)


def test_years_after_the_event_count_and_years_after_censoring_do_not(classifier, batch):
    def losses(row):
        single = {name: values[row : row + 1] for name, values in batch.items()}
        with torch.no_grad():
            return float(classifier.training_step(single, 0))

    before = [losses(row) for row in range(4)]
    with torch.no_grad():
        # from year 4 on the risk is higher
        hazard_head(classifier.net).linear.bias[3:] += 1
    event, free, lost, later = np.subtract([losses(row) for row in range(4)], before)
    assert lost == 0
    assert event < -1e-3
    assert min(free, later) > 1e-3


def test_forward_returns_the_logit_of_the_horizon(classifier, batch):
    with torch.no_grad():
        assert torch.equal(classifier(batch["input"]), classifier.logits(batch["input"])[:, -1])
        assert classifier.predict_step(batch, 0).shape == (4, 6)


def test_patients_and_years_of_events_are_learnt():
    torch.manual_seed(2)
    classifier = RiskClassifier(add_hazards(nn.Sequential(nn.Flatten(), nn.Linear(2, 1)), 6))
    # first number: cancer in year 1; second: in year 4
    image = torch.eye(2).repeat(8, 1)[:, None, None, None, :]
    targets = [risk_targets(100, None), risk_targets(1200, None)] * 8
    batch = {
        "input": image,
        "label": torch.ones(16, dtype=torch.int64),
        "y_seq": torch.tensor(np.stack([y_seq for _, y_seq, _ in targets])).float(),
        "y_mask": torch.tensor(np.stack([y_mask for *_, y_mask in targets])).float(),
    }
    optimizer = torch.optim.Adam(classifier.parameters(), 0.1)
    for _ in range(300):
        optimizer.zero_grad()
        classifier.training_step(batch, 0).backward()
        optimizer.step()
    risk = classifier.logits(image[:2]).sigmoid().detach().numpy()
    assert risk[0, 0] > 0.9
    assert risk[1, 2] < 0.1 < 0.9 < risk[1, 3]
