"""ClassClassifier: its loss by hand, its metrics, and losses that fit."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy as torchs

from lungcam.errors import InputError
from lungcam.nets import add_classes
from lungcam.training.class_classifier import ClassClassifier
from lungcam.training.losses import (
    FocalLoss,
    SoftmaxCrossEntropy,
    WeightedCrossEntropy,
    cross_entropy,
)


def make_classifier(**options) -> ClassClassifier:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(8, 1))
    return ClassClassifier(add_classes(net, 3), **options)


@pytest.fixture
def batch():
    torch.manual_seed(1)
    return {
        "input": torch.randn(9, 1, 2, 2, 2),
        "label": torch.tensor([0, 1, 2, 0, 0, 1, -1, 0, 2]),
    }


def test_the_loss_is_torchs_over_the_known_classes(batch):
    classifier = make_classifier()
    loss = classifier.training_step(batch, 0)
    known = batch["label"] >= 0
    expected = torchs(classifier.logits(batch["input"])[known], batch["label"][known])
    assert torch.allclose(loss, expected)


def test_balanced_classes_weigh_the_same_in_all(batch):
    classifier = make_classifier(loss=WeightedCrossEntropy())
    labels = np.array([0] * 6 + [1] * 3 + [2])
    classifier.loss.fit(labels)
    losses = classifier.loss(torch.zeros(10, 3), torch.from_numpy(labels))
    by_class = [float(losses[labels == number].sum()) for number in range(3)]
    assert by_class == pytest.approx([by_class[0]] * 3)
    assert float(losses.mean()) == pytest.approx(np.log(3), rel=1e-5)


@pytest.mark.parametrize("loss", [FocalLoss(), WeightedCrossEntropy(2.0)])
def test_a_loss_of_binary_targets_is_refused(loss):
    with pytest.raises(InputError, match="task=classes learns with the softmax cross-entropy"):
        make_classifier(loss=loss)


def test_the_configured_loss_is_recognised():
    assert not SoftmaxCrossEntropy.like(partial(cross_entropy)).balanced
    assert SoftmaxCrossEntropy.like(WeightedCrossEntropy()).balanced


def test_metrics_are_those_of_several_classes(batch):
    classifier = make_classifier()
    assert set(classifier.val_metrics.keys()) == {
        "val/auc",
        "val/accuracy",
        "val/balanced_accuracy",
    }
    logits = classifier.logits(batch["input"]).detach()
    known = batch["label"] >= 0
    classifier.val_metrics.update(classifier.answers(logits[known]), batch["label"][known])
    figures = classifier.val_metrics.compute()
    right = (logits.argmax(1) == batch["label"])[known].float().mean()
    assert float(figures["val/accuracy"]) == pytest.approx(float(right))
