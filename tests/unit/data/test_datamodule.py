"""Batches of the data module, their order and targets, and samples that are left out."""

import socket
from dataclasses import replace

import numpy as np
import pytest
import torch
import torchio as tio
from torchmetrics.functional.classification import binary_auroc

from lungcam.cohorts import Cohort, Sample
from lungcam.cohorts.sample import ScanNodule
from lungcam.cohorts.table import table_cohort
from lungcam.data import (
    PreparedDataset,
    SplitRule,
    split_cohort,
    usable_samples,
    write_manifest,
)
from lungcam.data.auxiliary_targets import attribute_table
from lungcam.data.cache_entry import read_entry
from lungcam.data.datamodule import ScanDataModule
from lungcam.data.sampler import EpochSampler
from lungcam.errors import InputError
from lungcam.explain import ball_share
from lungcam.transforms import NoduleView, pipeline

pytestmark = pytest.mark.usefixtures("one_processor")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def make_module(crops, nodule, cache):
    """Function of (samples, ...) that returns a prepared module."""

    def make(samples=None, seed: int = 0, split=None, notes=()) -> ScanDataModule:
        module = ScanDataModule(
            Cohort(crops if samples is None else samples, "a rule", notes),
            nodule,
            cache=cache,
            split=split or SplitRule(val=0.2, test=0.2),
            batch_size=5,
            workers=0,
            seed=seed,
        )
        module.setup()
        return module

    return make


def order(loader) -> list[int]:
    return [index for batch in loader for index in batch["index"].tolist()]


def sample_ids(module: ScanDataModule) -> set[str]:
    return {sample.sample_id for members in module.splits.values() for sample in members}


# samples that can be trained on


def test_samples_without_a_label_are_left_out_with_a_note(crops, make_module):
    unknown = replace(crops[0], sample_id="unknown", patient_id="nobody", label=None)
    module = make_module([unknown, *crops], notes=["A note of the cohort."])
    assert {split: len(members) for split, members in module.splits.items()} == {
        "train": 12,
        "val": 4,
        "test": 4,
    }
    assert "unknown" not in sample_ids(module)
    assert module.notes == [
        "A note of the cohort",
        "left out, since the rule gives no label: 1 of 21 samples",
    ]


def test_the_nodule_view_leaves_out_samples_without_a_centre_unless_all_lack_it(crops, nodule):
    bare = [replace(crop, center_mm=None) for crop in crops]
    assert usable_samples(bare, nodule) == (bare, [])
    used, notes = usable_samples([*crops[:15], *bare[15:]], nodule)
    assert used == crops[:15]
    assert notes == ["left out, since there is no centre to show: 5 of 20 samples"]


def test_the_lungs_view_needs_no_centre(crops, transforms):
    bare = [*crops[:3], replace(crops[3], center_mm=None)]
    assert usable_samples(bare, transforms) == (bare, [])


def test_a_bad_scan_among_good_ones_is_left_out_with_the_reason(crops, make_module, tmp_path):
    broken = tmp_path / "broken.nii.gz"
    broken.write_bytes(b"this is no NIfTI")
    samples = [*crops[:4], replace(crops[4], image=broken), *crops[5:]]
    module = make_module(samples)
    assert set(module.left_out) == {"crop-04"}
    assert "broken.nii.gz" in module.left_out["crop-04"]
    assert sample_ids(module) == {crop.sample_id for crop in crops} - {"crop-04"}
    assert sample_ids(module) == set(module.pixels)
    assert sum(len(dataset) for dataset in module.datasets.values()) == 19


def test_a_cohort_of_bad_scans_alone_is_refused_with_the_first(crops, make_module, tmp_path):
    gone = [replace(crop, image=tmp_path / f"{crop.sample_id}.nii.gz") for crop in crops]
    with pytest.raises(InputError, match=r"crop-\d\d\.nii\.gz: there is no such file"):
        make_module(gone)


def test_a_split_that_loses_a_label_is_refused_with_the_reason(crops, make_module, tmp_path):
    rule = SplitRule(val=0.2, test=0.2)
    splits, _ = rule.split(crops, 0)
    lost = {crop.sample_id for crop in splits["val"] if crop.label == 1}
    assert lost
    gone = tmp_path / "gone.nii.gz"
    samples = [
        replace(crop, image=gone.with_name(f"{crop.sample_id}.nii.gz"))
        if crop.sample_id in lost
        else crop
        for crop in crops
    ]
    with pytest.raises(InputError) as error:
        make_module(samples)
    message = str(error.value)
    assert message.startswith("val: 0 positive and 2 negative samples are left; 2 were left out")
    assert "there is no such file" in message
    assert "\n" not in message


# batches and their order


def test_batches_hold_the_stored_inputs_and_the_labels(make_module):
    module = make_module()
    batches = list(module.train_dataloader())
    assert [len(batch["label"]) for batch in batches] == [5, 5, 2]
    samples = module.datasets["train"].samples
    for batch in batches:
        assert {"input", "label", "index"} <= set(batch)
        images = batch["input"]
        assert images.dtype == torch.float32
        assert images.shape[1:] == (1, 8, 8, 8)
        for image, label, index in zip(images, batch["label"], batch["index"], strict=True):
            sample = samples[int(index)]
            assert label == sample.label
            row = samples.index(sample)
            stored = read_entry(module.datasets["train"].file(row)).array("input")
            assert np.array_equal(image[0].numpy(), stored)


def test_training_order_is_shuffled_by_the_seed(make_module):
    def orders(*epochs: int, seed: int = 0) -> list[list[int]]:
        loader = make_module(seed=seed).train_dataloader()
        orders_of_epochs = []
        for epoch in epochs:
            loader.sampler.set_epoch(epoch)
            orders_of_epochs.append(order(loader))
        return orders_of_epochs

    first, second = orders(0, 1)
    assert sorted(first) == sorted(second) == list(range(12))
    assert first != second
    # whatever came before: a resumed run has the orders of an uninterrupted run
    assert orders(1, 0) == [second, first]
    # different from the orders of another seed, even of a neighbouring seed and epoch
    others = {tuple(indices) for indices in orders(0, 1, 2, seed=1)}
    assert not others & {tuple(first), tuple(second)}


def test_reading_batches_does_not_change_the_global_generator(make_module):
    module = make_module()
    for loader in (module.train_dataloader(), module.val_dataloader()):
        torch.manual_seed(3)
        order(loader)
        after = torch.rand(1)
        torch.manual_seed(3)
        assert torch.equal(torch.rand(1), after)


def test_processes_that_train_together_share_an_epoch(make_module):
    dataset = make_module().datasets["train"]
    orders = [EpochSampler(dataset, 0, replicas=2, rank=rank) for rank in range(2)]
    alone = EpochSampler(dataset, 0)
    for sampler in (*orders, alone):
        sampler.set_epoch(4)
    first, second = map(list, orders)
    assert [index for pair in zip(first, second, strict=True) for index in pair] == list(alone)


def test_validation_and_test_keep_the_order_of_the_table(make_module):
    module = make_module()
    loaders = [module.val_dataloader(), *module.predict_dataloader()]
    for loader, split in zip(loaders, ("val", "val", "test"), strict=True):
        assert order(loader) == list(range(4))
        ids = [sample.sample_id for sample in loader.dataset.samples]
        assert ids == sorted(sample.sample_id for sample in module.splits[split])


def test_setting_up_twice_changes_nothing(make_module):
    module = make_module()
    before = module.datasets
    module.setup("predict")
    assert module.datasets is before


def test_files_that_a_killed_process_left_in_the_cache_are_deleted(make_module, cache):
    # no process has such a number
    left = cache / f".{socket.gethostname()}~4194305~0123abcd.hashes.json"
    left.touch()
    make_module()
    assert not left.exists()


def test_a_prepared_sample_has_its_grid(make_module):
    dataset: PreparedDataset = make_module().datasets["val"]
    prepared = dataset.prepared(1)
    assert len(dataset) == 4
    assert prepared.lungs.shape == prepared.input.shape == tuple(prepared.grid.shape)
    assert np.allclose(prepared.grid.spacing_mm, 4)
    assert (prepared.findings, prepared.quality, prepared.picture) == ([], {}, None)
    batch = dataset[1]
    assert np.array_equal(batch["input"][0, 0].numpy(), prepared.input)


def test_depths_of_crops_are_in_mm(make_module):
    module = make_module()
    for split, members in module.splits.items():
        # by hand: 4 slices of 3 mm, and 7 for label 1
        assert module.crop_depths(split) == {
            sample.sample_id: pytest.approx(21.0 if sample.label else 12.0) for sample in members
        }


def test_a_whole_chest_is_no_crop(phantoms, nodule, crops, cache):
    whole = [
        Sample(
            sample_id=f"whole-{i}",
            patient_id=f"whole-{i}",
            image=phantom.image,
            label=i % 2,
            label_source="",
            center_mm=phantom.center_mm,
        )
        for i, phantom in enumerate(phantoms.samples)
        if phantom.center_mm is not None
    ]
    module = ScanDataModule(
        Cohort([*crops, *whole], "a rule"),
        nodule,
        cache=cache,
        split=SplitRule(val=0.2, test=0.2),
        batch_size=4,
        workers=0,
        seed=0,
    )
    module.setup()
    depths = {name for split in module.splits for name in module.crop_depths(split)}
    assert depths == {crop.sample_id for crop in crops}


# further targets of training


def make_with_targets(samples, transforms, cache, **targets) -> ScanDataModule:
    module = ScanDataModule(
        Cohort(samples, "a rule"),
        transforms,
        cache=cache,
        split=SplitRule(val=0.2, test=0.2),
        batch_size=5,
        workers=0,
        seed=0,
        **targets,
    )
    module.setup()
    return module


def test_training_batches_alone_hold_attributes(outlined, nodule, cache):
    names = ("diameter_mm", "margin")
    module = make_with_targets(outlined, nodule, cache, attributes=names, lesions=True)
    samples = module.splits["train"]
    known = attribute_table(samples, names)
    expected = (known - np.nanmean(known, axis=0)) / np.nanstd(known, axis=0)
    seen = 0
    for batch in module.train_dataloader():
        rows = batch["index"].numpy()
        attributes = batch["attributes"].numpy()
        assert np.allclose(attributes, expected[rows], atol=1e-5, equal_nan=True)
        has_outline = batch["lesion"].flatten(1).any(1).tolist()
        assert has_outline == [samples[i].lesion_mask is not None for i in rows]
        seen += len(rows)
    assert seen == 12
    for loader in (module.val_dataloader(), *module.predict_dataloader()):
        for batch in loader:
            assert "attributes" not in batch
            assert batch["input"].shape == (4, 1, 8, 8, 8)


def test_batches_have_no_further_targets_by_default(outlined, nodule, cache):
    module = make_with_targets(outlined, nodule, cache)
    for loader in (module.train_dataloader(), module.val_dataloader()):
        assert all(set(batch) == {"input", "label", "index"} for batch in loader)


def test_samples_without_a_label_teach_outlines_and_attributes(outlined, nodule, cache):
    crops = [
        replace(crop, label=None, patient_id="nobody") if i in (3, 5, 8) else crop
        for i, crop in enumerate(outlined)
    ]
    # 8 has no mask, and 3 no feature
    assert [bool(crops[i].lesion_mask) for i in (3, 5, 8)] == [True, True, False]
    module = make_with_targets(crops, nodule, cache, lesions=True, attributes=("margin",))
    alone = make_with_targets(crops, nodule, cache)
    names = [crop.sample_id for crop in module.splits["train"]]
    assert names == [crop.sample_id for crop in alone.splits["train"]] + [
        crops[i].sample_id for i in (3, 5, 8)
    ]
    assert {split: module.splits[split] for split in ("val", "test")} == {
        split: alone.splits[split] for split in ("val", "test")
    }
    assert module.notes[-1] == "3 samples without a label teach outlines and attributes"
    labels = {}
    for batch in module.train_dataloader():
        labels |= dict(zip(batch["index"].tolist(), batch["label"].tolist(), strict=True))
    assert [labels[i] for i in range(len(names))] == [
        -1 if crop.label is None else crop.label for crop in module.splits["train"]
    ]
    by_mask = make_with_targets(crops, nodule, cache, lesions=True)
    assert [crop.sample_id for crop in by_mask.splits["train"] if crop.label is None] == [
        crops[i].sample_id for i in (3, 5)
    ]


def test_training_batches_alone_hold_the_places_of_nodules(crops, nodule, cache):
    nodules = (ScanNodule(crops[0].center_mm, 9.0, True),)
    annotated = [
        replace(crop, diameter_mm=None if i % 4 == 3 else 9.0) for i, crop in enumerate(crops)
    ]
    annotated[0] = replace(annotated[0], nodules=nodules)
    module = make_with_targets(annotated, nodule, cache, locations=True)
    dataset, samples = module.datasets["train"], module.splits["train"]
    for batch in module.train_dataloader():
        assert batch["lesion"].shape == batch["input"].shape
        for row, index in enumerate(batch["index"].tolist()):
            sample, grid = samples[index], dataset.prepared(index).grid
            share = batch["lesion"][row, 0].numpy()
            if sample.diameter_mm is None:
                assert not share.any()
            else:
                expected = ball_share(np.array(sample.center_mm), 9.0, grid=grid)
                assert share == pytest.approx(expected, abs=0.5 / 255 + 1e-6)
                assert share.any()
    for loader in (module.val_dataloader(), *module.predict_dataloader()):
        assert all("lesion" not in batch for batch in loader)
    assert not any("no nodule" in note for note in module.notes)


def test_a_mask_precedes_the_place_of_a_nodule(outlined, nodule, cache):
    samples = [replace(crop, diameter_mm=30.0) for crop in outlined]
    both = make_with_targets(samples, nodule, cache, lesions=True, locations=True).datasets["train"]
    masks = make_with_targets(samples, nodule, cache, lesions=True).datasets["train"]
    for index, sample in enumerate(both.samples):
        if sample.lesion_mask:
            assert torch.equal(both[index]["lesion"], masks[index]["lesion"])
        else:
            assert both[index]["lesion"].any()
            assert not masks[index]["lesion"].any()


def test_unknown_places_of_all_nodules_are_noted(crops, nodule, cache):
    module = make_with_targets(
        [replace(crop, diameter_mm=None) for crop in crops], nodule, cache, locations=True
    )
    assert [note for note in module.notes if note.startswith("no nodule of the training samples")]
    assert not any(batch["lesion"].any() for batch in module.train_dataloader())


def test_no_patient_of_validation_or_test_is_trained_on_without_a_label(
    outlined, nodule, cache, tmp_path
):
    splits = make_with_targets(outlined, nodule, cache).splits
    held_out = {crop.patient_id for split in ("val", "test") for crop in splits[split]}
    # a second, undecided nodule of every person
    others = [
        replace(crop, sample_id=f"{crop.sample_id}-b", label=None, series_uid=None)
        for crop in outlined
        if crop.lesion_mask
    ]
    module = make_with_targets([*outlined, *others], nodule, cache, lesions=True)
    unlabelled_patients = {crop.patient_id for crop in module.splits["train"] if crop.label is None}
    assert unlabelled_patients == {crop.patient_id for crop in others} - held_out
    # nor of the manifest's test, though this cohort has no labelled nodule of the patient
    write_manifest(tmp_path / "splits.csv", splits, pixels={})
    gone = sorted(held_out)[0]
    rest = [crop for crop in outlined if crop.patient_id != gone]
    by_rule = SplitRule(val=0.2, test=0.2, manifest=str(tmp_path / "splits.csv"))
    followed, _ = split_cohort(
        Cohort([*rest, *others], "a rule"), nodule, split=by_rule, seed=0, lesions=True
    )
    assert not {crop.patient_id for crop in followed["train"]} & held_out


def test_an_attribute_of_no_training_sample_is_refused(outlined, nodule, cache):
    with pytest.raises(InputError, match=r"^model\.attributes: age is known for no training"):
        make_with_targets(outlined, nodule, cache, attributes=("margin", "age"))


def test_outlines_of_no_training_sample_are_refused(crops, nodule, cache):
    with pytest.raises(InputError, match=r"^auxiliary\.outline: no training sample has a mask"):
        make_with_targets(crops, nodule, cache, lesions=True)


def test_augmentation_that_moves_the_input_without_the_mask_is_refused(outlined, nodule, cache):
    flip = tio.Compose({"flip": tio.RandomFlip()})
    with pytest.raises(InputError, match=r"^auxiliary\.outline: TorchIO's") as caught:
        make_with_targets(outlined, nodule, cache, lesions=True, augmentation=flip)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=r"^auxiliary\.location: TorchIO's"):
        make_with_targets(outlined, nodule, cache, locations=True, augmentation=flip)
    # without outlines it is accepted, and so is an empty list
    make_with_targets(outlined, nodule, cache, augmentation=flip)
    make_with_targets(outlined, nodule, cache, lesions=True, augmentation=tio.Compose({}))


# the public crops


@pytest.fixture(scope="module")
def public(sample_data, tmp_path_factory) -> ScanDataModule:
    module = ScanDataModule(
        table_cohort(str(sample_data / "lidc_nodules" / "nodules.csv"), {}),
        # the input does not matter for these figures
        pipeline({"view": NoduleView(shape=(4, 4, 4), spacing_mm=8)}),
        cache=tmp_path_factory.mktemp("public"),
        split=SplitRule(val=0.2, test=0.2),
        batch_size=8,
        workers=0,
        seed=0,
    )
    module.setup()
    return module


def test_auc_of_the_size_alone_on_the_public_crops(public):
    samples = [sample for members in public.splits.values() for sample in members]
    assert (len(samples), sum(sample.label for sample in samples)) == (424, 160)
    depths = {k: mm for split in public.splits for k, mm in public.crop_depths(split).items()}
    labels = torch.tensor([sample.label for sample in samples])
    diameter = torch.tensor([sample.diameter_mm for sample in samples]) / 100
    depth = torch.tensor([depths[sample.sample_id] for sample in samples]) / 100
    assert float(binary_auroc(diameter, labels)) == pytest.approx(0.919, abs=0.0006)
    assert float(binary_auroc(depth, labels)) == pytest.approx(0.884, abs=0.0006)


def test_the_centre_outside_a_public_crop_is_flagged(public):
    assert public.left_out == {}
    flagged = {
        sample.sample_id
        for dataset in public.datasets.values()
        for i, sample in enumerate(dataset.samples)
        if "center_outside" in [finding.code for finding in dataset.prepared(i).findings]
    }
    assert flagged <= {"LIDC-IDRI-0332_R_1"}
    assert flagged == {"LIDC-IDRI-0332_R_1"} & set(public.pixels)
