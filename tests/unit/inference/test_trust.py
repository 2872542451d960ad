"""Trust in an answer: each reason against it is said where it applies, and nowhere else."""

import pytest

from lungcam.data.scan_traits import ScanTraits
from lungcam.evaluation.track_record import NetScore, TrackRecord
from lungcam.inference.trust import (
    CHANCE,
    NO_TEST,
    ON_NODULES,
    PERSON,
    PHANTOM_MARK,
    SEEN,
    judge,
    many_lines,
    trust_lines,
)

SCORE = NetScore(name="AUC", value=0.9, ci95=(0.8, 0.95), n=60, n_positive=20)
RECORD = TrackRecord(
    cohort="NLST", n=100, n_positive=30, n_patients=90, inputs={"slice_mm": [1, 2.5]}, tested=SCORE
)
TRAITS = ScanTraits(pixel_mm=0.7, slice_mm=2.0, age=63.0)


@pytest.fixture
def scan(tmp_path):
    return tmp_path / "scan.nii.gz"


@pytest.fixture
def phantom(tmp_path):
    (tmp_path / "tree" / "truth").mkdir(parents=True)
    (tmp_path / "tree" / "truth" / "settings.json").touch()
    return tmp_path / "tree" / "phantom-0000.nii.gz"


def judged(image, record=RECORD, traits=TRAITS, **facts):
    return judge(record, traits, image=image, **{"seen": False, "searched": False} | facts)


def test_a_scan_like_the_training_scans_raises_no_doubt(scan):
    trust = judged(scan)
    assert (trust.verdict, trust.doubts, trust.mark) == ("alike", [], None)
    record = trust.as_record()
    assert record["compared"] == ["distance of slices"]
    assert "63" not in str(record)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"seen": True}, SEEN),
        ({"searched": True}, ON_NODULES),
        ({"record": TrackRecord(n=100)}, NO_TEST),
        (
            {"record": TrackRecord(n=9, tested=NetScore(name="AUC", value=0.6, ci95=None, n=9))},
            CHANCE,
        ),
    ],
)
def test_each_reason_against_it_is_a_doubt(scan, changes, reason):
    trust = judged(scan, **changes)
    assert trust.verdict == "doubtful"
    assert list(trust.doubts) == [reason]


def test_a_scan_unlike_the_training_scans_is_said_to_be(scan):
    trust = judged(scan, traits=ScanTraits(pixel_mm=0.7, slice_mm=7.0))
    assert trust.verdict == "doubtful"
    assert "slices farther apart (7.00 mm)" in trust.doubts[0]


def test_a_net_of_phantoms_says_so_on_a_person_and_not_on_a_phantom(scan, phantom):
    synthetic = TrackRecord(synthetic=True, n=100, tested=SCORE)
    trust = judged(scan, synthetic)
    assert trust.verdict == "phantoms"
    assert trust.mark == PHANTOM_MARK
    lines = trust_lines(trust.as_record(), red=True)
    assert lines[0].startswith("\x1b[1;31mMay I believe this? No.")
    assert trust_lines(trust.as_record())[0].startswith("May I believe this? No.")
    assert judged(phantom, synthetic).verdict == "alike"
    # the other way round
    assert judged(phantom).doubts == [PERSON]


def test_a_checkpoint_without_a_record_is_said_to_have_none(scan):
    trust = judged(scan, TrackRecord(), seen=True)
    assert trust.verdict == "unknown"
    assert trust_lines(trust.as_record()) == [
        "May I believe this? Not known: the checkpoint does not say what it was trained or "
        "tested on.",
        f"  doubt: {SEEN}",
    ]


def test_many_scans_are_counted_by_verdict():
    lines = many_lines(RECORD, {"doubtful": 3, "alike": 9})
    assert lines[0].endswith("from NLST, 30 of them positive.")
    assert "AUC 0.900 (0.800 to 0.950)" in lines[1]
    assert lines[2:] == [
        "  doubts about 3 scans: trust in their prediction.json",
        "  9 scans are like those that the net has learnt from",
    ]
    assert many_lines(RECORD, {"phantoms": 2}, red=True)[-1].startswith("\x1b[1;31m  2 scans: No.")
