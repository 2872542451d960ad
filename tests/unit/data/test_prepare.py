"""What preparing will cost is told before anything is kept.

Scans are prepared once, in parallel, and a bad one is left out and told.
"""

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
def test_the_disk_is_judged_within_a_fifth_and_nothing_is_kept(crops, nodule, tmp_path):
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
def test_the_lungs_view_is_judged_as_well(phantoms, transforms, tmp_path):
    planned = plan(phantoms.samples, transforms, root=tmp_path / "cache")
    cost = estimate(planned.jobs, transforms, root=tmp_path / "cache")
    prepare_cohort(planned, transforms)
    taken = sum(file.stat().st_size for file in (tmp_path / "cache").glob("*.prepared"))
    assert cost.disk_bytes == pytest.approx(taken, rel=0.2)


@pytest.mark.usefixtures("one_processor")
def test_a_bad_scan_is_passed_over(crops, nodule, tmp_path):
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
    """A view that takes its time and counts how often it is asked for."""

    SECONDS = 0.02
    calls = 0

    def apply_transform(self, subject):
        self.calls += 1
        time.sleep(self.SECONDS)
        return super().apply_transform(subject)


@pytest.mark.usefixtures("one_processor")
def test_a_few_places_of_a_scan_tell_of_hundreds(crops, nodule, tmp_path):
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
    # one reading, and 300 times what a view takes at least
    assert cost.seconds > 300 * Counted.SECONDS
    prepare_cohort(planned, nodule)
    taken = sum(file.stat().st_size for file in (tmp_path / "cache").glob("*.prepared"))
    assert cost.disk_bytes == pytest.approx(taken, rel=0.2)


@pytest.mark.usefixtures("one_processor")
def test_where_none_can_be_prepared_it_says_so(crops, nodule, tmp_path):
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
def test_what_does_not_fit_is_refused_with_the_folder(tmp_path):
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
def test_the_time_is_told_in_words(seconds, words):
    told = Estimate(
        scans=5, inputs=5, disk_bytes=4.2e6, seconds=seconds, free_bytes=5 * 10**9
    ).sentence
    assert told == (
        f"5 inputs to prepare from 5 scans: about 4.2 MB of disk (5 GB free) and {words}, judged "
        "by 3 of them."
    )


def prepared(samples, transforms, root):
    return prepare_cohort(plan(samples, transforms, root=root), transforms)


def test_prepared_once(phantoms, transforms, tmp_path):
    samples = phantoms.samples[:3]
    found = prepared(samples, transforms, tmp_path)
    files = found.files
    assert found.left_out == {}
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


def test_it_goes_on_where_it_was(crops, nodule, tmp_path):
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
    harmed = {"empty": b"", "short": whole[0][:-1], "header": b"x" + whole[0][1:]}[damage]
    files[0].write_bytes(harmed)
    (job,) = plan(crops[:2], nodule, root=tmp_path).jobs
    assert job.sample_ids == ["crop-00"]
    assert list(prepared(crops[:2], nodule, tmp_path).files.values()) == files
    assert [file.read_bytes() for file in files] == whole


def test_a_changed_transform_is_never_served_what_the_old_one_made(crops, tmp_path):
    def shown(window_hu):
        transforms = pipeline({"view": NoduleView((8, 8, 8), 4, window_hu)})
        (file,) = prepared(crops[:1], transforms, tmp_path).files.values()
        return np.array(read_entry(file).array("input"))

    first, other = shown((-1000, 400)), shown((-900, 400))
    assert not np.array_equal(first, other)
    assert np.array_equal(shown((-1000, 400)), first)
    assert len(list(tmp_path.glob("*.prepared"))) == 2


def test_a_scan_with_several_nodules_is_one_job(crops, nodule, tmp_path):
    one = crops[0]
    x, y, z = one.center_mm
    two = replace(one, sample_id="other", center_mm=(x + 3, y, z))
    same = replace(one, sample_id="same")
    (job,) = plan([one, two, same], nodule, root=tmp_path).jobs
    assert job.sample_ids == ["crop-00", "other", "same"]
    files = prepared([one, two, same], nodule, tmp_path).files
    assert files["same"] == files["crop-00"] != files["other"]
    middles = [
        np.array(read_entry(files[name]).facts["affine"]) @ [3.5, 3.5, 3.5, 1]
        for name in ("crop-00", "other")
    ]
    assert middles[1] - middles[0] == pytest.approx([3, 0, 0, 0])


@pytest.mark.usefixtures("one_processor")
def test_bad_scans_among_good_ones_are_left_out_and_told(crops, nodule, tmp_path):
    (tmp_path / "broken.nii.gz").write_bytes(b"this is no NIfTI")
    broken = replace(crops[0], sample_id="broken", image=tmp_path / "broken.nii.gz")
    gone = replace(crops[0], sample_id="gone", image=tmp_path / "gone.nii.gz")
    found = prepared([broken, crops[1], gone, crops[2]], nodule, tmp_path / "cache")
    assert list(found.files) == ["crop-01", "crop-02"]
    assert set(found.left_out) == {"broken", "gone"}
    assert "broken.nii.gz: " in found.left_out["broken"]
    assert "gone.nii.gz: there is no such file" in found.left_out["gone"]
    assert set((tmp_path / "cache").glob("*.prepared")) == set(found.files.values())


def test_nothing_but_bad_scans_is_the_users_to_mend(phantoms, transforms, tmp_path):
    broken = tmp_path / "broken.nii.gz"
    broken.write_bytes(b"this is no NIfTI")
    sample = replace(phantoms.samples[0], image=broken)
    with pytest.raises(InputError, match=r"broken\.nii\.gz: "):
        prepared([sample], transforms, tmp_path / "cache")
    assert not list(tmp_path.glob("cache/*.prepared"))


def test_a_bad_scan_is_tried_again_once_it_is_mended(crops, nodule, tmp_path):
    image = tmp_path / "scan.nii.gz"
    image.write_bytes(b"this is no NIfTI")
    sample = replace(crops[0], sample_id="mended", image=image)
    with pytest.raises(InputError):
        prepared([sample], nodule, tmp_path / "cache")
    image.write_bytes(crops[0].image.read_bytes())
    assert list(prepared([sample], nodule, tmp_path / "cache").files) == ["mended"]


def test_a_centre_outside_a_crop_is_flagged_and_the_middle_shown(crops, nodule, tmp_path):
    x, y, z = crops[0].center_mm
    wrong = replace(crops[0], sample_id="wrong", center_mm=(x + 200, y, z))
    found = prepared([wrong, crops[0]], nodule, tmp_path)
    assert found.left_out == {}
    shown, right = (read_entry(found.files[name]) for name in ("wrong", "crop-00"))
    (finding,) = shown.facts["findings"]
    assert (finding["code"], finding["outcome"]) == ("center_outside", "flagged")
    assert right.facts["findings"] == []
    assert np.array_equal(shown.array("input"), right.array("input"))
    assert np.allclose(shown.facts["affine"], right.facts["affine"])


def test_a_centre_outside_a_whole_scan_leaves_only_that_nodule_out(phantoms, nodule, tmp_path):
    sample = next(one for one in phantoms.samples if one.center_mm is not None)
    x, y, z = sample.center_mm
    outside = replace(sample, sample_id="outside", center_mm=(x + 2000, y, z))
    found = prepared([outside, sample], nodule, tmp_path)
    assert list(found.files) == [sample.sample_id]
    told = found.left_out["outside"]
    assert str(sample.image) in told
    assert "outside the image" in told
    assert "LPS or RAS" in told
    with pytest.raises(InputError, match="LPS or RAS"):
        prepared([outside], nodule, tmp_path)


def test_the_lungs_view_does_not_mind_where_a_nodule_is(phantoms, transforms, tmp_path):
    astray = replace(phantoms.samples[0], center_mm=(9e9, 0.0, 0.0))
    assert prepared([astray], transforms, tmp_path).left_out == {}


def test_one_scan_by_itself(phantoms, transforms, tmp_path):
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
        "code",
    }
    assert 1000 < entry.facts["quality"]["lungs_ml"] < 8000
    assert entry.facts["findings"] == []
    assert entry.array("picture").shape == (128, 256, 3)


# the masks of lesions


@pytest.mark.usefixtures("one_processor")
def test_a_lesions_mask_is_kept_beside_the_input_where_it_is_learnt(outlined, nodule, tmp_path):
    samples = outlined[:3]
    plain = prepared(samples, nodule, tmp_path).files
    files = prepare_cohort(plan(samples, nodule, root=tmp_path, lesions=True), nodule).files
    # what has no mask is the same either way
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
            at = Grid(entry.array("input").shape, np.array(entry.facts["affine"]))
            assert np.array_equal(entry.array("lesion"), lesion_share(sample.lesion_mask, at))
            assert entry.array("lesion").any()
    assert plan(samples, nodule, root=tmp_path, lesions=True).jobs == []


@pytest.mark.usefixtures("one_processor")
def test_a_changed_mask_is_never_served_what_the_old_one_made(outlined, nodule, tmp_path):
    mask = tmp_path / "mask.nii.gz"
    sample = replace(outlined[1], lesion_mask=mask)

    def kept() -> np.ndarray:
        planned = plan([sample], nodule, root=tmp_path / "cache", lesions=True)
        (file,) = prepare_cohort(planned, nodule).files.values()
        return np.array(read_entry(file).array("lesion"))

    at = read_scan(sample.image, whole_chest=False).grid
    volume = np.zeros(at.shape, np.uint8)
    volume[5:9, 4:9, 1:3] = 1
    write_volume(mask, volume, grid=at)
    first = kept()
    volume[5] = 0
    write_volume(mask, volume, grid=at)
    assert not np.array_equal(kept(), first)


@pytest.mark.usefixtures("one_processor")
def test_a_mask_that_is_gone_or_broken_leaves_its_sample_out_and_told(outlined, nodule, tmp_path):
    (tmp_path / "broken.nii.gz").write_bytes(b"this is no NIfTI")
    samples = [
        replace(outlined[1], lesion_mask=tmp_path / "gone.nii.gz"),
        replace(outlined[2], lesion_mask=tmp_path / "broken.nii.gz"),
        outlined[3],
    ]
    planned = plan(samples, nodule, root=tmp_path / "cache", lesions=True)
    found = prepare_cohort(planned, nodule)
    assert list(found.files) == ["crop-03"]
    for name, one in (("gone", "crop-01"), ("broken", "crop-02")):
        assert f"{name}.nii.gz: cannot be read as the mask of a lesion" in found.left_out[one]
    # who learns no outlines does not mind
    assert prepared(samples, nodule, tmp_path / "cache").left_out == {}


def test_a_nodules_surroundings_have_no_mask(phantoms, tmp_path):
    sample = next(one for one in phantoms.samples if one.center_mm is not None)
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


def test_a_whole_scan_without_a_centre_is_not_shown_as_a_nodule(phantoms, tmp_path):
    """The middle of a chest is no nodule: nothing may be trained on it in silence."""
    nodule = pipeline({"view": NoduleView(shape=(16, 16, 16), spacing_mm=2)})
    sample = replace(phantoms.samples[0], center_mm=None)
    (reason,) = prepare_scan(Job([PlannedInput(sample, tmp_path / "a.prepared")]), nodule)
    assert "no centre of a nodule is known" in reason
    assert not (tmp_path / "a.prepared").exists()
