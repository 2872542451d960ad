"""What the loaders serve, in which order, and what is left out and told before."""

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
    ScanDataModule,
    SplitRule,
    split_cohort,
    usable_samples,
    write_manifest,
)
from lungcam.data.auxiliary_targets import attribute_table
from lungcam.data.cache_entry import read_entry
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
    """Function of (samples, ...) that gives a module after its preparation."""

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


def everyone(module: ScanDataModule) -> set[str]:
    return {sample.sample_id for found in module.splits.values() for sample in found}


# what can be trained on


def test_samples_without_a_label_are_left_out_and_told(crops, make_module):
    unknown = replace(crops[0], sample_id="unknown", patient_id="nobody", label=None)
    module = make_module([unknown, *crops], notes=["A note of the cohort."])
    assert {side: len(found) for side, found in module.splits.items()} == {
        "train": 12,
        "val": 4,
        "test": 4,
    }
    assert "unknown" not in everyone(module)
    assert module.notes == [
        "A note of the cohort",
        "left out, since the rule gives no label: 1 of 21 samples",
    ]


def test_the_nodule_view_leaves_out_what_has_no_centre_unless_none_has_one(crops, nodule):
    bare = [replace(one, center_mm=None) for one in crops]
    assert usable_samples(bare, nodule) == (bare, [])
    used, notes = usable_samples([*crops[:15], *bare[15:]], nodule)
    assert used == crops[:15]
    assert notes == ["left out, since there is no centre to show: 5 of 20 samples"]


def test_the_lungs_view_needs_no_centre(crops, transforms):
    bare = [*crops[:3], replace(crops[3], center_mm=None)]
    assert usable_samples(bare, transforms) == (bare, [])


def test_a_bad_scan_among_good_ones_is_left_out_and_told(crops, make_module, tmp_path):
    broken = tmp_path / "broken.nii.gz"
    broken.write_bytes(b"this is no NIfTI")
    samples = [*crops[:4], replace(crops[4], image=broken), *crops[5:]]
    module = make_module(samples)
    assert set(module.left_out) == {"crop-04"}
    assert "broken.nii.gz" in module.left_out["crop-04"]
    assert everyone(module) == {one.sample_id for one in crops} - {"crop-04"}
    assert everyone(module) == set(module.pixels)
    assert sum(len(dataset) for dataset in module.datasets.values()) == 19


def test_nothing_but_bad_scans_names_the_first(crops, make_module, tmp_path):
    gone = [replace(one, image=tmp_path / f"{one.sample_id}.nii.gz") for one in crops]
    with pytest.raises(InputError, match=r"crop-\d\d\.nii\.gz: there is no such file"):
        make_module(gone)


def test_a_side_that_loses_a_label_is_refused_with_the_reason(crops, make_module, tmp_path):
    rule = SplitRule(val=0.2, test=0.2)
    splits, _ = rule.split(crops, 0)
    lost = {one.sample_id for one in splits["val"] if one.label == 1}
    assert lost
    gone = tmp_path / "gone.nii.gz"
    samples = [
        replace(one, image=gone.with_name(f"{one.sample_id}.nii.gz"))
        if one.sample_id in lost
        else one
        for one in crops
    ]
    with pytest.raises(InputError) as error:
        make_module(samples)
    told = str(error.value)
    assert told.startswith("val: 0 positive and 2 negative samples are left; 2 were left out")
    assert "there is no such file" in told
    assert "\n" not in told


# what is served


def test_batches(make_module):
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
            place = samples.index(sample)
            stored = read_entry(module.datasets["train"].file(place)).array("input")
            assert np.array_equal(image[0].numpy(), stored)


def test_training_order_is_shuffled_by_the_seed(make_module):
    def orders(*epochs: int, seed: int = 0) -> list[list[int]]:
        loader = make_module(seed=seed).train_dataloader()
        found = []
        for epoch in epochs:
            loader.sampler.set_epoch(epoch)
            found.append(order(loader))
        return found

    first, second = orders(0, 1)
    assert sorted(first) == sorted(second) == list(range(12))
    assert first != second
    # whatever came before: a run that is resumed goes on as if it had not stopped
    assert orders(1, 0) == [second, first]
    # neither the order of another seed's epoch, nor that of its neighbour
    assert not {tuple(one) for one in orders(0, 1, 2, seed=1)} & {tuple(first), tuple(second)}


def test_to_read_batches_leaves_the_training_dice_alone(make_module):
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
    one, other = map(list, orders)
    assert [index for pair in zip(one, other, strict=True) for index in pair] == list(alone)


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
    assert np.allclose(prepared.grid.spacing_mm, 4)
    assert (prepared.findings, prepared.quality, prepared.picture) == ([], {}, None)
    batch = dataset[1]
    assert np.array_equal(batch["input"][0, 0].numpy(), prepared.input)


def test_a_crops_depth_is_known_in_mm(make_module):
    module = make_module()
    for side, found in module.splits.items():
        # by hand: 4 slices of 3 mm, and 7 where the label is 1
        assert module.crop_depths(side) == {
            one.sample_id: pytest.approx(21.0 if one.label else 12.0) for one in found
        }


def test_a_whole_chest_is_no_crop(phantoms, nodule, crops, cache):
    whole = [
        Sample(
            sample_id=f"whole-{i}",
            patient_id=f"whole-{i}",
            image=one.image,
            label=i % 2,
            label_source="",
            center_mm=one.center_mm,
        )
        for i, one in enumerate(phantoms.samples)
        if one.center_mm is not None
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
    depths = {name for side in module.splits for name in module.crop_depths(side)}
    assert depths == {one.sample_id for one in crops}


# what is learnt beside the label


def beside(samples, transforms, cache, **learnt) -> ScanDataModule:
    module = ScanDataModule(
        Cohort(samples, "a rule"),
        transforms,
        cache=cache,
        split=SplitRule(val=0.2, test=0.2),
        batch_size=5,
        workers=0,
        seed=0,
        **learnt,
    )
    module.setup()
    return module


def test_training_batches_hold_what_is_learnt_and_others_no_attributes(outlined, nodule, cache):
    names = ("diameter_mm", "margin")
    module = beside(outlined, nodule, cache, attributes=names, lesions=True)
    samples = module.splits["train"]
    known = attribute_table(samples, names)
    expected = (known - np.nanmean(known, axis=0)) / np.nanstd(known, axis=0)
    seen = 0
    for batch in module.train_dataloader():
        rows = batch["index"].numpy()
        told = batch["attributes"].numpy()
        assert np.allclose(told, expected[rows], atol=1e-5, equal_nan=True)
        outlined_here = batch["lesion"].flatten(1).any(1).tolist()
        assert outlined_here == [samples[i].lesion_mask is not None for i in rows]
        seen += len(rows)
    assert seen == 12
    for loader in (module.val_dataloader(), *module.predict_dataloader()):
        for batch in loader:
            assert "attributes" not in batch
            assert batch["input"].shape == (4, 1, 8, 8, 8)


def test_nothing_beside_the_label_unless_it_is_asked_for(outlined, nodule, cache):
    module = beside(outlined, nodule, cache)
    for loader in (module.train_dataloader(), module.val_dataloader()):
        assert all(set(batch) == {"input", "label", "index"} for batch in loader)


def test_samples_without_a_label_teach_outlines_and_attributes(outlined, nodule, cache):
    crops = [
        replace(one, label=None, patient_id="nobody") if i in (3, 5, 8) else one
        for i, one in enumerate(outlined)
    ]
    # 8 has no mask, and 3 no feature
    assert [bool(crops[i].lesion_mask) for i in (3, 5, 8)] == [True, True, False]
    module = beside(crops, nodule, cache, lesions=True, attributes=("margin",))
    alone = beside(crops, nodule, cache)
    names = [one.sample_id for one in module.splits["train"]]
    assert names == [one.sample_id for one in alone.splits["train"]] + [
        crops[i].sample_id for i in (3, 5, 8)
    ]
    assert {side: module.splits[side] for side in ("val", "test")} == {
        side: alone.splits[side] for side in ("val", "test")
    }
    assert module.notes[-1] == "3 samples without a label teach outlines and attributes"
    labels = {}
    for batch in module.train_dataloader():
        labels |= dict(zip(batch["index"].tolist(), batch["label"].tolist(), strict=True))
    assert [labels[i] for i in range(len(names))] == [
        -1 if one.label is None else one.label for one in module.splits["train"]
    ]
    by_mask = beside(crops, nodule, cache, lesions=True)
    assert [one.sample_id for one in by_mask.splits["train"] if one.label is None] == [
        crops[i].sample_id for i in (3, 5)
    ]


def test_training_batches_hold_where_nodules_lie_and_others_do_not(crops, nodule, cache):
    nodules = (ScanNodule(crops[0].center_mm, 9.0, True),)
    told = [replace(one, diameter_mm=None if i % 4 == 3 else 9.0) for i, one in enumerate(crops)]
    told[0] = replace(told[0], nodules=nodules)
    module = beside(told, nodule, cache, locations=True)
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


def test_a_mask_goes_before_a_ball(outlined, nodule, cache):
    told = [replace(one, diameter_mm=30.0) for one in outlined]
    both = beside(told, nodule, cache, lesions=True, locations=True).datasets["train"]
    masks = beside(told, nodule, cache, lesions=True).datasets["train"]
    for index, sample in enumerate(both.samples):
        if sample.lesion_mask:
            assert torch.equal(both[index]["lesion"], masks[index]["lesion"])
        else:
            assert both[index]["lesion"].any()
            assert not masks[index]["lesion"].any()


def test_where_no_place_of_a_nodule_is_known_it_says_so_and_goes_on(crops, nodule, cache):
    module = beside(
        [replace(one, diameter_mm=None) for one in crops], nodule, cache, locations=True
    )
    assert [note for note in module.notes if note.startswith("no nodule of the training samples")]
    assert not any(batch["lesion"].any() for batch in module.train_dataloader())


def test_no_one_who_is_tested_on_teaches_without_a_label(outlined, nodule, cache, tmp_path):
    split = beside(outlined, nodule, cache).splits
    held = {one.patient_id for side in ("val", "test") for one in split[side]}
    # a second, undecided nodule of every person
    others = [
        replace(one, sample_id=f"{one.sample_id}-b", label=None, series_uid=None)
        for one in outlined
        if one.lesion_mask
    ]
    module = beside([*outlined, *others], nodule, cache, lesions=True)
    taught = {one.patient_id for one in module.splits["train"] if one.label is None}
    assert taught == {one.patient_id for one in others} - held
    # those whom a manifest tests on neither, though this cohort has no labelled nodule of theirs
    write_manifest(tmp_path / "splits.csv", split, pixels={})
    gone = sorted(held)[0]
    rest = [one for one in outlined if one.patient_id != gone]
    by_rule = SplitRule(val=0.2, test=0.2, manifest=str(tmp_path / "splits.csv"))
    followed, _ = split_cohort(
        Cohort([*rest, *others], "a rule"), nodule, split=by_rule, seed=0, lesions=True
    )
    assert not {one.patient_id for one in followed["train"]} & held


def test_an_attribute_that_no_training_sample_has_is_refused(outlined, nodule, cache):
    with pytest.raises(InputError, match=r"^model\.attributes: age is known for no training"):
        beside(outlined, nodule, cache, attributes=("margin", "age"))


def test_outlines_that_no_training_sample_has_are_refused(crops, nodule, cache):
    with pytest.raises(InputError, match=r"^auxiliary\.outline: no training sample has a mask"):
        beside(crops, nodule, cache, lesions=True)


def test_what_would_move_the_input_and_leave_the_mask_is_refused(outlined, nodule, cache):
    flip = tio.Compose({"flip": tio.RandomFlip()})
    with pytest.raises(InputError, match=r"^auxiliary\.outline: TorchIO's") as caught:
        beside(outlined, nodule, cache, lesions=True, augmentation=flip)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=r"^auxiliary\.location: TorchIO's"):
        beside(outlined, nodule, cache, locations=True, augmentation=flip)
    # without outlines they are welcome, and an empty list moves nothing
    beside(outlined, nodule, cache, augmentation=flip)
    beside(outlined, nodule, cache, lesions=True, augmentation=tio.Compose({}))


# the public crops


@pytest.fixture(scope="module")
def public(sample_data, tmp_path_factory) -> ScanDataModule:
    module = ScanDataModule(
        table_cohort(str(sample_data / "lidc_nodules" / "nodules.csv"), {}),
        # what the net is shown has no part in these figures
        pipeline({"view": NoduleView(shape=(4, 4, 4), spacing_mm=8)}),
        cache=tmp_path_factory.mktemp("public"),
        split=SplitRule(val=0.2, test=0.2),
        batch_size=8,
        workers=0,
        seed=0,
    )
    module.setup()
    return module


def test_how_far_size_alone_goes_on_the_public_crops(public):
    samples = [one for found in public.splits.values() for one in found]
    assert (len(samples), sum(one.label for one in samples)) == (424, 160)
    depths = {k: mm for side in public.splits for k, mm in public.crop_depths(side).items()}
    labels = torch.tensor([one.label for one in samples])
    diameter = torch.tensor([one.diameter_mm for one in samples]) / 100
    depth = torch.tensor([depths[one.sample_id] for one in samples]) / 100
    assert float(binary_auroc(diameter, labels)) == pytest.approx(0.919, abs=0.0006)
    assert float(binary_auroc(depth, labels)) == pytest.approx(0.884, abs=0.0006)


def test_the_centre_outside_its_public_crop_is_flagged_not_fatal(public):
    assert public.left_out == {}
    flagged = {
        sample.sample_id
        for dataset in public.datasets.values()
        for i, sample in enumerate(dataset.samples)
        if "center_outside" in [one.code for one in dataset.prepared(i).findings]
    }
    assert flagged <= {"LIDC-IDRI-0332_R_1"}
    assert flagged == {"LIDC-IDRI-0332_R_1"} & set(public.pixels)
