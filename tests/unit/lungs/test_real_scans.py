"""Tests of lung masks on the real scans in the folder LUNGCAM_SAMPLE_DATA."""

import csv

import numpy as np
import pytest
import SimpleITK as sitk

from lungcam.lungs import (
    MASKS,
    air,
    lung_pockets,
    mask_around,
    mask_findings,
    mask_quality,
    trachea,
)


def segment(hu: np.ndarray, spacing_mm) -> tuple[np.ndarray, np.ndarray]:
    pockets = lung_pockets(air(hu), hu, spacing_mm=spacing_mm)
    airway = trachea(pockets, hu, spacing_mm=spacing_mm)
    return pockets & ~airway, airway


@pytest.mark.parametrize(
    ("name", "low_ml", "high_ml"),
    [("LIDC-IDRI-0001", 3300, 4300), ("Lung_Dx-A0002", 2300, 3200), ("ct-64", 4200, 5200)],
)
def test_real_lungs_have_the_usual_size_and_raise_no_flag(real_scan, name, low_ml, high_ml):
    hu, grid = real_scan(name)
    lungs, airway = segment(hu, grid.spacing_mm)
    airway_ml = airway.sum() * np.prod(grid.spacing_mm) / 1e3
    assert 5 < airway_ml < 60
    for kind in MASKS:
        mask = mask_around(lungs, airway, spacing_mm=grid.spacing_mm, kind=kind)
        quality = mask_quality(hu, lungs, mask=mask, spacing_mm=grid.spacing_mm)
        assert low_ml < quality["lungs_ml"] < high_ml
        assert mask_findings(quality) == []


def test_lungs_agree_with_the_chest_imaging_platform(real_scan, sample_data):
    """The low byte of its label map is the lung region."""
    hu, grid = real_scan("ct-64")
    labels = sitk.GetArrayFromImage(sitk.ReadImage(str(sample_data / "cip" / "lm-64.nrrd")))
    truth = (labels & 255 > 0).transpose(2, 1, 0)[::-1, ::-1]
    assert truth.shape == hu.shape
    lungs, _ = segment(hu, grid.spacing_mm)
    assert 2 * (lungs & truth).sum() / (lungs.sum() + truth.sum()) > 0.95


def test_cavity_contains_a_nodule_at_the_pleura(real_scan, sample_data):
    """The nodule is the ball that LUNA16 gives."""
    hu, grid = real_scan("LIDC-IDRI-0001")
    table = sample_data / "luna16" / "annotations.csv"
    if not table.exists():
        pytest.skip(f"no {table}")
    with table.open() as file:
        (row,) = (
            row
            for row in csv.DictReader(file)
            if row["seriesuid"].endswith(".179049373636438705059720603192")
        )
    center = np.array([-float(row["coordX"]), -float(row["coordY"]), float(row["coordZ"])])
    index = np.moveaxis(np.indices(hu.shape), 0, -1)
    distance = np.linalg.norm(grid.to_world(index) - center, axis=-1)
    nodule = distance < float(row["diameter_mm"]) / 2
    assert -100 < np.median(hu[distance < 4]) < 200
    shares = {
        kind: mask_around(*segment(hu, grid.spacing_mm), spacing_mm=grid.spacing_mm, kind=kind)[
            nodule
        ].mean()
        for kind in MASKS
    }
    assert shares["cavity"] == 1
    assert shares["recipe"] <= shares["closed"]
