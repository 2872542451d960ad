"""Search of whole scans, judged by the rule of LUNA16."""

import csv

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from lungcam.cohorts import Sample, ScanNodule
from lungcam.detection.pyramid import Level
from lungcam.evaluation.searched_scans import search_scans
from lungcam.grid import Grid
from lungcam.nets import DetectorNet


def scan(number: int, *, counts: bool = True) -> tuple[Sample, list[Level]]:
    """A noisy lung with a ball of 10 mm at a place of its own."""
    rng = np.random.default_rng(number)
    center = 40 + 6.0 * number
    levels = []
    for spacing in (1, 2, 4, 8):
        shape = (96 // spacing,) * 3
        grid = Grid(shape, np.diag([spacing] * 3 + [1.0]).astype(float))
        points = grid.to_world(np.moveaxis(np.indices(shape), 0, -1))
        hu = gaussian_filter(rng.normal(-850, 40, shape), 1)
        hu[np.linalg.norm(points - center, axis=-1) <= 5] = 50
        levels.append(Level(hu=hu.astype(np.int16), searched=np.ones(shape, bool), grid=grid))
    nodule = ScanNodule((center,) * 3, 10.0, counts=counts)
    sample = Sample(
        sample_id=f"s{number}", patient_id=f"p{number}", image="s", label=1, label_source="",
        series_uid=f"1.{number}", nodules=(nodule,),
    )  # fmt: skip
    return sample, levels


@pytest.fixture(scope="module")
def net() -> DetectorNet:
    """A net that says the same everywhere: the blob filter decides."""
    net = DetectorNet(width=4).eval()
    for parameter in net.parameters():
        parameter.data.zero_()
    return net


def test_a_blob_is_found_by_both_and_listed_in_lps(net, tmp_path):
    scans = [scan(number) for number in range(3)]
    given = [(sample, lambda levels=levels: levels) for sample, levels in scans]
    figures, nodules, others = search_scans(net, given, candidates=tmp_path / "c.csv")
    assert (figures["n_scans"], figures["n_nodules"]) == (3, 3)
    for source in figures["sources"].values():
        assert source["cpm"] == 1
    assert nodules.min() > others.max()
    with (tmp_path / "c.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    for sample, _ in scans:
        best = max(
            (row for row in rows if row["seriesuid"] == sample.series_uid),
            key=lambda row: float(row["probability"]),
        )
        place = [-float(best["coordX"]), -float(best["coordY"]), float(best["coordZ"])]
        assert np.linalg.norm(np.subtract(place, sample.nodules[0].center_mm)) < 3


def test_a_scan_that_cannot_be_searched_counts_as_missed(net, tmp_path):
    sample, levels = scan(0)
    given = [(sample, lambda: levels), (scan(1)[0], lambda: [])]
    figures, nodules, _ = search_scans(net, given, candidates=tmp_path / "c.csv")
    assert figures["sources"]["net"]["cpm"] == 0.5
    assert np.isneginf(nodules).tolist() == [False, True]


def test_what_does_not_count_is_neither_hit_nor_false(net, tmp_path):
    sample, levels = scan(0, counts=False)
    figures, nodules, others = search_scans(
        net, [(sample, lambda: levels)], candidates=tmp_path / "c.csv"
    )
    assert figures["n_nodules"] == 0
    assert figures["sources"]["net"]["cpm"] is None
    _, _, with_it = search_scans(net, [(scan(0)[0], lambda: levels)], candidates=tmp_path / "c.csv")
    assert len(nodules) == 0
    assert np.array_equal(others, with_it)
