"""Whatever decides a prepared input decides its key."""

import ast
import shutil
from pathlib import Path

import numpy as np
import pytest

import lungcam
from lungcam.data.cache import CODE, cache_key, code_version, content_hash, load, store

PACKAGE = Path(lungcam.__file__).parent


def test_the_scan_the_series_the_place_and_the_transforms_decide_the_key():
    key = cache_key("one", None, None, "Compose(a)")
    assert key == cache_key("one", None, None, "Compose(a)")
    others = {
        cache_key("two", None, None, "Compose(a)"),
        cache_key("one", "1.2.3", None, "Compose(a)"),
        cache_key("one", "1.2.4", None, "Compose(a)"),
        cache_key("one", None, None, "Compose(b)"),
        *(cache_key("one", None, (x, 0, 0), "Compose(a)") for x in (1, 2)),
    }
    assert len(others - {key}) == 6
    assert cache_key("one", None, (1, 0, 0), "a") == cache_key("one", None, (1.0, 0.0, 0.0), "a")


def test_the_bytes_of_the_scan_decide_its_content(tmp_path):
    scan = tmp_path / "scan.nii.gz"
    scan.write_bytes(b"one")
    before = content_hash(scan)
    scan.write_bytes(b"two")
    assert content_hash(scan) != before


def test_the_name_of_the_scan_does_not(tmp_path):
    for name in ("one.nii", "two.nii"):
        (tmp_path / name).write_bytes(b"the same")
    assert content_hash(tmp_path / "one.nii") == content_hash(tmp_path / "two.nii")


@pytest.mark.parametrize("name", ["scan", "1.3.6.1.4", "scan [1]"])
@pytest.mark.parametrize("suffix", ["raw", "zraw"])
def test_the_voxels_beside_an_mhd_header_count(tmp_path, name, suffix):
    header, voxels = tmp_path / f"{name}.mhd", tmp_path / f"{name}.{suffix}"
    header.write_text(f"ElementDataFile = {voxels.name}\n")
    voxels.write_bytes(b"one")
    before = content_hash(header)
    (tmp_path / "another.raw").write_bytes(b"not this scan's")
    assert content_hash(header) == before
    voxels.write_bytes(b"two")
    assert content_hash(header) != before


@pytest.mark.parametrize("where", [".", "study/series"])
def test_every_file_of_a_dicom_folder_counts(tmp_path, where):
    series = tmp_path / where
    series.mkdir(parents=True, exist_ok=True)
    for i in range(3):
        (series / f"{i}.dcm").write_bytes(bytes([i]))
    before = content_hash(tmp_path)
    (series / "1.dcm").write_bytes(b"other")
    changed = content_hash(tmp_path)
    (series / "2.dcm").unlink()
    assert len({before, changed, content_hash(tmp_path)}) == 3


@pytest.mark.parametrize("name", CODE)
def test_the_preparing_code_decides_the_key(tmp_path, monkeypatch, name):
    copy = tmp_path / "lungcam"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(lungcam, "__file__", str(copy / "__init__.py"))
    version = code_version.__wrapped__
    before = version()
    (copy / "render" / "scene.py").write_text("# has no part in it\n")
    assert version() == before
    files = [copy / name] if name.endswith(".py") else sorted((copy / name).glob("*.py"))
    assert files
    for file in files:
        text = file.read_text()
        file.write_text(text + "# changed\n")
        assert version() != before, file
        file.write_text(text)
    assert version() == before


def test_all_that_preparation_imports_is_code_that_counts():
    # what only finds, keeps or spreads the work, and leaves the voxels alone
    aside = {
        "__init__.py",
        "errors.py",
        "files.py",
        "pool.py",
        "data/cache.py",
        "cohorts/sample.py",
    }
    waiting, seen = [PACKAGE / "data" / "preparation.py"], set()
    while waiting:
        file = waiting.pop()
        if file in seen or str(file.relative_to(PACKAGE)) in aside:
            continue
        seen.add(file)
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lungcam."):
                path = PACKAGE.joinpath(*node.module.split(".")[1:])
                waiting.append(path / "__init__.py" if path.is_dir() else path.with_suffix(".py"))
    paths = {str(file.relative_to(PACKAGE)) for file in seen}
    assert len(paths) > 10
    assert {path for path in paths if not (path in CODE or path.split("/")[0] in CODE)} == set()


def test_arrays_read_back(tmp_path):
    arrays = {"input": np.arange(6, dtype=np.float32).reshape(1, 2, 3), "lungs": np.array([True])}
    store(tmp_path / "folder" / "key.npz", arrays)
    again = load(tmp_path / "folder" / "key.npz")
    assert set(again) == set(arrays)
    for name, array in arrays.items():
        assert again[name].dtype == array.dtype
        assert np.array_equal(again[name], array)
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["key.npz"]
    assert list(load(tmp_path / "folder" / "key.npz", ("lungs",))) == ["lungs"]


def test_pickled_objects_are_refused(tmp_path):
    store(tmp_path / "bad.npz", {"input": np.array([{}], dtype=object)})
    with pytest.raises(ValueError, match="allow_pickle"):
        load(tmp_path / "bad.npz")
