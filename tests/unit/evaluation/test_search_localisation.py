"""Candidates of searched scans against the lesions of all rows of a scan."""

import csv
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from lungcam.cohorts import Sample
from lungcam.evaluation.candidate_sources import SourceCandidates
from lungcam.evaluation.localisation_report import report_localisation
from lungcam.evaluation.search_localisation import SEARCH_BASELINES, SearchLocaliser
from lungcam.explain import HeatMap
from lungcam.findings import ScanCheck
from lungcam.grid import Grid
from lungcam.scans import Scan

SHAPE, LARGE, SMALL = (64, 64, 40), (20.0, 60.0, 40.0), (96.0, 60.0, 60.0)


def ball(grid: Grid, center, radius: float) -> np.ndarray:
    points = grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1))
    return np.linalg.norm(points - center, axis=-1) <= radius


@pytest.fixture
def scan() -> Scan:
    """Two lungs with a ball of 16 mm in the first and one of 8 mm in the second."""
    grid = Grid(SHAPE, np.diag([2.0, 2, 2, 1]))
    hu = np.random.default_rng(0).normal(-850, 5, SHAPE)
    hu[ball(grid, LARGE, 8) | ball(grid, SMALL, 4)] = 40
    return Scan(
        name="s", source=Path("s"), hu=hu.astype(np.int16), grid=grid, series_uid="1.2",
        study_uid=None, frame_uid=None, check=ScanCheck("s"), slices=(),
    )  # fmt: skip


def row(
    name: str, center, diameter_mm: float, *, image: str = "s.nii.gz", label: int = 1
) -> Sample:
    return Sample(
        sample_id=name, patient_id="p", image=Path(image), label=label, label_source="",
        center_mm=center, diameter_mm=diameter_mm, series_uid="1.2",
    )  # fmt: skip


@pytest.fixture
def sources():
    return SimpleNamespace(explainer=SimpleNamespace(method="gradcam", layer="net.conv"))


def measured(sources, samples, scan, points, scores) -> SearchLocaliser:
    localiser = SearchLocaliser(sources, samples)
    lungs = np.ones(SHAPE, bool)
    lungs[28:36] = False
    heat = np.zeros(SHAPE, np.float32)
    heat[ball(scan.grid, SMALL, 4)] = 1
    (sample,) = localiser.scans
    localiser.add_search(
        sample,
        SourceCandidates(
            np.array(points, float).reshape(-1, 3), np.array(scores), HeatMap(heat, scan.grid)
        ),
        detection=HeatMap(heat, scan.grid),
        scan=scan,
        lungs=lungs,
        searched=lungs,
    )
    return localiser


def test_rows_of_a_scan_are_its_lesions(sources, scan, tmp_path):
    samples = [row("a", LARGE, 16.0), row("b", SMALL, 8.0)]
    # the first candidate is a false one, the second lies in the large ball
    localiser = measured(sources, samples, scan, [(60, 20, 20), LARGE], [0.9, 0.8])
    report_localisation(localiser, tmp_path, label_rule="", seed=0)
    figures = json.loads((tmp_path / "localisation.json").read_text())["sizes"]["all"]
    froc = figures["froc"]
    assert (froc["n_images"], froc["n_lesions"]) == (1, 2)
    # up to one false positive a scan nothing is found before, half of the lesions after it
    assert froc["sensitivity_at"]["1"] == 0.5
    assert froc["sensitivity_at"]["8"] == 0.5
    assert tuple(froc["baselines"]) == SEARCH_BASELINES
    # the filter finds both and nothing surer, the detector's map only the small one
    assert froc["baselines"]["blob"]["cpm"] == 1
    assert froc["baselines"]["detector"]["cpm"] == 0.5
    assert 0 < froc["baselines"]["random"]["cpm"] < 0.2
    assert figures["peak_within_radius"]["value"] == 0
    with (tmp_path / "candidates.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [float(line["probability"]) for line in rows] == [0.9, 0.8]
    assert [float(rows[1][f"coord{axis}"]) for axis in "XYZ"] == [-LARGE[0], -LARGE[1], LARGE[2]]


def test_a_lesion_of_label_0_is_no_target(sources, scan):
    samples = [row("a", LARGE, 16.0), row("b", SMALL, 8.0, label=0)]
    localiser = measured(sources, samples, scan, [LARGE], [0.9])
    (image,) = localiser.images.values()
    assert len(image.targets) == 1
    assert [lesion.sample.sample_id for lesion in localiser.lesions] == ["a"]


def test_a_scan_is_searched_once_and_without_its_centres(sources):
    samples = [row("a", LARGE, 16.0), row("b", SMALL, 8.0), row("c", SMALL, 8.0, image="t.nii.gz")]
    scans = SearchLocaliser(sources, samples).scans
    assert [sample.sample_id for sample in scans] == ["a", "c"]
    assert all(sample.center_mm is None and sample.lesion_mask is None for sample in scans)
