"""LUNA25's table and images as samples, on phantoms in its layout and on odd tables."""

import csv
import json

import numpy as np
import pytest

from lungcam.cohorts.luna25 import luna25_cohort
from lungcam.errors import InputError
from lungcam.grid import Grid
from lungcam.phantom.layouts import write_layout
from lungcam.scans import read_scan, write_volume


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    out = tmp_path_factory.mktemp("luna25") / "tree"
    samples = write_layout(out, "luna25", n=4, matrix=64, workers=1)
    return out, samples


def test_samples_are_those_of_the_layout(tree):
    out, written = tree
    cohort = luna25_cohort(out)
    known = {sample.series_uid: sample for sample in written if sample.center_mm is not None}
    assert len(cohort.samples) == len(known) == 3
    for sample in cohort.samples:
        truth = known[sample.series_uid]
        assert np.allclose(sample.center_mm, truth.center_mm, atol=1e-4)
        assert (sample.label, sample.patient_id) == (truth.label, truth.patient_id)
        assert sample.image == truth.image
        assert 55 <= sample.features["age"] <= 76
        assert sample.features["sex"] in (0, 1)
        # the centre is in the nodule, as the image itself shows
        scan = read_scan(sample.image)
        index = np.rint(scan.grid.to_index(np.array(sample.center_mm))).astype(int)
        around = tuple(slice(max(0, k - 2), k + 3) for k in index)
        assert scan.hu[around].max() > -500
    assert "column label" in cohort.label_rule
    assert any("NLST" in note for note in cohort.notes)


def changed(out, tmp_path, change):
    """Write the table in another form; `change` gets its rows."""
    (table,) = out.glob("*.csv")
    with table.open() as file:
        rows = list(csv.DictReader(file))
    rows = change(rows) or rows
    with (tmp_path / "t.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return tmp_path / "t.csv"


def test_other_names_of_columns_are_mapped(tree, tmp_path):
    out, _ = tree
    names = {"SeriesInstanceUID": "uid", "CoordX": "x", "CoordY": "y", "CoordZ": "z", "label": "m"}
    file = changed(
        out,
        tmp_path,
        lambda rows: [{names.get(key, key): text for key, text in row.items()} for row in rows],
    )
    columns = {"series_uid": "uid", "center": ["x", "y", "z"], "label": "m", "age": None}
    cohort = luna25_cohort(out, annotations=file, columns=columns)
    assert [s.center_mm for s in cohort.samples] == [
        s.center_mm for s in luna25_cohort(out).samples
    ]
    with pytest.raises(InputError, match="no column SeriesInstanceUID"):
        luna25_cohort(out, annotations=file)


def test_rows_without_an_image_or_with_bad_values_are_counted(tree, tmp_path):
    out, _ = tree

    def spoil(rows):
        rows[0]["SeriesInstanceUID"] = "1.2.3"
        rows[1]["label"] = "2"
        rows[2]["PatientID"] = "NA"
        return [*rows, rows[2] | {"label": "NA", "Gender": ""}]

    cohort = luna25_cohort(out, annotations=changed(out, tmp_path, spoil))
    assert [sample.label for sample in cohort.samples][1:] == [None]
    assert len({sample.sample_id for sample in cohort.samples}) == 2
    assert cohort.samples[0].patient_id == cohort.samples[0].series_uid
    notes = " ".join(cohort.notes)
    assert "1 row(s) of t.csv are of 1 scan(s) without an image" in notes
    assert "t.csv: row 3: label is 2, not 0 or 1" in notes
    assert "names no patient" in notes


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"unit": "scan"}, "data.unit is 'scan'"),
        ({"columns": {"pid": "x"}}, "data.columns.pid: no such name"),
        ({"columns": {"center": "x"}}, "as many columns"),
        ({"annotations": "gone.csv"}, "there is no such file"),
    ],
)
def test_wrong_settings_are_refused(tree, settings, message):
    with pytest.raises(InputError, match=message):
        luna25_cohort(tree[0], **settings)


def test_a_folder_without_a_table_is_refused(tmp_path):
    with pytest.raises(InputError, match="none have the columns"):
        luna25_cohort(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        luna25_cohort(tmp_path / "gone")


def test_the_truth_of_the_tree_names_every_image(tree):
    out, written = tree
    for sample in written:
        assert sample.image.is_file()
        assert json.loads((out / "truth" / f"{sample.sample_id}.json").read_text())["image"]


def test_blocks_of_nodules_stand_for_the_images(tree, tmp_path):
    out, _ = tree
    whole = {sample.sample_id: sample for sample in luna25_cohort(out).samples}
    for name in ("image", "metadata"):
        (tmp_path / name).mkdir()
    (tmp_path / "t.csv").write_bytes(next(out.glob("*.csv")).read_bytes())
    blocks = {}
    for number, (name, sample) in enumerate(whole.items()):
        scan = read_scan(sample.image)
        x, y, z = np.rint(scan.grid.to_index(np.array(sample.center_mm))).astype(int)
        start = np.maximum((x - 12, y - 12, z - 8), 0)
        box = tuple(slice(a, a + n) for a, n in zip(start, (24, 24, 16), strict=True))
        blocks[name] = scan.hu[box]
        affine = scan.grid.affine.copy()
        affine[:3, 3] = (affine @ [*start, 1])[:3]
        if number == 0:
            grid = Grid((24, 24, 16), affine)
            write_volume(tmp_path / f"{name}_0000.nii.gz", blocks[name], grid=grid)
            continue
        lps = np.diag([-1.0, -1, 1, 1]) @ affine
        spacing = np.linalg.norm(lps[:3, :3], axis=0)
        place = {
            "origin": lps[2::-1, 3],
            "spacing": spacing[::-1],
            "transform": (lps[:3, :3].T)[::-1, ::-1] / spacing[::-1],
        }
        np.save(tmp_path / "image" / f"{name}.npy", blocks[name].T)
        np.save(tmp_path / "metadata" / f"{name}.npy", place)
    samples = luna25_cohort(tmp_path).samples
    assert [sample.sample_id for sample in samples] == list(whole)
    for sample in samples:
        scan = read_scan(sample.image, whole_chest=False)
        assert np.array_equal(scan.hu, blocks[sample.sample_id])
        index = np.rint(scan.grid.to_index(np.array(sample.center_mm))).astype(int)
        chest = read_scan(whole[sample.sample_id].image)
        there = np.rint(chest.grid.to_index(np.array(sample.center_mm))).astype(int)
        assert scan.hu[tuple(index)] == chest.hu[tuple(there)]
