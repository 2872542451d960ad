"""Tests of trees of phantoms in the layouts of public data sets."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest

from lungcam.errors import InputError
from lungcam.phantom import phantom_cohort
from lungcam.phantom.layouts import LAYOUTS, train_command, write_layout
from lungcam.scans import check_scan

# layouts with the scans of the phantom cohort
COHORTS = ("luna16", "lidc", "nlst")
SETTINGS = {"seed": 5, "difficulty": 0.3, "matrix": 64}


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    """Return root and samples of the same four phantoms by layout."""
    root = tmp_path_factory.mktemp("trees")
    return {
        name: (root / name, write_layout(root / name, name, n=4, workers=1, **SETTINGS))
        for name in COHORTS
    }


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return phantom_cohort(tmp_path_factory.mktemp("cohort"), 4, workers=1, **SETTINGS).samples


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.parametrize("layout", COHORTS)
def test_the_scans_are_those_of_the_phantom_cohort(trees, cohort, layout):
    _, samples = trees[layout]
    for sample, phantom in zip(samples, cohort, strict=True):
        assert sample.sample_id == phantom.sample_id
        assert sample.label_source == phantom.label_source
        assert sample.diameter_mm == phantom.diameter_mm
        assert sample.label in (phantom.label, None)
        (check, scan), (_, original) = check_scan(sample.image), check_scan(phantom.image)
        assert check.with_outcome("refused", "flagged") == []
        # values only: LUNA16's arrays may run backwards, which its own test undoes
        assert np.array_equal(np.sort(scan.hu, axis=None), np.sort(original.hu, axis=None))
        if layout != "luna16":
            assert np.array_equal(scan.hu, original.hu)
            assert np.allclose(scan.grid.affine, original.grid.affine, atol=1e-3)
            assert sample.center_mm == phantom.center_mm


def test_only_the_participant_with_two_exams_has_no_label(trees, cohort):
    for layout in ("lidc", "luna16"):
        labels = [sample.label for sample in trees[layout][1]]
        assert labels == [sample.label for sample in cohort]
    unlabelled = [sample for sample in trees["nlst"][1] if sample.label is None]
    assert [sample.label_source.split()[-1] for sample in unlabelled] == ["benign"]


def test_a_finished_tree_is_only_listed(trees):
    for layout, (root, samples) in trees.items():
        stamps = {path: path.stat().st_mtime_ns for path in root.rglob("*.*") if path.is_file()}
        again = write_layout(root, layout, n=4, workers=1, **SETTINGS)
        assert list(again) == list(samples)
        scans = [
            path for path in stamps if path.suffix in (".dcm", ".raw", ".zraw", ".mhd", ".xml")
        ]
        assert scans
        assert all(path.stat().st_mtime_ns == stamps[path] for path in scans)


def test_a_phantom_without_its_record_is_made_again_identically(trees, tmp_path):
    root = tmp_path / "tree"
    write_layout(root, "luna16", n=4, workers=1, **SETTINGS)
    before = contents(root)
    assert before == contents(trees["luna16"][0])
    (root / "truth/phantom-0001.json").unlink()
    raw = root / next(name for name in before if name.endswith(".raw") and "subset1" in name)
    raw.write_bytes(b"cut short")
    stamp = (root / "truth/phantom-0002.json").stat().st_mtime_ns
    write_layout(root, "luna16", n=4, workers=1, **SETTINGS)
    assert contents(root) == before
    assert (root / "truth/phantom-0002.json").stat().st_mtime_ns == stamp


def test_a_larger_tree_extends_a_smaller_one_in_several_processes(trees, tmp_path):
    root = tmp_path / "tree"
    write_layout(root, "luna16", n=4, workers=2, **SETTINGS)
    four = contents(root)
    assert four == contents(trees["luna16"][0])
    samples = write_layout(root, "luna16", n=5, workers=2, **SETTINGS)
    assert len(samples) == 5
    five = contents(root)
    changed = {name for name in four if five[name] != four[name]}
    assert changed == {"truth/settings.json", "README.txt", *LAYOUTS["luna16"].tables}
    assert not [name for name in five if Path(name).name.startswith(".")]
    with pytest.raises(InputError, match=r"holds 5 phantoms; set n=5"):
        write_layout(root, "luna16", n=4, workers=1, **SETTINGS)


def test_a_scan_has_the_same_uid_in_lidc_and_luna16(trees):
    lidc, luna16, nlst = (
        [sample.series_uid for sample in trees[x][1]] for x in ("lidc", "luna16", "nlst")
    )
    assert lidc == luna16
    uids = {*lidc, *nlst, *(sample.study_uid for sample in (*trees["lidc"][1], *trees["nlst"][1]))}
    assert len(uids) == 16
    assert all(uid.startswith("2.25.") and pydicom.uid.UID(uid).is_valid for uid in uids)


def test_the_readme_describes_the_tree_and_the_command(trees):
    for layout, (root, _) in trees.items():
        text = (root / "README.txt").read_text()
        assert "no patient" in text
        assert "Research use only" in text
        assert f"layout={layout} with n=4, seed=5, difficulty=0.3, matrix=64" in text
        files = (root / "truth").glob("phantom-*.json")
        kinds = sorted(json.loads(file.read_text())["kind"] for file in files)
        assert kinds == ["benign", "healthy"] + 2 * ["malignant"]


def test_the_train_command_is_quoted_for_the_shell():
    assert train_command(Path("a b"), "luna16") == (
        "python train.py data=luna16 'data.root=a b' 'data.xml=a b/lidc-xml'"
    )
    assert train_command(Path("a"), "nlst_risk") == (
        "python train.py experiment=nlst_risk data.root=a"
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 6}, "another seed"),
        ({"difficulty": 0.4}, "another difficulty"),
        ({"matrix": 65}, "another matrix"),
        ({"layout": "nlst"}, "another layout"),
    ],
)
def test_a_tree_of_other_settings_is_refused(trees, change, message):
    settings = {"layout": "lidc", "n": 4, "workers": 1} | SETTINGS | change
    before = contents(trees["lidc"][0])
    with pytest.raises(InputError, match=f"{message}; name a new or empty folder"):
        write_layout(trees["lidc"][0], **settings)
    assert contents(trees["lidc"][0]) == before


def test_a_folder_of_other_files_and_a_file_are_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    for out in (tmp_path, tmp_path / "mine.txt"):
        with pytest.raises(InputError, match=r"name a new or empty folder"):
            write_layout(out, "lidc", n=4, workers=1, **SETTINGS)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(InputError, match=r"cannot be written"):
        write_layout(tmp_path / "mine.txt" / "below", "lidc", n=4, workers=1, **SETTINGS)


@pytest.mark.parametrize(
    "change",
    [{"layout": "lung"}, {"n": 3}, {"n": 10000}, {"seed": -1}, {"difficulty": 2}, {"matrix": 9}],
)
def test_impossible_settings_are_named(tmp_path, change):
    (name,) = change
    with pytest.raises(InputError, match=f"{name}.*set it"):
        write_layout(tmp_path / "tree", **{"layout": "lidc", "n": 4} | SETTINGS | change)
    assert not list(tmp_path.iterdir())


def test_import_is_light():
    heavy = ("torch", "vtk", "monai", "pytorch_lightning")
    code = (
        "import sys, lungcam.phantom.layouts; "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert process.stdout.strip() == "[]"
