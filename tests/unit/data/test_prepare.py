"""What preparing will cost is told before anything is kept."""

import shutil
import time
from dataclasses import replace

import pytest

from lungcam.data import Estimate, estimate, plan
from lungcam.data.preparation import prepare_cohort
from lungcam.errors import InputError
from lungcam.transforms import NoduleView, pipeline

pytestmark = pytest.mark.usefixtures("one_processor")


def test_the_disk_is_judged_within_a_fifth_and_nothing_is_kept(crops, nodule, tmp_path):
    root = tmp_path / "deep" / "cache"
    x, y, z = crops[3].center_mm
    second = replace(crops[3], sample_id="second", center_mm=(x + 2, y, z))
    planned = plan([*crops, second], nodule, root)
    cost = estimate(planned.jobs, nodule, root)
    assert not list(tmp_path.rglob("*.prepared"))
    assert (cost.scans, cost.inputs) == (20, 21)
    assert cost.seconds > 0
    assert cost.free_bytes == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.1)
    prepare_cohort(planned, nodule)
    taken = sum(file.stat().st_size for file in root.glob("*.prepared"))
    assert cost.disk_bytes == pytest.approx(taken, rel=0.2)
    assert "21 inputs to prepare from 20 scans: about " in cost.sentence
    assert estimate(plan(crops, nodule, root).jobs, nodule, root).inputs == 0


def test_the_lungs_view_is_judged_as_well(phantoms, transforms, tmp_path):
    planned = plan(phantoms.samples, transforms, tmp_path / "cache")
    cost = estimate(planned.jobs, transforms, tmp_path / "cache")
    prepare_cohort(planned, transforms)
    taken = sum(file.stat().st_size for file in (tmp_path / "cache").glob("*.prepared"))
    assert cost.disk_bytes == pytest.approx(taken, rel=0.2)


def test_a_bad_scan_is_passed_over(crops, nodule, tmp_path):
    (tmp_path / "broken.nii.gz").write_bytes(b"no NIfTI")
    broken = replace(crops[0], image=tmp_path / "broken.nii.gz")
    jobs = plan([broken, crops[1]], nodule, tmp_path / "cache").jobs
    cost = estimate(jobs, nodule, tmp_path / "cache")
    good = estimate(jobs[1:], nodule, tmp_path / "cache")
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
    planned = plan(many, transforms, tmp_path / "cache")
    cost = estimate(planned.jobs, transforms, tmp_path / "cache")
    assert counted.calls == 5
    assert (cost.scans, cost.inputs) == (1, 300)
    # one reading, and 300 times what a view takes at least
    assert cost.seconds > 300 * Counted.SECONDS
    prepare_cohort(planned, nodule)
    taken = sum(file.stat().st_size for file in (tmp_path / "cache").glob("*.prepared"))
    assert cost.disk_bytes == pytest.approx(taken, rel=0.2)


def test_where_none_can_be_prepared_it_says_so(crops, nodule, tmp_path):
    gone = replace(crops[0], image=tmp_path / "gone.nii.gz")
    cost = estimate(plan([gone], nodule, tmp_path).jobs, nodule, tmp_path)
    (reason,) = cost.refused
    assert "gone.nii.gz: " in reason
    assert cost.disk_bytes is cost.seconds is None
    assert cost.sentence == (
        "1 inputs to prepare from 1 scans; none of the 1 that were tried can be prepared, the "
        f"first since {reason}"
    )
    cost.demand_room(tmp_path)


def test_what_does_not_fit_is_refused_with_the_folder(tmp_path):
    cost = Estimate(70_000, 70_000, 2.5e11, 86_400.0, 10**10)
    with pytest.raises(InputError) as error:
        cost.demand_room(tmp_path)
    assert str(error.value) == (
        f"{tmp_path}: 10 GB free, about 250 GB needed for 70000 prepared inputs; make room, or "
        "give cache= another disk."
    )
    replace(cost, free_bytes=3 * 10**11).demand_room(tmp_path)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1 s"), (80, "80 s"), (600, "10 min"), (9000, "2.5 h")]
)
def test_the_time_is_told_in_words(seconds, words):
    told = Estimate(5, 5, 4.2e6, seconds, 5 * 10**9).sentence
    assert told == (
        f"5 inputs to prepare from 5 scans: about 4.2 MB of disk (5 GB free) and {words}, judged "
        "by 3 of them."
    )
