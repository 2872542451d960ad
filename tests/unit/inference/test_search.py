"""Search of a whole scan, against cubes that are prepared and explained one by one."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torchio as tio
from scipy.ndimage import gaussian_filter
from torch import nn

from lungcam.evaluation.predictor import Predictor
from lungcam.explain import Explainer
from lungcam.explain.sliding_window import blend, place_windows
from lungcam.grid import Grid
from lungcam.inference import search
from lungcam.inference.search import scale_by_logit, search_scan
from lungcam.nets import LogitNet, NoduleNet
from lungcam.scans import Scan
from lungcam.tasks import Malignancy
from lungcam.transforms import NoduleView, pipeline, prepare
from lungcam.transforms.subject import grid

SIDE = 16
SPACING_MM = 1.5
# three eighths of a cube's side
STEP_MM = 9.0


def test_the_highest_cell_of_a_window_is_its_logit():
    generator = torch.Generator().manual_seed(0)
    evidence_for, evidence_against = (
        torch.rand(4, 3, 2, 5, generator=generator) * size for size in (1e-6, 40)
    )
    evidence_for[3] = 0
    logit = torch.tensor([2.5, -1.5, 0.0, 3.0])
    scaled_for, scaled_against = scale_by_logit((evidence_for, evidence_against), logit)
    highest = scaled_for.amax(dim=(1, 2, 3)), scaled_against.amax(dim=(1, 2, 3))
    # an empty map stays empty, whatever the logit
    assert torch.allclose(highest[0], torch.tensor([2.5, 0, 0, 0]))
    assert torch.allclose(highest[1], torch.tensor([0, 1.5, 0, 0]))
    assert torch.allclose(scaled_for[0] / 2.5, evidence_for[0] / evidence_for[0].max())


class Stretched(nn.Module):
    """Net that gives a map of eleven cells for every eight voxels."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv3d(1, 2, 3, padding=1)
        self.joined = nn.Upsample(size=(SIDE * 11 // 8,) * 3, mode="trilinear")

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Map images `(B, 1, W, H, D)` to logits `(B, 1)`."""
        highest = self.joined(self.convolution(image).relu()).amax((2, 3, 4))
        return highest.sum(1, keepdim=True) - 1.5


def nodule_net() -> nn.Module:
    net = NoduleNet(shape=(SIDE,) * 3, width=2)
    # an outline of half the cube, and logits of either sign
    nn.init.zeros_(net.outline[-1].bias)
    nn.init.normal_(net.classifier.weight)
    nn.init.constant_(net.classifier.bias, -0.35)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm3d):
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.2, 0.5)
    return net


def make_predictor(make_net, **later: tio.Transform) -> Predictor:
    torch.manual_seed(4)
    view = NoduleView((SIDE,) * 3, SPACING_MM, window_hu=(-1000, 1000))
    return Predictor(
        task=Malignancy(),
        classifier=LogitNet(make_net()).eval(),
        transforms=pipeline({"view": view, **later}),
        layer="net.joined",
        method="gradcam",
        evidence="both",
        background=-1.0,
        label_rule="",
        threshold=0.5,
        calibration=None,
        fitted_on=None,
        sha256="",
        table={},
        pixels=frozenset(),
        explanation={"verdict": "unchecked", "reasons": []},
    )


@pytest.fixture(scope="module")
def scan() -> Scan:
    """Dark and bright blobs on an oblique grid of thick slices, stored from head to foot."""
    generator = np.random.default_rng(0)
    hu = gaussian_filter(generator.normal(size=(34, 30, 13)), 2) * 5000 - 400
    angle = np.deg2rad(15)
    affine = np.eye(4)
    affine[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    affine[:3, :3] = affine[:3, :3] @ np.diag([-0.9, -1.1, -2.3])
    affine[:3, 3] = (11, -7, 40)
    hu = hu.clip(-1000, 1000).astype(np.int16)
    return Scan(name="blobs", source=Path("blobs"), hu=hu, grid=Grid(hu.shape, affine))


@pytest.fixture(scope="module")
def searched(scan) -> np.ndarray:
    """Region with cubes that reach beyond the scan, and gaps between its windows."""
    region = np.ones(scan.grid.canonical.shape, bool)
    region[:12, 12:, :6] = False
    return region


def search_one_by_one(predictor: Predictor, scan: Scan, *, searched: np.ndarray, step_mm: float):
    """Blend the maps of cubes that are prepared and explained one by one."""
    windows = place_windows(searched, scan.grid.canonical, step_mm=step_mm)
    explain = Explainer(layer=predictor.layer)
    maps, logits, first = [], [], None
    for center_mm in windows.centers_mm:
        subject = prepare(scan, predictor.transforms, center_mm=tuple(center_mm))
        image = subject["input"].data[None]
        heat = explain(predictor.classifier, image, grid(subject, "input"))
        with torch.no_grad():
            logit = float(predictor.classifier(image))
        side = heat.values.clip(0) if logit > 0 else (-heat.values).clip(0)
        maps.append(side / max(side.max(), 1e-30) * logit)
        logits.append(logit)
        first = first or heat.cells
    return blend(maps, first, windows=windows), logits


@pytest.mark.parametrize(
    ("make_net", "later", "step_mm", "resampled_once"),
    [
        (nodule_net, {}, STEP_MM, True),
        # each cube is scaled by what it alone holds
        (nodule_net, {"scale": tio.RescaleIntensity((-1, 1), include=["input"])}, STEP_MM, False),
        # eight cells, which are no whole number of voxels
        (Stretched, {}, 8 * 8 / 11 * SPACING_MM, False),
    ],
)
def test_the_result_is_that_of_cubes_one_by_one(
    scan, searched, make_net, later, step_mm, resampled_once, monkeypatch
):
    predictor = make_predictor(make_net, **later)
    (expected, cells), logits = search_one_by_one(
        predictor, scan, searched=searched, step_mm=step_mm
    )
    # the maps of both signs are tested, and several batches
    assert min(logits) < 0 < max(logits)
    assert len(logits) > 3 * search.BATCH
    prepared = []
    monkeypatch.setattr(
        search, "prepare", lambda *args, **kwargs: prepared.append(1) or prepare(*args, **kwargs)
    )
    result = search_scan(predictor, scan, searched=searched)
    assert result.windows == len(logits)
    assert np.allclose(result.heat.cells.affine, cells.affine, atol=1e-6)
    assert np.allclose(result.heat.values, expected, atol=1e-3 * np.abs(expected).max())
    assert 0 < len(result.candidates) <= search.CANDIDATES
    for candidate in result.candidates:
        subject = prepare(scan, predictor.transforms, center_mm=candidate.center_mm)
        with torch.no_grad():
            logit = float(predictor.classifier(subject["input"].data[None]))
        assert candidate.logit == pytest.approx(logit, abs=1e-5)
    # one volume, and the cubes that locate the cells and around the candidates
    assert (len(prepared) <= 3 + len(result.candidates)) == resampled_once
