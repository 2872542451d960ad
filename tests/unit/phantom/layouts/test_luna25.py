"""Phantoms in LUNA25's layout, read by SimpleITK and the csv module alone."""

import csv

import numpy as np
import pytest
import SimpleITK as sitk

from lungcam.phantom import make_phantom
from lungcam.phantom.layouts import write_layout
from lungcam.phantom.layouts.luna25 import TABLE


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    out = tmp_path_factory.mktemp("luna25") / "tree"
    return out, write_layout(out, "luna25", n=4, matrix=64, workers=1)


def test_images_hold_the_phantoms_voxels_and_places(tree):
    out, samples = tree
    for sample in samples:
        seed, kind = sample.label_source.split()[3].rstrip(","), sample.label_source.split()[-1]
        phantom = make_phantom(int(seed), kind, difficulty=0.3, matrix=64)
        image = sitk.ReadImage(str(out / "images" / f"{sample.series_uid}.mha"))
        assert np.array_equal(sitk.GetArrayFromImage(image).T, phantom.hu)
        index = (5, 7, 3)
        world = np.array(image.TransformIndexToPhysicalPoint(index)) * (-1, -1, 1)
        assert np.allclose(world, (phantom.affine @ [*index, 1])[:3], atol=1e-6)


def test_the_table_has_a_row_for_each_nodule_and_no_name(tree):
    out, samples = tree
    with (out / TABLE).open() as file:
        rows = list(csv.DictReader(file))
    nodules = [sample for sample in samples if sample.center_mm is not None]
    assert [row["SeriesInstanceUID"] for row in rows] == [s.series_uid for s in nodules]
    for row, sample in zip(rows, nodules, strict=True):
        lps = [float(row[f"Coord{axis}"]) for axis in "XYZ"]
        assert np.allclose(lps, np.array(sample.center_mm) * (-1, -1, 1), atol=1e-4)
        assert int(row["label"]) == sample.label
        assert 55 <= int(row["Age_at_StudyDate"]) <= 76
        assert row["Gender"] in ("Male", "Female")
    assert len({row["AnnotationID"] for row in rows}) == len(rows)
