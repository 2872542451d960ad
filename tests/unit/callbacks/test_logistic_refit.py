"""Logistic regression of the last layer, against torch's gradients."""

import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from lungcam.callbacks import LogisticRefit
from lungcam.callbacks.logistic_refit import fit_logistic


@pytest.mark.parametrize("penalty", [0.5, 3.0, 100.0])
def test_gradient_vanishes_at_the_fit(penalty):
    generator = np.random.default_rng(0)
    features = generator.normal(size=(80, 4)) * (1, 50, 0.01, 1) + (0, 300, 0, 5)
    features[:, 3] = 5  # constant
    labels = (features[:, 0] + generator.normal(size=80) > 0.3).astype(float)
    weight, bias = fit_logistic(features, labels, penalty=penalty)
    spread = features.std(axis=0)
    w = torch.tensor(weight, requires_grad=True)
    b = torch.tensor(bias, dtype=torch.float64, requires_grad=True)
    z = torch.tensor(features) @ w + b
    loss = binary_cross_entropy_with_logits(z, torch.tensor(labels), reduction="sum")
    loss = loss + penalty / 2 * ((w * torch.tensor(spread)) ** 2).sum()
    loss.backward()
    varied = spread > 0
    assert np.abs(w.grad.numpy()[varied] / spread[varied]).max() < 1e-3
    assert abs(float(b.grad)) < 1e-3
    assert weight[3] == 0


def test_a_penalty_of_0_is_refused():
    with pytest.raises(ValueError, match=r"^penalty=0: give more than 0\.$"):
        LogisticRefit(0)
