"""Search of levels, with a net that is known."""

import numpy as np
import pytest
import torch
from torch import nn

from lungcam.detection import detector
from lungcam.detection.detector import (
    NEVER,
    Detection,
    blob_map,
    detect,
    merge,
    net_map,
    suspicion_map,
)
from lungcam.detection.pyramid import Level
from lungcam.grid import Grid
from lungcam.nets import DetectorNet


class Brightness(nn.Module):
    """Net with the mean of a cell's HU, times 0.02, as its logit."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.02))

    def forward(self, hu: torch.Tensor) -> torch.Tensor:
        return nn.functional.avg_pool3d(hu, 2) * self.scale


def level(spacing_mm: float, places: list[tuple[int, int, int]], *, shape=(40, 44, 60)) -> Level:
    hu = np.full(shape, -900, np.int16)
    for x, y, z in places:
        hu[x : x + 2, y : y + 2, z : z + 2] = 700
    affine = np.diag([spacing_mm] * 3 + [1.0])
    affine[:3, 3] = (5, -7, 11)
    return Level(hu=hu, searched=np.ones(shape, bool), grid=Grid(shape, affine))


def test_a_peak_is_found_at_its_place_in_mm():
    places = [(10, 20, 30), (30, 8, 50)]
    levels = [level(2.0, places), level(4.0, [])]
    (first, second, *_), _ = detect(Brightness(), levels)
    expected = [np.array(place) * 2 + 1 + (5, -7, 11) for place in places]
    centers = [np.array(first.center_mm), np.array(second.center_mm)]
    for place in expected:
        assert min(np.linalg.norm(place - center) for center in centers) < 1e-6
    assert first.spacing_mm == 2


def test_what_is_not_searched_is_no_candidate():
    volume = level(1.0, [(10, 20, 30)])
    volume.searched[:] = False
    heat = suspicion_map(Brightness(), volume, blobs=blob_map(volume))
    assert (heat.values == NEVER).all()
    assert detect(Brightness(), [volume, volume])[0] == []


def test_slabs_do_not_show(monkeypatch):
    torch.manual_seed(0)
    net = DetectorNet(width=2).eval()
    rng = np.random.default_rng(0)
    hu = rng.integers(-1000, 300, (24, 24, 90)).astype(np.int16)
    volume = Level(hu=hu, searched=np.ones(hu.shape, bool), grid=Grid(hu.shape, np.eye(4)))
    whole = net_map(net, volume).values
    monkeypatch.setattr(detector, "SLAB", 32)
    monkeypatch.setattr(detector, "MARGIN", 40)
    assert np.allclose(net_map(net, volume).values, whole, atol=1e-5)


def test_of_near_candidates_the_highest_is_kept():
    near = [
        Detection((0, 0, 0), 1.0, 1.0),
        Detection((5, 0, 0), 2.0, 1.0),
        Detection((30, 0, 0), 0.5, 1.0),
        # a coarse level is coarser in its places too
        Detection((50, 0, 0), 0.2, 8.0),
    ]
    assert [place.logit for place in merge(near)] == [2.0, 0.5]
    assert [place.logit for place in merge(near, most=1)] == [2.0]


def test_a_blob_is_more_suspicious_than_a_rod_of_the_same_brightness():
    volume = level(2.0, [(10, 20, 30)])
    volume.hu[30:32, 8:10, :] = 700
    blobs = blob_map(volume)
    heat = suspicion_map(Brightness(), volume, blobs=blobs)
    plain = net_map(Brightness(), volume)
    ball, rod = (5, 10, 15), (15, 4, 15)
    assert plain.values[ball] == pytest.approx(plain.values[rod])
    assert heat.values[ball] > heat.values[rod] + 1
