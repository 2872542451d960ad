"""Search of a whole scan, against cubes that are prepared and explained one by one."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import nn

from lungcam.detection.checkpoint import Detector
from lungcam.errors import InputError
from lungcam.evaluation.ensemble import Ensemble
from lungcam.evaluation.predictor import Predictor
from lungcam.explain import Explainer
from lungcam.grid import Grid, reorient
from lungcam.inference.search import RATED, scale_by_logit, search_scan
from lungcam.metrics import Calibration
from lungcam.nets import LogitNet, NoduleNet
from lungcam.scans import Scan
from lungcam.tasks import Malignancy
from lungcam.transforms import NoduleView, pipeline, prepare
from lungcam.transforms.subject import grid

SIDE = 16
SPACING_MM = 1.5


def test_the_highest_cell_of_a_cube_is_its_logit():
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


class Brightness(nn.Module):
    """Detector with a logit that grows with the mean of a cell's HU."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(0.02))

    def forward(self, hu: torch.Tensor) -> torch.Tensor:
        return nn.functional.avg_pool3d(hu, 2) * self.scale - 2


class Never(Brightness):
    """Detector that sees no nodule anywhere."""

    def forward(self, hu: torch.Tensor) -> torch.Tensor:
        return torch.full_like(super().forward(hu), -50.0)


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector(Brightness(), Calibration(), sha256="", metadata={})


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


def make_predictor() -> Predictor:
    torch.manual_seed(4)
    view = NoduleView((SIDE,) * 3, SPACING_MM, window_hu=(-1000, 1000))
    return Predictor(
        task=Malignancy(),
        fit={},
        classifier=LogitNet(nodule_net()).eval(),
        transforms=pipeline({"view": view}),
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


def make_ensemble(count: int, tta: str | None = None) -> Ensemble:
    """Return nets with logits and calibrations of their own."""
    nets = []
    for number in range(count):
        net = make_predictor()
        with torch.no_grad():
            net.classifier.net.classifier.bias.fill_(2.0 + 1.5 * number)
            net.classifier.net.classifier.weight *= -1 - number
        nets.append(replace(net, calibration=Calibration(1.0 + number, 0.5)))
    return Ensemble(nets=nets, names=[f"fold_{number}" for number in range(count)], tta=tta)


@pytest.fixture(scope="module")
def scan() -> Scan:
    """Dark and bright blobs on an oblique grid of thick slices, stored from head to foot."""
    generator = np.random.default_rng(0)
    hu = gaussian_filter(generator.normal(size=(64, 60, 26)), 2) * 5000 - 400
    angle = np.deg2rad(15)
    affine = np.eye(4)
    affine[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    affine[:3, :3] = affine[:3, :3] @ np.diag([-0.9, -1.1, -2.3])
    affine[:3, 3] = (11, -7, 40)
    hu = hu.clip(-1000, 1000).astype(np.int16)
    return Scan(name="blobs", source=Path("blobs"), hu=hu, grid=Grid(hu.shape, affine))


@pytest.fixture(scope="module")
def lungs(scan) -> np.ndarray:
    region = np.ones(scan.grid.canonical.shape, bool)
    region[:12, 12:, :6] = False
    return region


def cube(scan: Scan, ensemble: Ensemble, center_mm) -> tuple[torch.Tensor, Grid]:
    subject = prepare(scan, ensemble.transforms, center_mm=tuple(center_mm))
    return subject["input"].data[None], grid(subject, "input")


def test_candidates_lie_on_what_the_detector_likes_and_are_rated_by_all_nets(scan, lungs, detector):
    ensemble = make_ensemble(2)
    result = search_scan(ensemble, scan, searched=lungs, lungs=lungs, detector=detector)
    assert len(result.candidates) == RATED
    canonical = scan.grid.canonical
    hu = reorient(scan.hu, scan.grid, target=canonical)
    for candidate in result.candidates:
        index = np.rint(canonical.to_index(np.array(candidate.center_mm))).astype(int)
        assert hu[tuple(index)] > 0
        image, _ = cube(scan, ensemble, candidate.center_mm)
        logits = ensemble.logits(image)
        assert np.allclose(candidate.net_logits, logits, atol=1e-5)
        assert candidate.logit == pytest.approx(float(ensemble.combine(logits)), abs=1e-5)
        assert candidate.rating == pytest.approx(ensemble.probability(candidate.logit))
        assert candidate.detected == pytest.approx(1 / (1 + np.exp(-candidate.detector_logit)))
    suspicions = [candidate.suspicion for candidate in result.candidates]
    assert suspicions == sorted(suspicions, reverse=True)


def test_the_map_is_that_of_cubes_one_by_one(scan, lungs, detector):
    ensemble = make_ensemble(1)
    result = search_scan(ensemble, scan, searched=lungs, lungs=lungs, detector=detector)
    expected = np.zeros(scan.grid.canonical.shape)
    explain = Explainer(layer=ensemble.layer)
    for candidate in result.candidates:
        image, cells = cube(scan, ensemble, candidate.center_mm)
        heat = explain(ensemble.nets[0].classifier, image, cells)
        side = heat.values.clip(0) if candidate.logit > 0 else (-heat.values).clip(0)
        scaled = side / max(side.max(), 1e-30) * candidate.logit * candidate.detected
        on_scan = replace(heat, values=scaled.astype(np.float32)).on(scan.grid.canonical)
        expected = np.where(np.abs(on_scan) > np.abs(expected), on_scan, expected)
    shown = result.heat.on(scan.grid.canonical)
    # both are interpolated, from cells that lie apart
    assert np.abs(expected).max() > 0.5
    assert np.corrcoef(shown.ravel(), expected.ravel())[0, 1] > 0.9
    strongest = np.unravel_index(np.abs(shown).argmax(), shown.shape)
    assert abs(expected[strongest]) > 0.7 * np.abs(expected).max()


def test_nets_search_alike_and_their_maps_are_averaged(scan, lungs, detector):
    given = {"searched": lungs, "lungs": lungs, "detector": detector}
    ensemble = make_ensemble(2)
    result = search_scan(ensemble, scan, **given)
    slopes = np.array([1.0, 2.0])
    each = [
        search_scan(Ensemble(nets=[net], names=["net"]), scan, **given).heat
        for net in ensemble.nets
    ]
    scaled = np.stack([s * heat.values for s, heat in zip(slopes, each, strict=True)])
    expected = scaled.sum(0) / slopes.sum()
    assert np.allclose(result.heat.values, expected, atol=1e-5 * np.abs(expected).max())
    spread = (scaled / slopes.mean()).std(0, ddof=1)
    assert np.allclose(result.spread.values, spread, atol=1e-5 * spread.max())


def test_a_place_that_is_no_nodule_hardly_glows(scan, lungs, detector):
    given = {"searched": lungs, "lungs": lungs}
    sure = search_scan(make_ensemble(1), scan, **given, detector=detector)
    unsure = replace(detector, calibration=Calibration(1.0, -20.0))
    faint = search_scan(make_ensemble(1), scan, **given, detector=unsure)
    assert np.abs(faint.heat.values).max() < 0.05 * np.abs(sure.heat.values).max()
    assert faint.detection.values.max() < 0.05 < sure.detection.values.max()


def test_without_candidates_the_map_is_empty(scan, lungs):
    never = Detector(Never(), Calibration(), sha256="", metadata={})
    result = search_scan(make_ensemble(1), scan, searched=lungs, lungs=lungs, detector=never)
    assert result.candidates == []
    assert not result.heat.values.any()


def test_occlusion_is_refused(scan, lungs, detector):
    ensemble = make_ensemble(1)
    slow = Ensemble(nets=[replace(ensemble.nets[0], method="occlusion")], names=["net"])
    with pytest.raises(InputError, match=r"explain\.method=occlusion"):
        search_scan(slow, scan, searched=lungs, lungs=lungs, detector=detector)


def test_a_search_with_mirror_images_does_not_depend_on_the_side(scan, lungs, detector):
    """The map of the mirrored patient is the mirrored map: a map left unmirrored would show."""
    ensemble, canonical = make_ensemble(1, "flips"), scan.grid.canonical
    given = {"detector": detector}
    result = search_scan(ensemble, scan, searched=lungs, lungs=lungs, **given)
    hu = reorient(scan.hu, scan.grid, target=canonical)
    turned = replace(scan, hu=np.ascontiguousarray(hu[::-1]), grid=canonical)
    mirror = lungs[::-1]
    other = search_scan(ensemble, turned, searched=mirror, lungs=mirror, **given)
    shown, expected = result.heat.on(canonical), other.heat.on(canonical)[::-1]
    assert shown.max() > 0
    # the mirrored region begins between two voxels of the levels
    assert np.corrcoef(shown.ravel(), expected.ravel())[0, 1] > 0.8
