"""Content hashes of scans and their memory; everything that changes an input changes its key."""

import ast
import importlib
import importlib.metadata
import json
import os
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import torchio as tio
from hypothesis import given, settings
from hypothesis import strategies as st

import lungcam
from lungcam.config import plugins
from lungcam.data.cache_key import (
    CODE,
    LIBRARIES,
    ContentHashes,
    cache_key,
    code_version,
    content_hash,
    describe,
)
from lungcam.transforms import LungView, NoduleView, pipeline


def test_the_content_hash_depends_on_the_bytes(tmp_path):
    scan = tmp_path / "scan.nii.gz"
    scan.write_bytes(b"one")
    before = content_hash(scan)
    scan.write_bytes(b"two")
    assert content_hash(scan) != before


def test_the_content_hash_does_not_depend_on_the_name(tmp_path):
    for name in ("one.nii", "two.nii"):
        (tmp_path / name).write_bytes(b"the same")
    assert content_hash(tmp_path / "one.nii") == content_hash(tmp_path / "two.nii")


@pytest.mark.parametrize("name", ["scan", "1.3.6.1.4", "scan [1]"])
@pytest.mark.parametrize("suffix", ["raw", "zraw"])
def test_the_content_hash_covers_the_voxels_of_an_mhd_header(tmp_path, name, suffix):
    header, voxels = tmp_path / f"{name}.mhd", tmp_path / f"{name}.{suffix}"
    header.write_text(f"ElementDataFile = {voxels.name}\n")
    voxels.write_bytes(b"one")
    before = content_hash(header)
    (tmp_path / "another.raw").write_bytes(b"not this scan's")
    assert content_hash(header) == before
    voxels.write_bytes(b"two")
    assert content_hash(header) != before


@pytest.mark.parametrize("folder", [".", "study/series"])
def test_the_content_hash_covers_every_file_of_a_dicom_folder(tmp_path, folder):
    series = tmp_path / folder
    series.mkdir(parents=True, exist_ok=True)
    for i in range(3):
        (series / f"{i}.dcm").write_bytes(bytes([i]))
    before = content_hash(tmp_path)
    (series / "1.dcm").write_bytes(b"other")
    changed = content_hash(tmp_path)
    (series / "2.dcm").unlink()
    assert len({before, changed, content_hash(tmp_path)}) == 3


# the memory of hashes


def write_old(file: Path, content: bytes, seconds: float = 100) -> None:
    """Write a file that was last changed a while ago."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    then = time.time() - seconds
    os.utime(file, (then, then))


def change_unseen(file: Path) -> str:
    """Change a file's last byte, but neither its size nor its times; return its true hash."""
    before = file.stat()
    file.write_bytes(file.read_bytes()[:-1] + b"#")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    return content_hash(file)


def hash_of(root: Path, scan: Path) -> str:
    with ContentHashes(root) as hashes:
        return hashes.of(scan)


def test_a_known_scan_is_not_read_again(tmp_path):
    root, scan = tmp_path / "cache", tmp_path / "scan.nii.gz"
    write_old(scan, b"one")
    true = content_hash(scan)
    assert hash_of(root, scan) == true
    # only its bytes show the change
    assert change_unseen(scan) != true
    assert hash_of(root, scan) == true
    assert [file.name for file in root.iterdir()] == ["hashes.json"]


@pytest.mark.parametrize("change", ["size", "time", "name", "another file", "one less"])
def test_a_changed_folder_is_read_again(tmp_path, change):
    root, scan = tmp_path / "cache", tmp_path / "scan"
    for name in "abc":
        write_old(scan / "deeper" / name, name.encode())
    first = hash_of(root, scan)
    file = scan / "deeper" / "b"
    if change == "size":
        write_old(file, b"bb")
    elif change == "time":
        write_old(file, b"x", seconds=50)
    elif change == "name":
        file.rename(scan / "deeper" / "d")
    elif change == "another file":
        write_old(scan / "z", b"z")
    else:
        file.unlink()
    assert hash_of(root, scan) == content_hash(scan) != first


def test_changed_voxels_of_a_known_mhd_header_are_read_again(tmp_path):
    root, header, voxels = tmp_path / "cache", tmp_path / "a.mhd", tmp_path / "a.raw"
    write_old(header, b"ElementDataFile = a.raw\n")
    write_old(voxels, b"one")
    first = hash_of(root, header)
    write_old(voxels, b"two", seconds=50)
    assert hash_of(root, header) == content_hash(header) != first


def test_the_hash_of_a_file_that_has_just_been_written_is_not_stored(tmp_path):
    """The file may change once more within the same tick of the clock."""
    root, young, old = tmp_path / "cache", tmp_path / "young.nii", tmp_path / "old.nii"
    # modified in the future by the file system's clock, so that the test need not be fast
    write_old(young, b"one", seconds=-100)
    write_old(old, b"one")
    with ContentHashes(root) as hashes:
        assert hashes.of(young) == hashes.of(old)
    assert list(json.loads((root / "hashes.json").read_text())) == [str(old)]
    changed = change_unseen(young)
    assert hash_of(root, young) == changed
    change_unseen(old)
    assert hash_of(root, old) != changed


def test_an_object_reads_a_scan_once(tmp_path):
    scan = tmp_path / "scan.nii"
    write_old(scan, b"one", seconds=-100)
    hashes = ContentHashes(tmp_path / "cache")
    first = hashes.of(scan)
    scan.write_bytes(b"another")
    assert hashes.of(scan) == first
    hashes.save()
    # nothing to store, so no folder is made
    assert not (tmp_path / "cache").exists()


def test_hashes_of_two_writers_are_both_stored(tmp_path):
    root, scans = tmp_path / "cache", [tmp_path / f"{i}.nii" for i in range(3)]
    for scan in scans:
        write_old(scan, scan.name.encode())
    first, second = ContentHashes(root), ContentHashes(root)
    for hashes, scan in ((first, scans[0]), (second, scans[1]), (second, scans[2])):
        hashes.of(scan)
    second.save()
    first.save()
    assert set(json.loads((root / "hashes.json").read_text())) == {str(scan) for scan in scans}
    assert [file.name for file in root.iterdir()] == ["hashes.json"]


def test_hashes_are_stored_when_interrupted(tmp_path):
    scan = tmp_path / "scan.nii"
    write_old(scan, b"one")

    def stopped() -> None:
        with ContentHashes(tmp_path / "cache") as hashes:
            hashes.of(scan)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert str(scan) in (tmp_path / "cache" / "hashes.json").read_text()


json_values = st.recursive(
    st.one_of(st.none(), st.integers(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
)


@settings(deadline=None, max_examples=60)
@given(content=st.one_of(st.binary(max_size=40), json_values.map(lambda v: json.dumps(v).encode())))
def test_a_damaged_memory_is_replaced(tmp_path_factory, content):
    root = tmp_path_factory.getbasetemp() / "damaged"
    scan = root / "scan.nii"
    write_old(scan, b"one")
    (root / "hashes.json").write_bytes(content)
    assert hash_of(root, scan) == content_hash(scan)
    assert str(scan) in json.loads((root / "hashes.json").read_text())


@pytest.mark.parametrize("entry", [3, "x", [], ["a"], ["a", 1], {"a": "b"}, ["a", "b", "c"]])
def test_a_damaged_entry_of_the_memory_is_ignored(tmp_path, entry):
    scan = tmp_path / "scan.nii"
    write_old(scan, b"one")
    (tmp_path / "hashes.json").write_text(json.dumps({str(scan): entry}))
    assert hash_of(tmp_path, scan) == content_hash(scan)


def test_a_read_only_cache_still_gives_hashes(tmp_path):
    scan = tmp_path / "scan.nii"
    write_old(scan, b"one")
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert hash_of(tmp_path / "cache", scan) == content_hash(scan)


def test_a_missing_scan_is_treated_like_without_a_memory(tmp_path):
    with ContentHashes(tmp_path / "cache") as hashes:
        assert hashes.of(tmp_path / "gone.nii") == content_hash(tmp_path / "gone.nii")
        with pytest.raises(FileNotFoundError):
            hashes.of(tmp_path / "gone.mhd")
    assert not (tmp_path / "cache").exists()


PACKAGE = Path(lungcam.__file__).parent


def test_the_key_depends_on_scan_series_centre_transforms_and_lesion():
    key = cache_key("one", None, center_mm=None, transforms="Compose(a)")
    assert key == cache_key("one", None, center_mm=None, transforms="Compose(a)")
    others = {
        cache_key("two", None, center_mm=None, transforms="Compose(a)"),
        cache_key("one", "1.2.3", center_mm=None, transforms="Compose(a)"),
        cache_key("one", "1.2.4", center_mm=None, transforms="Compose(a)"),
        cache_key("one", None, center_mm=None, transforms="Compose(b)"),
        *(cache_key("one", None, center_mm=(x, 0, 0), transforms="Compose(a)") for x in (1, 2)),
        *(
            cache_key("one", None, center_mm=None, transforms="Compose(a)", masks=[mask])
            for mask in ("two", "three")
        ),
    }
    assert len(others - {key}) == 8
    assert cache_key("one", None, center_mm=(1, 0, 0), transforms="a") == cache_key(
        "one", None, center_mm=(1.0, 0.0, 0.0), transforms="a"
    )


@pytest.mark.parametrize("name", CODE)
def test_the_key_depends_on_the_preparing_code(tmp_path, monkeypatch, name):
    copy = tmp_path / "lungcam"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(lungcam, "__file__", str(copy / "__init__.py"))
    version = code_version.__wrapped__
    before = version()
    (copy / "render" / "scene.py").write_text("# not part of the preparing code\n")
    assert version() == before
    files = [copy / name] if name.endswith(".py") else sorted((copy / name).glob("*.py"))
    assert files
    for file in files:
        text = file.read_text()
        file.write_text(text + "# changed\n")
        assert version() != before, file
        file.write_text(text)
    assert version() == before


def test_all_code_that_preparation_imports_is_in_the_key():
    # modules that do not affect the voxels
    exempt = {
        "__init__.py",
        "errors.py",
        "runtime/atomic.py",
        "runtime/parallel.py",
        "data/cache_key.py",
        "cohorts/sample.py",
    }
    waiting, seen = [PACKAGE / "data" / "prepare.py"], set()
    while waiting:
        file = waiting.pop()
        if file in seen or str(file.relative_to(PACKAGE)) in exempt:
            continue
        seen.add(file)
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lungcam."):
                path = PACKAGE.joinpath(*node.module.split(".")[1:])
                waiting.append(path / "__init__.py" if path.is_dir() else path.with_suffix(".py"))
    paths = {str(file.relative_to(PACKAGE)) for file in seen}
    assert len(paths) > 10
    assert {path for path in paths if not (path in CODE or path.split("/")[0] in CODE)} == set()


@pytest.mark.parametrize("name", LIBRARIES)
def test_the_key_depends_on_the_libraries_versions(monkeypatch, name):
    version = code_version.__wrapped__
    before = version()
    true = importlib.metadata.version
    monkeypatch.setattr(
        "lungcam.data.cache_key.version", lambda lib: "0.0.1" if lib == name else true(lib)
    )
    assert version() != before


def test_every_library_that_preparation_imports_is_in_the_key():
    # progress bars
    exempt = {"tqdm"}
    files = [PACKAGE / name for name in CODE if name.endswith(".py")]
    files += [file for name in CODE if "." not in name for file in (PACKAGE / name).glob("*.py")]
    imported = set()
    for node in (node for file in files for node in ast.walk(ast.parse(file.read_text()))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").partition(".")[0])
    imported -= {*sys.stdlib_module_names, "lungcam"} | exempt
    known = importlib.metadata.packages_distributions()
    wanted = {name.lower() for name in LIBRARIES}
    assert {"numpy", "torch", "torchio"} <= imported
    assert {lib for lib in imported if not wanted & {x.lower() for x in known[lib]}} == set()


# the transforms


def other_settings() -> list[tio.Transform]:
    return [
        NoduleView(),
        NoduleView(shape=(32, 32, 16)),
        NoduleView(spacing_mm=2.0),
        NoduleView(window_hu=(-1000, 400.5)),
        NoduleView(p=0.5),
        LungView(),
        # without `args_names`, so that its repr has no settings
        tio.RandomNoise(std=1.0),
        tio.RandomNoise(std=2.0),
        # settings that the repr leaves out
        tio.Clamp(0, 1),
        tio.Clamp(0, 1, include=["image"]),
        tio.Clamp(0, 1, exclude=["image"]),
        tio.Compose({"a": tio.Clamp(0, 1), "b": tio.ZNormalization()}),
        tio.Compose({"b": tio.ZNormalization(), "a": tio.Clamp(0, 1)}),
        tio.Compose({"a": tio.Clamp(0, 2), "b": tio.ZNormalization()}),
        tio.OneOf({tio.Clamp(0, 1): 0.5, tio.ZNormalization(): 0.5}),
    ]


def test_every_setting_of_a_transform_is_described():
    descriptions = [describe(transform) for transform in other_settings()]
    assert len(set(descriptions)) == len(descriptions)
    assert [describe(transform) for transform in other_settings()] == descriptions


def test_a_change_within_a_pipeline_is_described():
    spacings = (1.0, 1.0000001)
    descriptions = {describe(pipeline({"view": NoduleView(spacing_mm=mm)})) for mm in spacings}
    assert len(descriptions) == 2


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor])
def test_a_large_array_is_described_to_the_last_number(kind):
    class Weighted(tio.Transform):
        def __init__(self, weights):
            super().__init__()
            self.weights = weights

        def apply_transform(self, subject):
            return subject

    weights = np.zeros(5000)
    first = describe(Weighted(kind(weights)))
    assert describe(Weighted(kind(weights.copy()))) == first
    weights[2500] = 1
    assert describe(Weighted(kind(weights))) != first


def test_the_code_of_a_users_own_transform_is_described(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    code = (
        "import torchio as tio\n"
        "class Mine(tio.Transform):\n"
        "    def apply_transform(self, subject):\n        return subject\n"
        "def twice(x):\n    return 2 * x\n"
    )
    descriptions = set()
    for text in (code, code, code.replace("2 * x", "x + x")):
        (tmp_path / "mine.py").write_text(text)
        plugins.code_hash.cache_clear()
        sys.modules.pop("mine", None)
        importlib.invalidate_caches()
        mine = importlib.import_module("mine")
        descriptions.add((describe(mine.Mine()), describe(tio.Lambda(mine.twice))))
    sys.modules.pop("mine", None)
    plugins.code_hash.cache_clear()
    assert len(descriptions) == 2
    transforms, functions = zip(*descriptions, strict=True)
    assert len(set(transforms)) == len(set(functions)) == 2
    assert "0x" not in "".join(functions)
