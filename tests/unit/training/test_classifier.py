"""Classifier: logits, loss, metrics and a training step."""

import copy
from functools import partial

import pytest
import pytorch_lightning as pl
import torch
from monai.losses import DiceLoss
from torch.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau, StepLR
from torch.utils.data import DataLoader
from torchmetrics.functional.classification import (
    binary_accuracy,
    binary_auroc,
    binary_precision,
    binary_recall,
)

from lungcam.config.options import AuxiliaryWeights
from lungcam.errors import InputError
from lungcam.nets import NoduleNet, Small3D, attribute_loss, outline_loss
from lungcam.training.classifier import Classifier

SHAPE = (8, 6, 10)

# Lightning 2.6 calls torch 2.13 in a way that torch deprecates
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning")


def make_net() -> Small3D:
    torch.manual_seed(0)
    return Small3D(channels=(2, 3, 4), hidden=(6, 5), dropout=0.0)


def make_samples(n: int) -> list[dict]:
    generator = torch.Generator().manual_seed(1)
    return [
        {"input": torch.randn(1, *SHAPE, generator=generator), "label": i % 2, "index": i}
        for i in range(n)
    ]


@pytest.fixture
def loader() -> DataLoader:
    return DataLoader(make_samples(10), batch_size=4)


@pytest.fixture
def trainer(tmp_path, monkeypatch) -> pl.Trainer:
    monkeypatch.chdir(tmp_path)
    from lungcam.training.trainer import _silence_advice

    _silence_advice()
    return pl.Trainer(
        accelerator="cpu",
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        inference_mode=False,
    )


def test_loss_is_binary_cross_entropy(loader):
    classifier = Classifier(make_net()).eval()
    batch = next(iter(loader))
    with torch.no_grad():
        loss = classifier.training_step(batch, 0)
        p = torch.sigmoid(classifier(batch["input"]).double())
    y = batch["label"].double()
    by_hand = -(y * p.log() + (1 - y) * (1 - p).log()).mean()
    assert float(loss) == pytest.approx(float(by_hand), rel=1e-5)


@pytest.mark.parametrize("weights", [(0.3, 0.1), (0.5, 0.0), (0.0, 2.0)])
def test_losses_of_outline_and_attributes_are_weighted(weights):
    torch.manual_seed(0)
    reader = NoduleNet(shape=(16, 8, 8), attributes=("a", "b", "c"), width=4, hidden=6)
    torch.nn.init.normal_(reader.classifier.weight)
    auxiliary = AuxiliaryWeights(outline=weights[0], attributes=weights[1])
    classifier = Classifier(reader, auxiliary=auxiliary).eval()
    batch = {
        "input": torch.rand(3, 1, 16, 8, 8) * 2 - 1,
        "label": torch.tensor([1, 0, 1]),
        "lesion": torch.rand(3, 1, 16, 8, 8),
        "attributes": torch.tensor([[1.0, float("nan"), -2.0], [0.3, 0.4, 0.5], [0.0, 3.0, -3.0]]),
    }
    batch["lesion"][1] = 0
    with torch.no_grad():
        loss = classifier.training_step(batch, 0)
        output = reader.read(batch["input"])
    label = batch["label"].double()
    p = output.logit.double().sigmoid()[:, 0]
    expected = -(label * p.log() + (1 - label) * (1 - p).log()).mean()
    dice = DiceLoss(sigmoid=True, squared_pred=True, smooth_nr=1, smooth_dr=1)
    outline, lesion = (values[[0, 2]] for values in (output.outline, batch["lesion"]))
    entropy = torch.nn.functional.binary_cross_entropy(outline.sigmoid(), lesion)
    expected += weights[0] * (dice(outline, lesion) + 5 * entropy)
    known = ~batch["attributes"].isnan()
    error = (output.attributes - batch["attributes"])[known].abs()
    expected += weights[1] * torch.where(error < 1, error**2 / 2, error - 0.5).mean()
    assert float(loss) == pytest.approx(float(expected), rel=1e-4)


def test_samples_without_a_label_teach_outline_and_attributes_alone():
    torch.manual_seed(0)
    reader = NoduleNet(shape=(8, 8, 8), attributes=("a",), width=4, hidden=6)
    torch.nn.init.normal_(reader.classifier.weight)
    classifier = Classifier(reader, auxiliary=AuxiliaryWeights(outline=0.5, attributes=0.25)).eval()
    batch = {
        "input": torch.rand(4, 1, 8, 8, 8) * 2 - 1,
        "label": torch.tensor([1, -1, 0, -1]),
        "lesion": torch.rand(4, 1, 8, 8, 8),
        "attributes": torch.randn(4, 1),
    }
    with torch.no_grad():
        loss = classifier.training_step(batch, 0)
        output = reader.read(batch["input"])
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    auxiliary = 0.5 * outline_loss(output.outline, batch["lesion"])
    auxiliary += 0.25 * attribute_loss(output.attributes, batch["attributes"])
    expected = bce(output.logit[[0, 2], 0], torch.tensor([1.0, 0.0])) + auxiliary
    assert float(loss) == pytest.approx(float(expected), rel=1e-5)
    # only labelled samples count in the epoch's metrics
    ((logits, labels),) = classifier._epoch_outputs["train"]
    assert labels.tolist() == [1, 0]
    assert torch.equal(logits, output.logit[[0, 2], 0])
    batch["label"][:] = -1
    with torch.no_grad():
        assert float(classifier.training_step(batch, 0)) == pytest.approx(
            float(auxiliary), rel=1e-5
        )
    assert len(classifier._epoch_outputs["train"]) == 1


def test_validation_needs_labels_alone(trainer):
    reader = NoduleNet(shape=(8, 16, 8), width=4, hidden=6, attributes=("a",))
    classifier = Classifier(reader, auxiliary=AuxiliaryWeights(outline=0.3, attributes=0.1)).eval()
    images = [{"input": torch.randn(1, 8, 16, 8), "label": i % 2} for i in range(10)]
    # batches without lesion and attributes
    (figures,) = trainer.validate(classifier, DataLoader(images, batch_size=4), verbose=False)
    assert figures["val/loss"] == pytest.approx(torch.tensor(2.0).log().item(), abs=0.2)


def test_validation_metrics_pool_all_samples(loader, trainer):
    classifier = Classifier(make_net()).eval()
    with torch.no_grad():
        logits = torch.cat([classifier(batch["input"]) for batch in loader])
        # logits on both sides of the threshold make no metric trivial
        middle = logits[:4].min()
        classifier.net.fc3.bias -= middle
        logits = torch.cat([classifier(batch["input"]) for batch in loader])
    # some batch's logits all lie in [0, 1], where they might be taken for probabilities
    assert any(((part >= 0) & (part <= 1)).all() for part in logits.split(4))
    labels = torch.arange(10) % 2
    (figures,) = trainer.validate(classifier, loader, verbose=False)
    expected = {
        "val/auc": binary_auroc(logits.sigmoid(), labels),
        "val/accuracy": binary_accuracy(logits.sigmoid(), labels),
        "val/precision": binary_precision(logits.sigmoid(), labels),
        "val/recall": binary_recall(logits.sigmoid(), labels),
        "val/loss": torch.nn.functional.binary_cross_entropy_with_logits(logits, labels.float()),
    }
    for name, value in expected.items():
        assert figures[name] == pytest.approx(float(value), rel=1e-5), name


def test_a_training_step_changes_every_weight(loader, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    from lungcam.training.trainer import _silence_advice

    _silence_advice()
    classifier = Classifier(make_net(), optimizer=partial(torch.optim.AdamW, lr=1e-2))
    before = copy.deepcopy(classifier.state_dict())
    trainer = pl.Trainer(
        accelerator="cpu", fast_dev_run=True, enable_progress_bar=False, enable_model_summary=False
    )
    trainer.fit(classifier, loader, loader)
    assert trainer.global_step == 1
    after = classifier.state_dict()
    unchanged = [name for name in before if torch.equal(before[name], after[name])]
    assert unchanged == []
    assert 0 <= float(trainer.callback_metrics["train/auc"]) <= 1
    assert float(trainer.callback_metrics["val/loss"]) > 0


@pytest.mark.parametrize(
    ("scheduler", "rates"),
    [
        (partial(OneCycleLR, max_lr=1.0, pct_start=0.5), None),
        (partial(StepLR, step_size=1, gamma=0.1), [0.1, 0.01, 0.001]),
        # a loss never falls by as much
        (partial(ReduceLROnPlateau, patience=0, factor=0.1, threshold=0.99), [0.1, 0.1, 0.01]),
    ],
    ids=["each step", "each epoch", "on a plateau"],
)
def test_a_schedule_is_stepped_as_it_expects(loader, tmp_path, scheduler, rates):
    class Rates(pl.Callback):
        def on_train_batch_start(self, trainer, *_):
            seen.append(trainer.optimizers[0].param_groups[0]["lr"])

    seen = []
    optimizer = partial(torch.optim.SGD, lr=0.1)
    classifier = Classifier(make_net(), optimizer=optimizer, scheduler=scheduler)
    pl.Trainer(
        accelerator="cpu",
        max_epochs=3,
        default_root_dir=tmp_path,
        logger=False,
        callbacks=[Rates()],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    ).fit(classifier, loader, loader)
    steps = len(loader)
    assert len(seen) == 3 * steps
    if rates is None:
        assert len(set(seen)) == len(seen)
        assert max(seen) == pytest.approx(1.0, rel=0.2)
    else:
        assert seen == pytest.approx([rate for rate in rates for _ in range(steps)])


def test_predictions_are_logits_in_order(loader, trainer):
    classifier = Classifier(make_net()).eval()
    logits = torch.cat(trainer.predict(classifier, loader))
    images = torch.stack([sample["input"] for sample in make_samples(10)])
    with torch.no_grad():
        assert torch.allclose(logits, classifier(images), atol=1e-5)


def test_training_without_an_optimizer_is_refused():
    with pytest.raises(RuntimeError, match="made for prediction"):
        Classifier(make_net()).configure_optimizers()


def test_a_setting_that_an_optimizer_or_a_schedule_refuses_is_named():
    betas = partial(torch.optim.AdamW, betas=(2.0, 0.9))
    with pytest.raises(InputError, match=r"^optimizer: Invalid beta parameter"):
        Classifier(make_net(), optimizer=betas).configure_optimizers()
    falling = partial(torch.optim.lr_scheduler.ReduceLROnPlateau, factor=3.0)
    with pytest.raises(InputError, match=r"^scheduler: Factor should be < 1\.0"):
        Classifier(
            make_net(), optimizer=partial(torch.optim.AdamW, lr=0.1), scheduler=falling
        ).configure_optimizers()
