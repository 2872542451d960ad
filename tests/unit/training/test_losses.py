"""Losses against MONAI's and torch's."""

import numpy as np
import pytest
import torch
from monai.losses import FocalLoss as MonaiFocalLoss
from torch.nn import BCEWithLogitsLoss

from lungcam.errors import InputError
from lungcam.training.losses import FocalLoss, WeightedCrossEntropy, cross_entropy


@pytest.fixture(params=[(7,), (7, 3)], ids=["one logit", "yearly logits"])
def batch(request) -> tuple[torch.Tensor, torch.Tensor]:
    """Return logits, some extreme, and targets."""
    generator = torch.Generator().manual_seed(0)
    logits = 4 * torch.randn(request.param, generator=generator)
    logits.view(-1)[:2] = torch.tensor([60.0, -60.0])
    return logits, torch.randint(2, request.param, generator=generator)


def test_cross_entropy_is_that_of_torch(batch):
    logits, targets = batch
    expected = BCEWithLogitsLoss(reduction="none")(logits, targets.float())
    assert torch.equal(cross_entropy(logits, targets), expected)


@pytest.mark.parametrize("gamma", [0.0, 1.0, 2.0, 3.5])
def test_focal_loss_is_that_of_monai(batch, gamma):
    logits, targets = batch
    monai = MonaiFocalLoss(gamma=gamma, reduction="none", use_softmax=False)
    # MONAI wants a channel
    expected = monai(logits[:, None], targets.float()[:, None])[:, 0]
    torch.testing.assert_close(FocalLoss(gamma)(logits, targets), expected)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_gradient_of_the_focal_loss_is_finite_where_the_net_is_sure(gamma):
    logits = torch.tensor([200.0, -200.0, 0.0], requires_grad=True)
    FocalLoss(gamma)(logits, torch.tensor([1, 0, 1])).sum().backward()
    assert torch.isfinite(logits.grad).all()


def test_weights_of_the_classes_balance(batch):
    logits, targets = batch
    loss = WeightedCrossEntropy()
    loss.fit(np.array([1, 0, 0, 0, 1, 0, 0, 0]))
    assert loss.positive_weight == 3
    expected = BCEWithLogitsLoss(reduction="none", pos_weight=torch.tensor(3.0))
    torch.testing.assert_close(loss(logits, targets), expected(logits, targets.float()))


def test_a_given_weight_is_kept():
    loss = WeightedCrossEntropy(5.0)
    loss.fit(np.ones(4))
    assert loss.positive_weight == 5


def test_one_class_alone_cannot_be_weighted():
    with pytest.raises(InputError, match=r"loss\.positive_weight"):
        WeightedCrossEntropy().fit(np.zeros(4))


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda: FocalLoss(-1), "loss.gamma"),
        (lambda: FocalLoss(float("nan")), "loss.gamma"),
        (lambda: WeightedCrossEntropy(0), "loss.positive_weight"),
        (lambda: WeightedCrossEntropy(float("nan")), "loss.positive_weight"),
    ],
)
def test_impossible_settings_are_refused(make, key):
    with pytest.raises(InputError, match=key):
        make()
