"""Search of a whole scan for nodules: a detector proposes places, and nets rate each of them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch

from lungcam.config.paths import WEIGHTS
from lungcam.detection.checkpoint import Detector, load_detector
from lungcam.detection.detector import Detection, detect
from lungcam.detection.pyramid import Level, pyramid
from lungcam.errors import InputError
from lungcam.evaluation.ensemble import Ensemble
from lungcam.evaluation.predictor import Predictor
from lungcam.explain import HeatMap, cell_grid, mean_map, spread_map
from lungcam.explain.cam import GRADIENT_METHODS, Sides, choose_evidence, features
from lungcam.grid import Grid, resample
from lungcam.inference.nodule_size import outlined_diameters
from lungcam.lungs.location import LungLocation, locate
from lungcam.nets import fold_batch_norms
from lungcam.nets.ensemble_net import Mirror, mirrored
from lungcam.scans import Scan
from lungcam.transforms import prepare
from lungcam.transforms.subject import grid

DETECTOR = WEIGHTS / "lidc_detector.ckpt"
# places that are rated and explained
RATED = 10
# spacing of the maps
MAP_MM = 2.0
RULE = (
    "the highest value, over the candidates, of the detector's probability that the place is a "
    "nodule times the probability of label 1 that the nets give a nodule there; it is not "
    "calibrated for whole scans"
)


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A place that may be a nodule, with its rating.

    Attributes:
        center_mm: Centre in RAS mm.
        detected: Probability that it is a nodule.
        detector_logit: The detector's logit.
        logit: Logit of the cube around it, of all nets together.
        net_logits: The same of each net.
        rating: Probability of label 1 that belongs to `logit`.
        diameter_mm: Diameter of its outline by the nets; None where they draw none, or where it
            reaches beyond the cube.
        location: Where in the lungs it lies.
    """

    center_mm: tuple[float, float, float]
    detected: float
    detector_logit: float
    logit: float
    net_logits: tuple[float, ...]
    rating: float
    diameter_mm: float | None
    location: LungLocation

    @property
    def suspicion(self) -> float:
        """Probability that it is a nodule of label 1."""
        return self.detected * self.rating


@dataclass(frozen=True, eq=False)
class SearchResult:
    """Outcome of a search.

    Attributes:
        heat: Maps of the candidates, each scaled by its logit and by the probability that it is a
            nodule; the mean over nets.
        spread: Standard deviation over the nets of their maps; None of a single net.
        candidates: Places, the most suspicious first.
        detection: Probability of a nodule at each cell.
        detector: Detector that has proposed the candidates.
    """

    heat: HeatMap
    spread: HeatMap | None
    candidates: list[Candidate]
    detection: HeatMap
    detector: Detector


@lru_cache(maxsize=1)
def shipped_detector(device: torch.device) -> Detector:
    """Load the detector that comes with lungcam."""
    return load_detector(DETECTOR, device)


@lru_cache(maxsize=1)
def detector_digest() -> str:
    """Return the hash of that detector's checkpoint file."""
    with DETECTOR.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def search_scan(
    ensemble: Ensemble,
    scan: Scan,
    *,
    searched: np.ndarray,
    lungs: np.ndarray,
    detector: Detector | None = None,
) -> SearchResult:
    """Find the places that look most like a nodule, rate them and explain the ratings.

    Args:
        ensemble: Nets trained with `view=nodule`.
        scan: A whole chest.
        searched: `(W, H, D)` bool on its canonical grid, where candidates may lie.
        lungs: `(W, H, D)` bool on the same grid.
        detector: Detector; by default that of `shipped_detector`.

    Raises:
        InputError: The method is too slow for ten cubes.
    """
    if ensemble.method not in GRADIENT_METHODS:
        raise InputError(
            f"explain.method={ensemble.method}: it takes too long for all places of a whole scan; "
            f"choose {', '.join(GRADIENT_METHODS)}, or give a nodule's crop."
        )
    detector = detector or shipped_detector(ensemble.device)
    levels = pyramid(scan, searched)
    cells = next(level for level in levels if level.spacing_mm == MAP_MM).grid
    places, level_maps = detect(detector.net, levels, most=RATED)
    net_maps = [HeatMap(np.zeros(cells.shape, np.float32), cells) for _ in ensemble.nets]
    candidates: list[Candidate] = []
    if places:
        cubes = _cut_cubes(ensemble, scan, places=places)
        ratings = [_rate(net, cubes, mirrors=ensemble.mirrors) for net in ensemble.nets]
        diameters = outlined_diameters(ensemble, cubes.images, cubes.grids)
        net_logits = np.stack([rating.logits for rating in ratings], axis=1)
        for k, place in enumerate(places):
            logit = float(ensemble.combine(net_logits[k]))
            candidate = Candidate(
                center_mm=place.center_mm,
                detected=float(detector.calibration.probability(place.logit)),
                detector_logit=place.logit,
                logit=logit,
                net_logits=tuple(map(float, net_logits[k])),
                rating=ensemble.probability(logit),
                diameter_mm=diameters[k],
                location=locate(
                    np.array(place.center_mm), scan.grid.canonical, lungs=lungs, closed=searched
                ),
            )
            candidates.append(candidate)
            for heat, rating in zip(net_maps, ratings, strict=True):
                scaled = replace(rating.maps[k], values=rating.maps[k].values * candidate.detected)
                _add(heat.values, cells, heat=scaled)
    shown = [_showing(ensemble.evidence, heat) for heat in net_maps]
    return SearchResult(
        heat=mean_map(shown, ensemble.weights),
        spread=spread_map(shown, ensemble.weights),
        candidates=sorted(candidates, key=lambda candidate: -candidate.suspicion),
        detection=_detection_map(level_maps, levels, detector=detector, cells=cells),
        detector=detector,
    )


def scale_by_logit(sides: Sides, logit: torch.Tensor) -> Sides:
    """Scale each cube's map so that its highest cell equals the cube's logit.

    A cube's own map shows where the evidence lies, but not how much there is: in a cube without a
    nodule, weak evidence is as bright. The logit gives the amount.

    Args:
        sides: `(B, w, h, d)` maps of the evidence for and against, >= 0.
        logit: `(B,)`; a positive one keeps the first map, a negative one the second.
    """

    def scaled(side: torch.Tensor, height: torch.Tensor) -> torch.Tensor:
        highest = side.amax(dim=(1, 2, 3)).clamp_min(torch.finfo(side.dtype).tiny)
        return side / highest[:, None, None, None] * height.clamp_min(0)[:, None, None, None]

    return scaled(sides[0], logit), scaled(sides[1], -logit)


@dataclass(frozen=True, eq=False)
class _Cubes:
    """Cubes around all candidates.

    Attributes:
        images: `(N, 1, w, h, d)` inputs of the nets, on their device.
        grids: Grid of each.
    """

    images: torch.Tensor
    grids: Sequence[Grid]


@dataclass(frozen=True, eq=False)
class _Rating:
    """Answer of a net for all cubes.

    Attributes:
        logits: `(N,)`.
        maps: Signed map of each cube, scaled by its logit.
    """

    logits: np.ndarray
    maps: Sequence[HeatMap]


def _cut_cubes(ensemble: Ensemble, scan: Scan, *, places: Sequence[Detection]) -> _Cubes:
    """Prepare the cube around each place."""
    subjects = [prepare(scan, ensemble.transforms, center_mm=place.center_mm) for place in places]
    images = torch.stack([subject["input"].data for subject in subjects]).to(ensemble.device)
    return _Cubes(images, [grid(subject, "input") for subject in subjects])


def _rate(net: Predictor, cubes: _Cubes, *, mirrors: Sequence[Mirror]) -> _Rating:
    """Rate all cubes in one batch, and explain the ratings."""
    folded = fold_batch_norms(net.classifier, keep=net.layer)
    logits, each_mirror = [], []
    for axes in mirrors:
        batch = features(folded, mirrored(cubes.images, axes), layer=net.layer)
        scaled = scale_by_logit(GRADIENT_METHODS[net.method](batch), batch.logit)
        logits.append(batch.logit.detach().float().cpu().numpy())
        each_mirror.append(choose_evidence(scaled, "both").float().cpu().numpy())
    # all cubes have the same cells, seen from their corners
    first = [
        cell_grid(net.classifier, net.layer, image=cubes.images[:1], grid=cubes.grids[0].mirror(m))
        for m in mirrors
    ]
    maps = []
    for values, place in zip(zip(*each_mirror, strict=True), cubes.grids, strict=True):
        offset_mm = place.affine[:3, 3] - cubes.grids[0].affine[:3, 3]
        heats = [
            HeatMap(value, _moved(cells, offset_mm))
            for value, cells in zip(values, first, strict=True)
        ]
        maps.append(mean_map(heats))
    return _Rating(np.mean(logits, axis=0), maps)


def _moved(cells: Grid, offset_mm: np.ndarray) -> Grid:
    """Return a grid at another place."""
    affine = cells.affine.copy()
    affine[:3, 3] += offset_mm
    return Grid(cells.shape, affine)


def _add(total: np.ndarray, cells: Grid, *, heat: HeatMap) -> None:
    """Lay a cube's map into that of the search; where two overlap, the stronger one stays."""
    ends = cells.to_index(heat.cells.to_world([[0, 0, 0], np.array(heat.cells.shape) - 1]))
    low = np.maximum(np.floor(ends.min(axis=0)).astype(int), 0)
    high = np.minimum(np.ceil(ends.max(axis=0)).astype(int) + 1, cells.shape)
    if (high <= low).any():
        return
    box = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    part = resample(heat.values, heat.cells, target=cells.crop(box))
    stronger = np.abs(part) > np.abs(total[box])
    total[box][stronger] = part[stronger]


def _detection_map(
    maps: Sequence[HeatMap], levels: Sequence[Level], *, detector: Detector, cells: Grid
) -> HeatMap:
    """Return the probability of a nodule at each cell, the highest of all levels."""
    highest = np.zeros(cells.shape, np.float32)
    for heat in maps:
        probability = detector.calibration.probability(heat.values).astype(np.float32)
        np.maximum(highest, resample(probability, heat.cells, target=cells), out=highest)
    finest = next(level for level in levels if level.grid is cells)
    return HeatMap(np.where(finest.searched, highest, 0), cells)


def _showing(evidence: str, signed: HeatMap) -> HeatMap:
    """Return the evidence of a signed map that is to be shown."""
    values = signed.values
    sides = torch.from_numpy(values.clip(0)), torch.from_numpy((-values).clip(0))
    return HeatMap(choose_evidence(sides, evidence).numpy(), signed.cells)
