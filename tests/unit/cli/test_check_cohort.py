"""Check of a cohort, with the cost of its preparation, before anything is prepared."""

import numpy as np
import pytest

from lungcam.cli.check_cohort import run
from lungcam.cohorts.table import read_samples
from lungcam.errors import InputError
from lungcam.grid import Grid
from lungcam.scans import write_volume


@pytest.fixture
def table(tmp_path):
    """Twenty crops of twenty people, and one row without a label."""
    rows = ["image,patient_id,label,coordX,coordY,coordZ"]
    for i in range(20):
        hu = np.random.default_rng(i).integers(-1000, 400, (9, 9, 5)).astype(np.int16)
        write_volume(tmp_path / f"crop-{i}.nii.gz", hu, grid=Grid(hu.shape, np.eye(4)))
        rows.append(f"crop-{i}.nii.gz,p{i},{i % 2},-4,-4,2")
    rows.append("crop-0.nii.gz,p0,,-4,-4,2")
    (tmp_path / "table.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "table.csv"


def settings(table, *more: str) -> list[str]:
    cache = table.parent / "cache"
    return ["data=table", f"data.table='{table}'", "view=nodule", f"cache='{cache}'", *more]


def test_a_good_cohort_is_described_in_full(table, capsys):
    run(settings(table, f"out={table.parent / 'out'}"))
    printed = capsys.readouterr().out
    assert (
        "cohort: 21 samples of 20 patients, 10 positive, 10 negative, 1 without a label" in printed
    )
    assert "label rule: label 1: label 1; 0: 0" in printed
    assert "note: left out, since the rule gives no label: 1 of 21 samples." in printed
    assert "20 inputs to prepare from 20 scans" in printed
    counts = {
        side: int(printed.split(f"\n{side}: ")[1].split(" samples")[0])
        for side in ("train", "val", "test")
    }
    # of 10 negative and 10 positive patients, .15 and .25 of each, rounded
    assert counts == {"train": 12, "val": 4, "test": 4}
    # hashes are stored, and nothing is prepared
    assert not list((table.parent / "cache").rglob("*.npz"))
    assert len(read_samples(table.parent / "out" / "samples.csv", {})[0]) == 21


def test_a_missing_image_is_reported(table, capsys):
    (table.parent / "crop-3.nii.gz").unlink()
    run(settings(table))
    assert "note: 1 of 20 images are missing, such as " in capsys.readouterr().out


def test_a_cohort_without_any_image_is_refused(table):
    for file in table.parent.glob("crop-*"):
        file.unlink()
    with pytest.raises(InputError, match="not one image of the cohort is there"):
        run(settings(table))


def test_a_leak_is_refused(table):
    table.write_text(table.read_text().replace("crop-5.", "crop-2."))
    with pytest.raises(InputError, match=r"leak: the same image .* p2 and crop-2_2 of patient p5"):
        run(settings(table))


def test_a_wrong_setting_is_refused(table):
    with pytest.raises(InputError, match=r"split\.folds=1 "):
        run(settings(table, "split.folds=1"))
    with pytest.raises(InputError, match=r"split\.vall: there is no such setting"):
        run(settings(table, "+split.vall=0.5"))
