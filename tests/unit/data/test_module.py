"""What the loaders serve, and in which order."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torchio as tio

from lungcam.cohorts import Cohort
from lungcam.data import PreparedDataset, ScanDataModule
from lungcam.data.cache import load


@pytest.fixture(scope="module")
def cohort(phantoms) -> Cohort:
    """Twenty people of both labels who share two scans."""
    people = [
        replace(
            phantoms.samples[i % 2],
            sample_id=f"scan-{i:02d}",
            patient_id=f"person-{i:02d}",
            label=i // 2 % 2,
        )
        for i in range(20)
    ]
    unknown = replace(people[0], sample_id="unknown", patient_id="nobody", label=None)
    return Cohort([unknown, *people], "a rule")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def make_module(cohort, transforms, cache):
    def make(seed: int = 0) -> ScanDataModule:
        module = ScanDataModule(
            cohort, transforms, cache, val=0.2, test=0.2, batch_size=5, workers=0, seed=seed
        )
        module.setup()
        return module

    return make


def order(loader) -> list[int]:
    return [index for batch in loader for index in batch["index"].tolist()]


def test_samples_without_a_label_are_left_out(make_module):
    splits = make_module().splits
    assert {side: len(found) for side, found in splits.items()} == {
        "train": 12,
        "val": 4,
        "test": 4,
    }
    assert "unknown" not in [sample.sample_id for found in splits.values() for sample in found]


def test_batches(make_module):
    module = make_module()
    batches = list(module.train_dataloader())
    assert [len(batch["label"]) for batch in batches] == [5, 5, 2]
    samples = module.datasets["train"].samples
    for batch in batches:
        assert {"input", "label", "index"} <= set(batch)
        images = batch["input"][tio.DATA]
        assert images.dtype == torch.float32
        assert images.shape[1:] == (1, 24, 20, 16)
        for image, label, index in zip(images, batch["label"], batch["index"], strict=True):
            sample = samples[int(index)]
            assert label == sample.label
            stored = load(module.datasets["train"].files[sample.sample_id])["input"]
            assert np.array_equal(image[0].numpy(), stored)


def test_training_order_is_shuffled_by_the_seed(make_module):
    loader = make_module().train_dataloader()
    first, second = order(loader), order(loader)
    assert sorted(first) == sorted(second) == list(range(12))
    assert first != second
    again = make_module().train_dataloader()
    assert [order(again), order(again)] == [first, second]
    assert order(make_module(seed=1).train_dataloader()) != first


def test_validation_and_test_keep_the_order_of_the_table(make_module):
    module = make_module()
    loaders = [module.val_dataloader(), *module.predict_dataloader()]
    for loader, side in zip(loaders, ("val", "val", "test"), strict=True):
        assert order(loader) == list(range(4))
        ids = [sample.sample_id for sample in loader.dataset.samples]
        assert ids == sorted(sample.sample_id for sample in module.splits[side])


def test_setting_up_twice_changes_nothing(make_module):
    module = make_module()
    before = module.datasets
    module.setup("predict")
    assert module.datasets is before


def test_a_prepared_sample_stands_on_its_grid(make_module):
    dataset: PreparedDataset = make_module().datasets["val"]
    prepared = dataset.prepared(1)
    assert len(dataset) == 4
    assert prepared.lungs.shape == prepared.input.shape == tuple(prepared.grid.shape)
    assert np.allclose(prepared.grid.spacing_mm, 18)
    subject = dataset[1]
    assert isinstance(subject, tio.Subject)
    assert np.array_equal(subject["input"].affine, prepared.grid.affine)
