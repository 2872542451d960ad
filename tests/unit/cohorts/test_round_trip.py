"""Phantoms written as a public data set come back through its reader as what they were."""

from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from lungcam.cohorts import Sample
from lungcam.cohorts.lidc import lidc_cohort
from lungcam.cohorts.luna16 import luna16_cohort
from lungcam.cohorts.nlst import nlst_cohort
from lungcam.phantom.layouts import write_layout
from lungcam.scans import check_scan

NEAR_MM = 0.5
# all placings of LUNA16's arrays occur in eight
COUNTS = {"lidc": 4, "luna16": 8, "nlst": 4}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Root and phantoms of a layout, written once."""
    root, made = tmp_path_factory.mktemp("trees"), {}

    def write(layout: str) -> tuple[Path, Sequence[Sample]]:
        if layout not in made:
            made[layout] = write_layout(
                root / layout,
                layout,
                n=COUNTS[layout],
                seed=11,
                difficulty=0.3,
                matrix=96,
                workers=1,
            )
        return root / layout, made[layout]

    return write


@pytest.fixture(scope="module")
def lidc(written, tmp_path_factory):
    cache = tmp_path_factory.mktemp("cache")
    return lambda unit: lidc_cohort(written("lidc")[0], cache, unit=unit, workers=1)


def by_series(samples: Sequence[Sample]) -> dict[str, Sample]:
    found = {one.series_uid: one for one in samples}
    assert len(found) == len(samples)
    return found


def distance(one: Sample, other: Sample) -> float:
    return float(np.linalg.norm(np.subtract(one.center_mm, other.center_mm)))


def with_nodule(samples: Sequence[Sample]) -> list[Sample]:
    return [one for one in samples if one.center_mm]


def equivalent_diameter(mask: nib.Nifti1Image) -> float:
    volume = np.count_nonzero(np.asanyarray(mask.dataobj)) * abs(np.linalg.det(mask.affine[:3, :3]))
    return float((6 * volume / np.pi) ** (1 / 3))


def test_lidc_gives_the_nodules_back(written, lidc):
    _, phantoms = written("lidc")
    found = by_series(lidc("nodule").samples)
    assert found.keys() == {one.series_uid for one in with_nodule(phantoms)}
    for phantom in with_nodule(phantoms):
        sample = found[phantom.series_uid]
        assert sample.label == phantom.label
        assert (sample.patient_id, sample.study_uid) == (phantom.patient_id, phantom.study_uid)
        assert sample.image == phantom.image
        assert distance(sample, phantom) < NEAR_MM
        assert check_scan(sample.image, sample.series)[0].usable
        # the mask is the nodule: it has the volume of a ball of the drawn size, as far as voxels go
        mask = nib.load(sample.lesion_mask)
        index = np.argwhere(np.asanyarray(mask.dataobj)).mean(axis=0)
        center = mask.affine[:3, :3] @ index + mask.affine[:3, 3]
        assert np.linalg.norm(center - phantom.center_mm) < NEAR_MM
        voxel = np.abs(np.diag(mask.affine)[:3]).max()
        assert equivalent_diameter(mask) == pytest.approx(phantom.diameter_mm, abs=voxel)


def test_lidc_gives_the_scans_back(written, lidc):
    _, phantoms = written("lidc")
    cohort = lidc("scan")
    found = by_series(cohort.samples)
    assert found.keys() == {one.series_uid for one in phantoms}
    assert {uid: one.label for uid, one in found.items()} == {
        one.series_uid: one.label for one in phantoms
    }
    assert lidc("scan") == cohort


def test_luna16_gives_the_nodules_back_whichever_way_the_arrays_run(written):
    root, phantoms = written("luna16")
    cohort = luna16_cohort(root, unit="nodule", xml=root / "lidc-xml")
    found = by_series(cohort.samples)
    assert found.keys() == {one.series_uid for one in with_nodule(phantoms)}
    for phantom in with_nodule(phantoms):
        sample = found[phantom.series_uid]
        assert sample.label == phantom.label
        assert sample.fold == phantom.fold
        assert sample.image == phantom.image
        assert distance(sample, phantom) < NEAR_MM
        assert sample.diameter_mm == pytest.approx(phantom.diameter_mm, abs=1e-6)


def test_luna16_gives_the_scans_back(written):
    root, phantoms = written("luna16")
    found = by_series(luna16_cohort(root, unit="scan", xml=root / "lidc-xml").samples)
    for phantom in phantoms:
        assert found[phantom.series_uid].label == phantom.label
    # without malignancy, a benign nodule is a nodule too
    present = by_series(luna16_cohort(root, unit="scan").samples)
    for phantom in phantoms:
        assert present[phantom.series_uid].label == int(phantom.center_mm is not None)


def test_luna16_candidates_hit_the_nodules(written):
    root, phantoms = written("luna16")
    truth = {one.series_uid: one for one in phantoms}
    samples = luna16_cohort(root, unit="nodule", negatives=None).samples
    hit = {one.series_uid for one in samples if one.label == 1}
    assert hit == {one.series_uid for one in with_nodule(phantoms)}
    for one in samples:
        phantom = truth[one.series_uid]
        if one.label == 1:
            assert distance(one, phantom) < phantom.diameter_mm / 2
        elif phantom.center_mm:
            assert distance(one, phantom) > phantom.diameter_mm / 2
    assert any(one.label == 0 for one in samples)


@pytest.mark.parametrize("tables", ["tables", "restricted"])
def test_nlst_gives_the_screens_back(written, tmp_path, tables):
    root, phantoms = written("nlst")
    found = by_series(nlst_cohort(root, tmp_path / "cache", tables=root / tables).samples)
    assert found.keys() == {one.series_uid for one in phantoms}
    for phantom in phantoms:
        sample = found[phantom.series_uid]
        # the thin reconstruction, by its series
        assert sample.image == phantom.image
        assert sample.patient_id == phantom.patient_id
        assert sample.label == phantom.label
        if phantom.center_mm:
            assert sample.diameter_mm == round(phantom.diameter_mm)
        else:
            assert not sample.diameter_mm


@pytest.mark.parametrize("tables", ["tables", "restricted"])
def test_nlst_gives_the_risks_back(written, tmp_path, tables):
    root, phantoms = written("nlst")
    samples = nlst_cohort(root, tmp_path / "cache", tables=root / tables, rule="risk").samples
    kind = {one.patient_id: one.label_source.split()[-1] for one in phantoms}
    assert len(samples) == len(phantoms) + 1
    for sample in samples:
        ill = kind[sample.patient_id] == "malignant"
        assert sample.label == 1 if ill else sample.label in (0, None)
        assert sample.event == ill
        assert sample.time_days < 200 if ill else sample.time_days > 200
