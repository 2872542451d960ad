"""Batches from the cache are checked, repaired, and augmented by seed and epoch alone."""

from dataclasses import replace

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
import torchio as tio

from lungcam.cohorts import Cohort
from lungcam.data import PreparedDataset, SplitRule
from lungcam.data.cache_entry import read_entry
from lungcam.data.datamodule import ScanDataModule
from lungcam.data.prepare import plan, prepare_cohort
from lungcam.errors import InputError
from lungcam.training.classifier import Classifier

pytestmark = pytest.mark.usefixtures("one_processor")
NOISE = tio.RandomNoise(std=(0.5, 1.0))


@pytest.fixture
def make_dataset(crops, nodule, tmp_path):
    """Function of (augmentation, seed) that returns eight crops in files that may be changed."""

    def make(augmentation=None, seed: int = 0, samples=crops[:8]) -> PreparedDataset:
        files = prepare_cohort(plan(samples, nodule, root=tmp_path), nodule).files
        return PreparedDataset(
            samples, files, transforms=nodule, augmentation=augmentation, seed=seed
        )

    return make


def damage(dataset: PreparedDataset, index: int, name: str) -> bytes:
    """Flip a bit in the middle of an array on the disk; return the previous content."""
    file = dataset.file(index)
    before = file.read_bytes()
    entry = read_entry(file)
    position = entry.begin + entry.arrays[name].offset + entry.arrays[name].size // 2
    file.write_bytes(before[:position] + bytes([before[position] ^ 4]) + before[position + 1 :])
    assert not read_entry(file).is_intact(name)
    return before


def test_a_batch_holds_the_prepared_inputs(make_dataset):
    dataset = make_dataset()
    batch = dataset.__getitems__([5, 2, 3])
    assert batch["index"].tolist() == [5, 2, 3]
    assert batch["label"].tolist() == [1, 0, 1]
    assert batch["input"].shape == (3, 1, 8, 8, 8)
    for row, index in enumerate([5, 2, 3]):
        assert np.array_equal(batch["input"][row, 0], dataset.prepared(index).input)
    # a batch is a copy
    batch["input"].zero_()
    assert dataset[5]["input"].abs().sum() > 0


@pytest.mark.parametrize("name", ["input", "lungs"])
def test_a_damaged_array_is_prepared_again(make_dataset, name):
    expected = make_dataset().prepared(3)
    expected = (expected.input.copy(), expected.lungs.copy())
    dataset = make_dataset()
    before = damage(dataset, 3, name)
    if name == "input":
        assert np.array_equal(dataset[3]["input"][0, 0], expected[0])
    result = dataset.prepared(3)
    assert np.array_equal(result.input, expected[0])
    assert np.array_equal(result.lungs, expected[1])
    assert dataset.file(3).read_bytes() == before


def test_a_removed_entry_is_prepared_again(make_dataset):
    dataset = make_dataset()
    expected = dataset[0]["input"]
    dataset.file(0).unlink()
    assert torch.equal(dataset[0]["input"], expected)


def test_a_damaged_entry_without_its_scan_is_refused(make_dataset, crops):
    samples = [replace(crops[0], image=crops[0].image.with_name("gone.nii.gz")), *crops[1:8]]
    dataset = make_dataset()
    dataset.samples[0] = samples[0]
    damage(dataset, 0, "input")
    with pytest.raises(InputError, match=r"gone\.nii\.gz: there is no such file"):
        dataset[0]


# further targets of training


@pytest.fixture
def dataset_with_targets(outlined, nodule, tmp_path) -> PreparedDataset:
    """Data set of eight crops with their lesions and two attributes."""
    samples = outlined[:8]
    files = prepare_cohort(plan(samples, nodule, root=tmp_path, lesions=True), nodule).files
    attributes = np.arange(16, dtype=np.float32).reshape(8, 2)
    attributes[5, 1] = np.nan
    return PreparedDataset(samples, files, transforms=nodule, attributes=attributes, lesions=True)


def test_a_batch_holds_lesions_and_attributes_if_they_are_targets(
    dataset_with_targets, make_dataset
):
    batch = dataset_with_targets.__getitems__([5, 4, 1])
    assert set(make_dataset().__getitems__([5])) == {"input", "label", "index"}
    assert set(batch) == {"input", "label", "index", "lesion", "attributes"}
    assert (batch["lesion"].dtype, batch["lesion"].shape) == (torch.float32, (3, 1, 8, 8, 8))
    for row, index in enumerate([5, 4, 1]):
        entry = read_entry(dataset_with_targets.file(index))
        if "lesion" in entry.arrays:
            expected = torch.from_numpy(entry.array("lesion") / np.float32(255))
            assert torch.equal(batch["lesion"][row, 0], expected)
            assert 0 < batch["lesion"][row].max() <= 1
        else:
            assert not batch["lesion"][row].any()
    assert batch["lesion"].flatten(1).any(1).tolist() == [True, False, True]
    assert (batch["attributes"].dtype, batch["attributes"].shape) == (torch.float32, (3, 2))
    assert batch["attributes"][0, 0] == 10
    assert batch["attributes"].isnan().tolist() == [[False, True], [False, False], [False, False]]


@pytest.mark.parametrize("name", ["input", "lesion"])
def test_a_damaged_entry_is_prepared_again_with_its_lesion(dataset_with_targets, name):
    samples = dataset_with_targets.samples
    expected = PreparedDataset(
        samples,
        {sample.sample_id: dataset_with_targets.file(i) for i, sample in enumerate(samples)},
        transforms=dataset_with_targets.transforms,
        lesions=True,
    ).__getitems__([3])
    before = damage(dataset_with_targets, 3, name)
    result = dataset_with_targets.__getitems__([3])
    assert torch.equal(result["input"], expected["input"])
    assert torch.equal(result["lesion"], expected["lesion"])
    assert result["lesion"].any()
    assert dataset_with_targets.file(3).read_bytes() == before


# augmentation


def test_augmentation_depends_on_seed_epoch_and_sample_alone(make_dataset):
    dataset = make_dataset(NOISE)
    first = dataset.__getitems__([1, 2])["input"]
    # another batch and another state of the global generator
    torch.manual_seed(99)
    again = dataset.__getitems__([2, 4, 1])["input"]
    assert torch.equal(again[2], first[0])
    assert torch.equal(again[0], first[1])
    dataset.epoch.fill_(1)
    second = dataset.__getitems__([1, 2])["input"]
    assert not torch.equal(second, first)
    assert not torch.equal(make_dataset(NOISE, seed=1).__getitems__([1, 2])["input"], first)
    dataset.epoch.fill_(0)
    assert torch.equal(dataset.__getitems__([1, 2])["input"], first)


def test_augmentation_does_not_change_the_global_generator(make_dataset):
    dataset = make_dataset(NOISE)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    dataset.__getitems__([1, 2])
    assert torch.equal(torch.get_rng_state(), before)


def test_a_worker_process_reads_the_same_batches_in_every_epoch(crops, nodule, tmp_path):
    def epochs(workers: int) -> list[torch.Tensor]:
        module = ScanDataModule(
            Cohort(crops, "a rule"),
            nodule,
            cache=tmp_path,
            split=SplitRule(val=0.2, test=0.2),
            batch_size=5,
            workers=workers,
            seed=0,
            augmentation=tio.Compose([NOISE]),
        )
        module.setup()
        loader = module.train_dataloader()
        images = []
        for epoch in (0, 1):
            loader.sampler.set_epoch(epoch)
            images.append(torch.cat([batch["input"] for batch in loader]))
        return images

    alone = epochs(0)
    assert not torch.equal(*alone)
    assert all(torch.equal(images, other) for images, other in zip(alone, epochs(1), strict=True))


class Recorded(pl.Callback):
    """Callback that records the network's inputs."""

    def __init__(self):
        self.shown: list[tuple[bool, torch.Tensor, list[int]]] = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.shown.append((True, batch["input"], batch["index"].tolist()))

    def on_validation_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.shown.append((False, batch["input"], batch["index"].tolist()))


def brightened(batch: dict, generator: torch.Generator) -> dict:
    """Add a random number to each input."""
    added = torch.rand(len(batch["input"]), 1, 1, 1, 1, generator=generator)
    return {**batch, "input": batch["input"] + added}


@pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning")
def test_a_batch_is_augmented_as_a_whole_in_training_only(crops, nodule, tmp_path):
    from lungcam.training.trainer import _silence_advice

    _silence_advice()

    def run(start: int) -> list[tuple[bool, torch.Tensor, list[int]]]:
        module = ScanDataModule(
            Cohort(crops, "a rule"),
            nodule,
            cache=tmp_path,
            split=SplitRule(val=0.2, test=0.2),
            batch_size=5,
            workers=0,
            seed=0,
            batch_augmentation=brightened,
        )
        net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(512, 1))
        recorded = Recorded()
        trainer = pl.Trainer(
            accelerator="cpu",
            max_epochs=2,
            callbacks=[recorded],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
        trainer.fit_loop.epoch_progress.current.processed = start
        trainer.fit_loop.epoch_progress.current.completed = start
        torch.manual_seed(start)
        trainer.fit(
            Classifier(net, optimizer=lambda p: torch.optim.SGD(p, lr=0.1)), datamodule=module
        )
        plain = module.datasets
        for training, shown, index in recorded.shown:
            stored = plain["train" if training else "val"].__getitems__(index)["input"]
            added = (shown - stored).flatten(1)
            assert torch.allclose(added, added[:, :1].expand_as(added), atol=1e-6)
            assert bool((added > 1e-4).any()) == training
        return recorded.shown

    both, resumed = run(0), run(1)
    # three batches of training and one of validation in each epoch
    assert [training for training, _, _ in both] == [True, True, True, False] * 2
    assert both[0][2] != both[4][2]
    # the second epoch is the same without the first
    for (_, images, indices), (_, same_images, same_indices) in zip(both[4:], resumed, strict=True):
        assert indices == same_indices
        assert torch.equal(images, same_images)
