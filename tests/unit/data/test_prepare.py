"""Scans are prepared once, bad ones are left out, and the cost is estimated beforehand."""

import shutil
import time
from dataclasses import replace

import numpy as np
import pytest

from lungcam.data import Estimate, estimate
from lungcam.data.cache_entry import read_entry
from lungcam.data.cache_key import code_version
from lungcam.data.lesion_mask import lesion_share
from lungcam.data.pixel_hash import pixel_hash
from lungcam.data.prepare import Job, PlannedInput, plan, prepare_cohort, prepare_scan
from lungcam.errors import InputError
from lungcam.grid import Grid
from lungcam.scans import read_scan, write_volume
from lungcam.transforms import NoduleView, pipeline, prepare


@pytest.mark.usefixtures("one_processor")
def test_the_estimate_of_disk_space_is_within_a_fifth_and_stores_nothing(crops, nodule, tmp_path):
    root = tmp_path / "deep" / "cache"
    x, y, z = crops[3].center_mm
    second = replace(crops[3], sample_id="second", center_mm=(x + 2, y, z))
    planned = plan([*crops, second], nodule, root=root)
    cost = estimate(planned.jobs, nodule, root=root)
    assert not list(tmp_path.rglob("*.prepared"))
    assert (cost.scans, cost.inputs) == (20, 21)
    assert cost.seconds > 0
    assert cost.free_bytes == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.1)
    prepare_cohort(planned, nodule)
    taken = sum(file.stat().st_size for file in root.glob("*.prepared"))
    assert cost.disk_bytes == pytest.approx(taken, rel=0.2)
    assert "21 inputs to prepare from 20 scans: about " in cost.sentence
    assert estimate(plan(crops, nodule, root=root).jobs, nodule, root=root).inputs == 0


@pytest.mark.usefixtures("one_processor")
def test_the_lungs_view_is_estimated_as_well(phantoms, transforms, tmp_path):
    planned = plan(phantoms.samples, transforms, root=tmp_path / "cache")
    cost = estimate(planned.jobs, transforms, root=tmp_path / "cache")
    prepare_cohort(planned, transforms)
    taken = sum(file.stat().st_size for file in (tmp_path / "cache").glob("*.prepared"))
    assert cost.disk_bytes == pytest.approx(taken, rel=0.2)


@pytest.mark.usefixtures("one_processor")
def test_an_estimate_skips_a_bad_scan(crops, nodule, tmp_path):
    (tmp_path / "broken.nii.gz").write_bytes(b"no NIfTI")
    broken = replace(crops[0], image=tmp_path / "broken.nii.gz")
    jobs = plan([broken, crops[1]], nodule, root=tmp_path / "cache").jobs
    cost = estimate(jobs, nodule, root=tmp_path / "cache")
    good = estimate(jobs[1:], nodule, root=tmp_path / "cache")
    assert cost.disk_bytes == pytest.approx(2 * good.disk_bytes)
    (reason,) = cost.refused
    assert f"{tmp_path / 'broken.nii.gz'}: " in reason
    assert cost.sentence.endswith(
        ", judged by 1 of them; 1 of 2 that were tried cannot be prepared, the first since "
        f"{reason}"
    )
    assert "\n" not in cost.sentence
    assert good.refused == ()
    assert good.sentence.endswith(", judged by 1 of them.")


class Counted(NoduleView):
    """View that takes time and counts its calls."""

    SECONDS = 0.02
    calls = 0

    def apply_transform(self, subject):
        self.calls += 1
        time.sleep(self.SECONDS)
        return super().apply_transform(subject)


@pytest.mark.usefixtures("one_processor")
def test_hundreds_of_inputs_of_a_scan_are_estimated_from_a_few(crops, nodule, tmp_path):
    """LUNA16 has 850 candidates a scan."""
    x, y, z = crops[0].center_mm
    many = [
        replace(crops[0], sample_id=f"place-{i}", center_mm=(x + i / 1000, y, z))
        for i in range(300)
    ]
    (view,) = nodule
    counted = Counted(view.shape, view.spacing_mm)
    transforms = pipeline({"view": counted})
    planned = plan(many, transforms, root=tmp_path / "cache")
    cost = estimate(planned.jobs, transforms, root=tmp_path / "cache")
    assert counted.calls == 5
    assert (cost.scans, cost.inputs) == (1, 300)
    # at least 300 times the time of the view
    assert cost.seconds > 300 * Counted.SECONDS
    prepare_cohort(planned, nodule)
    taken = sum(file.stat().st_size for file in (tmp_path / "cache").glob("*.prepared"))
    assert cost.disk_bytes == pytest.approx(taken, rel=0.2)


@pytest.mark.usefixtures("one_processor")
def test_an_estimate_says_if_no_scan_can_be_prepared(crops, nodule, tmp_path):
    gone = replace(crops[0], image=tmp_path / "gone.nii.gz")
    cost = estimate(plan([gone], nodule, root=tmp_path).jobs, nodule, root=tmp_path)
    (reason,) = cost.refused
    assert "gone.nii.gz: " in reason
    assert cost.disk_bytes is cost.seconds is None
    assert cost.sentence == (
        "1 inputs to prepare from 1 scans; none of the 1 that were tried can be prepared, the "
        f"first since {reason}"
    )
    cost.demand_room(tmp_path)


@pytest.mark.usefixtures("one_processor")
def test_inputs_that_do_not_fit_are_refused_with_the_folder(tmp_path):
    cost = Estimate(
        scans=70_000, inputs=70_000, disk_bytes=2.5e11, seconds=86_400.0, free_bytes=10**10
    )
    with pytest.raises(InputError) as error:
        cost.demand_room(tmp_path)
    assert str(error.value) == (
        f"{tmp_path}: 10 GB free, about 250 GB needed for 70000 prepared inputs; make room, or "
        "give cache= another disk."
    )
    replace(cost, free_bytes=3 * 10**11).demand_room(tmp_path)


@pytest.mark.usefixtures("one_processor")
@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1 s"), (80, "80 s"), (600, "10 min"), (9000, "2.5 h")]
)
def test_the_time_is_given_in_words(seconds, words):
    sentence = Estimate(
        scans=5, inputs=5, disk_bytes=4.2e6, seconds=seconds, free_bytes=5 * 10**9
    ).sentence
    assert sentence == (
        f"5 inputs to prepare from 5 scans: about 4.2 MB of disk (5 GB free) and {words}, judged "
        "by 3 of them."
    )


def prepared(samples, transforms, root):
    return prepare_cohort(plan(samples, transforms, root=root), transforms)


def test_a_scan_is_prepared_once(phantoms, transforms, tmp_path):
    samples = phantoms.samples[:3]
    result = prepared(samples, transforms, tmp_path)
    files = result.files
    assert result.left_out == {}
    assert list(files) == [sample.sample_id for sample in samples]
    assert set(tmp_path.glob("*.prepared")) == set(files.values())
    assert len(set(files.values())) == 3
    for sample in samples:
        entry = read_entry(files[sample.sample_id])
        arrays = {name: entry.array(name) for name in entry.arrays}
        scan = read_scan(sample.image)
        subject = prepare(scan, transforms)
        assert arrays["input"].dtype == np.float32
        assert arrays["input"].shape == (24, 20, 16)
        assert np.array_equal(arrays["input"], subject["input"].numpy()[0])
        assert arrays["lungs"].dtype == bool
        assert np.array_equal(arrays["lungs"], subject["input_lungs"].numpy()[0] > 0)
        assert arrays["lungs"].any()
        assert np.array_equal(entry.facts["affine"], subject["input"].affine)
        assert entry.facts["pixels"] == pixel_hash(scan)
        assert entry.facts["code"] == code_version()
        assert entry.facts["extent_mm"] == pytest.approx(
            np.multiply(scan.grid.shape, scan.grid.spacing_mm)
        )
    stamps = {file: file.stat().st_mtime_ns for file in files.values()}
    assert plan(samples, transforms, root=tmp_path).jobs == []
    assert prepared(samples, transforms, tmp_path).files == files
    assert {file: file.stat().st_mtime_ns for file in tmp_path.glob("*.prepared")} == stamps


def test_an_interrupted_preparation_is_continued(crops, nodule, tmp_path):
    (file,) = prepared(crops[:1], nodule, tmp_path).files.values()
    stamp = file.stat().st_mtime_ns
    (job,) = plan(crops[:2], nodule, root=tmp_path).jobs
    assert job.sample_ids == ["crop-01"]
    both = prepared(crops[:2], nodule, tmp_path).files
    assert len(list(tmp_path.glob("*.prepared"))) == 2
    assert both["crop-00"] == file
    assert file.stat().st_mtime_ns == stamp


@pytest.mark.parametrize("damage", ["empty", "short", "header"])
def test_a_damaged_entry_is_prepared_again(crops, nodule, tmp_path, damage):
    files = list(prepared(crops[:2], nodule, tmp_path).files.values())
    whole = [file.read_bytes() for file in files]
    damaged = {"empty": b"", "short": whole[0][:-1], "header": b"x" + whole[0][1:]}[damage]
    files[0].write_bytes(damaged)
    (job,) = plan(crops[:2], nodule, root=tmp_path).jobs
    assert job.sample_ids == ["crop-00"]
    assert list(prepared(crops[:2], nodule, tmp_path).files.values()) == files
    assert [file.read_bytes() for file in files] == whole


def test_a_changed_transform_does_not_use_inputs_of_the_old_one(crops, tmp_path):
    def shown(window_hu):
        transforms = pipeline({"view": NoduleView((8, 8, 8), 4, window_hu)})
        (file,) = prepared(crops[:1], transforms, tmp_path).files.values()
        return np.array(read_entry(file).array("input"))

    first, other = shown((-1000, 400)), shown((-900, 400))
    assert not np.array_equal(first, other)
    assert np.array_equal(shown((-1000, 400)), first)
    assert len(list(tmp_path.glob("*.prepared"))) == 2


def test_a_scan_with_several_nodules_is_one_job(crops, nodule, tmp_path):
    first = crops[0]
    x, y, z = first.center_mm
    second = replace(first, sample_id="other", center_mm=(x + 3, y, z))
    same = replace(first, sample_id="same")
    (job,) = plan([first, second, same], nodule, root=tmp_path).jobs
    assert job.sample_ids == ["crop-00", "other", "same"]
    files = prepared([first, second, same], nodule, tmp_path).files
    assert files["same"] == files["crop-00"] != files["other"]
    middles = [
        np.array(read_entry(files[name]).facts["affine"]) @ [3.5, 3.5, 3.5, 1]
        for name in ("crop-00", "other")
    ]
    assert middles[1] - middles[0] == pytest.approx([3, 0, 0, 0])


@pytest.mark.usefixtures("one_processor")
def test_bad_scans_among_good_ones_are_left_out_with_the_reason(crops, nodule, tmp_path):
    (tmp_path / "broken.nii.gz").write_bytes(b"this is no NIfTI")
    broken = replace(crops[0], sample_id="broken", image=tmp_path / "broken.nii.gz")
    gone = replace(crops[0], sample_id="gone", image=tmp_path / "gone.nii.gz")
    result = prepared([broken, crops[1], gone, crops[2]], nodule, tmp_path / "cache")
    assert list(result.files) == ["crop-01", "crop-02"]
    assert set(result.left_out) == {"broken", "gone"}
    assert "broken.nii.gz: " in result.left_out["broken"]
    assert "gone.nii.gz: there is no such file" in result.left_out["gone"]
    assert set((tmp_path / "cache").glob("*.prepared")) == set(result.files.values())


def test_a_cohort_of_bad_scans_alone_is_refused(phantoms, transforms, tmp_path):
    broken = tmp_path / "broken.nii.gz"
    broken.write_bytes(b"this is no NIfTI")
    sample = replace(phantoms.samples[0], image=broken)
    with pytest.raises(InputError, match=r"broken\.nii\.gz: "):
        prepared([sample], transforms, tmp_path / "cache")
    assert not list(tmp_path.glob("cache/*.prepared"))


def test_a_bad_scan_is_prepared_once_it_is_repaired(crops, nodule, tmp_path):
    image = tmp_path / "scan.nii.gz"
    image.write_bytes(b"this is no NIfTI")
    sample = replace(crops[0], sample_id="repaired", image=image)
    with pytest.raises(InputError):
        prepared([sample], nodule, tmp_path / "cache")
    image.write_bytes(crops[0].image.read_bytes())
    assert list(prepared([sample], nodule, tmp_path / "cache").files) == ["repaired"]


def test_a_centre_outside_a_crop_is_flagged_and_the_middle_shown(crops, nodule, tmp_path):
    x, y, z = crops[0].center_mm
    wrong = replace(crops[0], sample_id="wrong", center_mm=(x + 200, y, z))
    result = prepared([wrong, crops[0]], nodule, tmp_path)
    assert result.left_out == {}
    shown, right = (read_entry(result.files[name]) for name in ("wrong", "crop-00"))
    (finding,) = shown.facts["findings"]
    assert (finding["code"], finding["outcome"]) == ("center_outside", "flagged")
    assert right.facts["findings"] == []
    assert np.array_equal(shown.array("input"), right.array("input"))
    assert np.allclose(shown.facts["affine"], right.facts["affine"])


def test_a_centre_outside_a_whole_scan_leaves_out_only_that_nodule(phantoms, nodule, tmp_path):
    sample = next(sample for sample in phantoms.samples if sample.center_mm is not None)
    x, y, z = sample.center_mm
    outside = replace(sample, sample_id="outside", center_mm=(x + 2000, y, z))
    result = prepared([outside, sample], nodule, tmp_path)
    assert list(result.files) == [sample.sample_id]
    message = result.left_out["outside"]
    assert str(sample.image) in message
    assert "outside the image" in message
    assert "LPS or RAS" in message
    with pytest.raises(InputError, match="LPS or RAS"):
        prepared([outside], nodule, tmp_path)


def test_the_lungs_view_ignores_the_centre_of_a_nodule(phantoms, transforms, tmp_path):
    astray = replace(phantoms.samples[0], center_mm=(9e9, 0.0, 0.0))
    assert prepared([astray], transforms, tmp_path).left_out == {}


def test_an_entry_holds_the_input_its_mask_and_the_facts(phantoms, transforms, tmp_path):
    sample = replace(phantoms.samples[0], center_mm=None)
    job = Job([PlannedInput(sample, tmp_path / "one.prepared")])
    assert prepare_scan(job, transforms) == [None]
    entry = read_entry(tmp_path / "one.prepared")
    assert set(entry.arrays) == {"input", "lungs", "picture"}
    assert set(entry.facts) == {
        "affine",
        "quality",
        "findings",
        "pixels",
        "study_uid",
        "series_uid",
        "extent_mm",
        "traits",
        "code",
    }
    assert 1000 < entry.facts["quality"]["lungs_ml"] < 8000
    assert entry.facts["findings"] == []
    # three slices, next to each other
    assert entry.array("picture").shape == (176, 3 * 176, 3)


# masks of lesions


@pytest.mark.usefixtures("one_processor")
def test_a_lesions_mask_is_stored_with_the_input_if_it_is_a_target(outlined, nodule, tmp_path):
    samples = outlined[:3]
    plain = prepared(samples, nodule, tmp_path).files
    files = prepare_cohort(plan(samples, nodule, root=tmp_path, lesions=True), nodule).files
    # without a mask the entry is the same
    assert [plain[name] == files[name] for name in files] == [True, False, False]
    assert len(list(tmp_path.glob("*.prepared"))) == 5
    for sample in samples:
        without, entry = read_entry(plain[sample.sample_id]), read_entry(files[sample.sample_id])
        assert set(without.arrays) == {"input", "lungs"}
        assert np.array_equal(entry.array("input"), without.array("input"))
        assert set(entry.arrays) - {"input", "lungs"} == (
            {"lesion"} if sample.lesion_mask else set()
        )
        if sample.lesion_mask:
            grid = Grid(entry.array("input").shape, np.array(entry.facts["affine"]))
            assert np.array_equal(entry.array("lesion"), lesion_share(sample, grid))
            assert entry.array("lesion").any()
    assert plan(samples, nodule, root=tmp_path, lesions=True).jobs == []


@pytest.mark.usefixtures("one_processor")
def test_a_changed_mask_does_not_use_inputs_of_the_old_one(outlined, nodule, tmp_path):
    mask = tmp_path / "mask.nii.gz"
    sample = replace(outlined[1], lesion_mask=mask)

    def stored_mask() -> np.ndarray:
        planned = plan([sample], nodule, root=tmp_path / "cache", lesions=True)
        (file,) = prepare_cohort(planned, nodule).files.values()
        return np.array(read_entry(file).array("lesion"))

    grid = read_scan(sample.image, whole_chest=False).grid
    volume = np.zeros(grid.shape, np.uint8)
    volume[5:9, 4:9, 1:3] = 1
    write_volume(mask, volume, grid=grid)
    first = stored_mask()
    volume[5] = 0
    write_volume(mask, volume, grid=grid)
    assert not np.array_equal(stored_mask(), first)


@pytest.mark.usefixtures("one_processor")
def test_a_missing_or_broken_mask_leaves_out_its_sample_with_the_reason(outlined, nodule, tmp_path):
    (tmp_path / "broken.nii.gz").write_bytes(b"this is no NIfTI")
    samples = [
        replace(outlined[1], lesion_mask=tmp_path / "gone.nii.gz"),
        replace(outlined[2], lesion_mask=tmp_path / "broken.nii.gz"),
        outlined[3],
    ]
    planned = plan(samples, nodule, root=tmp_path / "cache", lesions=True)
    result = prepare_cohort(planned, nodule)
    assert list(result.files) == ["crop-03"]
    for name, crop in (("gone", "crop-01"), ("broken", "crop-02")):
        assert f"{name}.nii.gz: cannot be used as the mask of a lesion" in result.left_out[crop]
    # without outlines as targets the masks are not read
    assert prepared(samples, nodule, tmp_path / "cache").left_out == {}


def test_the_nodule_view_has_no_mask(phantoms, tmp_path):
    sample = next(sample for sample in phantoms.samples if sample.center_mm is not None)
    nodule = pipeline({"view": NoduleView(shape=(16, 16, 16), spacing_mm=2)})
    job = Job([PlannedInput(sample, tmp_path / "one.prepared")])
    assert prepare_scan(job, nodule) == [None]
    entry = read_entry(tmp_path / "one.prepared")
    assert "picture" not in entry.arrays
    assert entry.facts["quality"] == {}
    middle = np.array(entry.facts["affine"]) @ [7.5, 7.5, 7.5, 1]
    assert np.allclose(middle[:3], sample.center_mm)
    # the nodule in the middle is denser than the lung around it
    shown = entry.array("input")
    assert shown[7:9, 7:9, 7:9].mean() > np.median(shown) + 0.2


def test_a_whole_scan_without_a_centre_is_not_prepared_as_a_nodule(phantoms, tmp_path):
    """The middle of a chest is no nodule, and must not be trained on."""
    nodule = pipeline({"view": NoduleView(shape=(16, 16, 16), spacing_mm=2)})
    sample = replace(phantoms.samples[0], center_mm=None)
    (reason,) = prepare_scan(Job([PlannedInput(sample, tmp_path / "a.prepared")]), nodule)
    assert "no centre of a nodule is known" in reason
    assert not (tmp_path / "a.prepared").exists()
