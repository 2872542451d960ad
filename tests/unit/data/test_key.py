"""Whatever decides a prepared input decides its key."""

import ast
import importlib.metadata
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torchio as tio

import lungcam
from lungcam.data.key import CODE, LIBRARIES, cache_key, code_version, describe
from lungcam.transforms import LungView, NoduleView, pipeline

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
        *(cache_key("one", None, None, "Compose(a)", mask) for mask in ("two", "three")),
    }
    assert len(others - {key}) == 8
    assert cache_key("one", None, (1, 0, 0), "a") == cache_key("one", None, (1.0, 0.0, 0.0), "a")


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
        "data/content.py",
        "data/key.py",
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


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_librarys_release_decides_the_key(monkeypatch, name):
    version = code_version.__wrapped__
    before = version()
    true = importlib.metadata.version
    monkeypatch.setattr(
        "lungcam.data.key.version", lambda one: "0.0.1" if one == name else true(one)
    )
    assert version() != before


def test_every_library_that_preparation_imports_is_one_that_counts():
    # shows progress
    aside = {"tqdm"}
    files = [PACKAGE / name for name in CODE if name.endswith(".py")]
    files += [file for name in CODE if "." not in name for file in (PACKAGE / name).glob("*.py")]
    imported = set()
    for node in (node for file in files for node in ast.walk(ast.parse(file.read_text()))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").partition(".")[0])
    imported -= {*sys.stdlib_module_names, "lungcam"} | aside
    known = importlib.metadata.packages_distributions()
    wanted = {name.lower() for name in LIBRARIES}
    assert {"numpy", "torch", "torchio"} <= imported
    assert {one for one in imported if not wanted & {x.lower() for x in known[one]}} == set()


# the transforms


def other_settings() -> list[tio.Transform]:
    return [
        NoduleView(),
        NoduleView(shape=(32, 32, 16)),
        NoduleView(spacing_mm=2.0),
        NoduleView(window_hu=(-1000, 400.5)),
        NoduleView(p=0.5),
        LungView(),
        # names no `args_names`, so that its repr is bare
        tio.RandomNoise(std=1.0),
        tio.RandomNoise(std=2.0),
        # of these the repr says nothing
        tio.Clamp(0, 1),
        tio.Clamp(0, 1, include=["image"]),
        tio.Clamp(0, 1, exclude=["image"]),
        tio.Compose({"a": tio.Clamp(0, 1), "b": tio.ZNormalization()}),
        tio.Compose({"b": tio.ZNormalization(), "a": tio.Clamp(0, 1)}),
        tio.Compose({"a": tio.Clamp(0, 2), "b": tio.ZNormalization()}),
        tio.OneOf({tio.Clamp(0, 1): 0.5, tio.ZNormalization(): 0.5}),
    ]


def test_every_setting_of_a_transform_is_told():
    told = [describe(one) for one in other_settings()]
    assert len(set(told)) == len(told)
    assert [describe(one) for one in other_settings()] == told


def test_a_change_within_the_pipeline_is_told():
    told = {describe(pipeline({"view": NoduleView(spacing_mm=mm)})) for mm in (1.0, 1.0000001)}
    assert len(told) == 2


@pytest.mark.parametrize("kind", [np.asarray, torch.as_tensor])
def test_a_large_array_is_told_to_the_last_number(kind):
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
