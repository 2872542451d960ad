"""Phantoms written as a public data set read back unchanged through its reader."""

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
# eight cover all orientations of LUNA16's arrays
COUNTS = {"lidc": 4, "luna16": 8, "nlst": 4}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Return a function that writes a layout once and gives its root and phantoms."""
    root, phantoms = tmp_path_factory.mktemp("trees"), {}

    def write(layout: str) -> tuple[Path, Sequence[Sample]]:
        if layout not in phantoms:
            phantoms[layout] = write_layout(
                root / layout,
                layout,
                n=COUNTS[layout],
                seed=11,
                difficulty=0.3,
                matrix=96,
                workers=1,
            )
        return root / layout, phantoms[layout]

    return write


@pytest.fixture(scope="module")
def lidc(written, tmp_path_factory):
    """Return a function of the unit that reads the LIDC-IDRI layout."""
    cache = tmp_path_factory.mktemp("cache")
    return lambda unit: lidc_cohort(written("lidc")[0], cache, unit=unit, workers=1)


def by_series(samples: Sequence[Sample]) -> dict[str, Sample]:
    samples_of = {sample.series_uid: sample for sample in samples}
    assert len(samples_of) == len(samples)
    return samples_of


def distance(sample: Sample, other: Sample) -> float:
    return float(np.linalg.norm(np.subtract(sample.center_mm, other.center_mm)))


def with_nodule(samples: Sequence[Sample]) -> list[Sample]:
    return [sample for sample in samples if sample.center_mm]


def equivalent_diameter(mask: nib.Nifti1Image) -> float:
    volume = np.count_nonzero(np.asanyarray(mask.dataobj)) * abs(np.linalg.det(mask.affine[:3, :3]))
    return float((6 * volume / np.pi) ** (1 / 3))


def test_lidc_reads_the_nodules_back(written, lidc):
    _, phantoms = written("lidc")
    samples = by_series(lidc("nodule").samples)
    assert samples.keys() == {phantom.series_uid for phantom in with_nodule(phantoms)}
    for phantom in with_nodule(phantoms):
        sample = samples[phantom.series_uid]
        assert sample.label == phantom.label
        assert (sample.patient_id, sample.study_uid) == (phantom.patient_id, phantom.study_uid)
        assert sample.image == phantom.image
        assert distance(sample, phantom) < NEAR_MM
        assert check_scan(sample.image, sample.series)[0].usable
        # the mask is the nodule: it has the volume of a ball of that diameter, within a voxel
        mask = nib.load(sample.lesion_mask)
        index = np.argwhere(np.asanyarray(mask.dataobj)).mean(axis=0)
        center = mask.affine[:3, :3] @ index + mask.affine[:3, 3]
        assert np.linalg.norm(center - phantom.center_mm) < NEAR_MM
        voxel = np.abs(np.diag(mask.affine)[:3]).max()
        assert equivalent_diameter(mask) == pytest.approx(phantom.diameter_mm, abs=voxel)


def test_lidc_reads_the_scans_back(written, lidc):
    _, phantoms = written("lidc")
    cohort = lidc("scan")
    samples = by_series(cohort.samples)
    assert samples.keys() == {phantom.series_uid for phantom in phantoms}
    assert {uid: sample.label for uid, sample in samples.items()} == {
        phantom.series_uid: phantom.label for phantom in phantoms
    }
    assert lidc("scan") == cohort


def test_luna16_reads_the_nodules_back_in_any_orientation(written):
    root, phantoms = written("luna16")
    cohort = luna16_cohort(root, unit="nodule", xml=root / "lidc-xml")
    samples = by_series(cohort.samples)
    assert samples.keys() == {phantom.series_uid for phantom in with_nodule(phantoms)}
    for phantom in with_nodule(phantoms):
        sample = samples[phantom.series_uid]
        assert sample.label == phantom.label
        assert sample.fold == phantom.fold
        assert sample.image == phantom.image
        assert distance(sample, phantom) < NEAR_MM
        assert sample.diameter_mm == pytest.approx(phantom.diameter_mm, abs=1e-6)


def test_luna16_reads_the_scans_back(written):
    root, phantoms = written("luna16")
    samples = by_series(luna16_cohort(root, unit="scan", xml=root / "lidc-xml").samples)
    for phantom in phantoms:
        assert samples[phantom.series_uid].label == phantom.label
    # without malignancy, a benign nodule is a nodule too
    present = by_series(luna16_cohort(root, unit="scan").samples)
    for phantom in phantoms:
        assert present[phantom.series_uid].label == int(phantom.center_mm is not None)


def test_luna16_candidates_hit_the_nodules(written):
    root, phantoms = written("luna16")
    truth = {phantom.series_uid: phantom for phantom in phantoms}
    samples = luna16_cohort(root, unit="nodule", negatives=None).samples
    hit = {sample.series_uid for sample in samples if sample.label == 1}
    assert hit == {phantom.series_uid for phantom in with_nodule(phantoms)}
    for sample in samples:
        phantom = truth[sample.series_uid]
        if sample.label == 1:
            assert distance(sample, phantom) < phantom.diameter_mm / 2
        elif phantom.center_mm:
            assert distance(sample, phantom) > phantom.diameter_mm / 2
    assert any(sample.label == 0 for sample in samples)


@pytest.mark.parametrize("tables", ["tables", "restricted"])
def test_nlst_reads_the_screens_back(written, tmp_path, tables):
    root, phantoms = written("nlst")
    samples = by_series(nlst_cohort(root, tmp_path / "cache", tables=root / tables).samples)
    assert samples.keys() == {phantom.series_uid for phantom in phantoms}
    for phantom in phantoms:
        sample = samples[phantom.series_uid]
        # the thin reconstruction, by its series
        assert sample.image == phantom.image
        assert sample.patient_id == phantom.patient_id
        assert sample.label == phantom.label
        if phantom.center_mm:
            assert sample.diameter_mm == round(phantom.diameter_mm)
        else:
            assert not sample.diameter_mm


@pytest.mark.parametrize("tables", ["tables", "restricted"])
def test_nlst_reads_the_risks_back(written, tmp_path, tables):
    root, phantoms = written("nlst")
    samples = nlst_cohort(root, tmp_path / "cache", tables=root / tables, rule="risk").samples
    kind = {phantom.patient_id: phantom.label_source.split()[-1] for phantom in phantoms}
    assert len(samples) == len(phantoms) + 1
    for sample in samples:
        ill = kind[sample.patient_id] == "malignant"
        assert sample.label == 1 if ill else sample.label in (0, None)
        assert sample.event == ill
        assert sample.time_days < 200 if ill else sample.time_days > 200
