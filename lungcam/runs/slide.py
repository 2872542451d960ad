"""A net that looks at nodules, slid over the lungs of a whole scan."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from tqdm import tqdm

from lungcam.errors import InputError
from lungcam.explain import HeatMap
from lungcam.explain.features import Features, features
from lungcam.explain.methods import BY_GRADIENT, choose_evidence
from lungcam.explain.windows import blend, distinct, lay_windows
from lungcam.grid import reorient
from lungcam.lungs import air, lung_pockets, mask_around, trachea
from lungcam.runs.predictor import Predictor
from lungcam.scans import Scan
from lungcam.transforms import NoduleView, prepare
from lungcam.transforms.volumes import grid

# lungs with what bulges into them from the wall, so that no lesion at the pleura is passed over
SEARCHED = "closed"
# shares of the cube's side: from window to window, and between two candidates
STEP, APART = 3 / 8, 1 / 2
# a candidate's place is made exact to so many mm
FINE_MM = 4.0
CANDIDATES = 20
BATCH = 32


@dataclass(frozen=True)
class Candidate:
    """A place that the net was asked about.

    Attributes:
        center_mm: RAS mm.
        logit: The net's answer to a cube around it.
    """

    center_mm: tuple[float, float, float]
    logit: float


@dataclass(frozen=True, eq=False)
class Slid:
    """What a net says all over the lungs.

    Attributes:
        heat: The windows' maps, blended.
        candidates: The most suspicious places, at least half a cube apart, best first.
        windows: How many were looked at.
        lungs: `(W, H, D)` bool on the scan's canonical grid.
        searched: Likewise: where windows had their centres.
    """

    heat: HeatMap
    candidates: list[Candidate]
    windows: int
    lungs: np.ndarray
    searched: np.ndarray


def slide(predictor: Predictor, scan: Scan) -> Slid:
    """Look at a cube around every point of a lattice in the lungs, and explain each.

    Args:
        predictor: Its net was trained with `view=nodule`.
        scan: A whole chest.

    Raises:
        InputError: No lungs are found, or the method is too slow for so many windows.
    """
    if predictor.method not in BY_GRADIENT:
        raise InputError(
            f"explain.method={predictor.method}: it takes hours on a whole scan; choose "
            f"{', '.join(BY_GRADIENT)}, or give a nodule's crop."
        )
    canonical = scan.grid.canonical
    lungs, searched = _searched(scan)
    view = next(one for one in predictor.transforms.transforms if isinstance(one, NoduleView))
    side_mm = min(view.shape) * view.spacing_mm
    middle = canonical.to_world((np.array(canonical.shape) - 1) / 2)
    (probe,) = _look(predictor, scan, middle[None])
    cell_mm = max(probe.cells.spacing_mm)
    # whole cells, so that those of all windows stand on one grid
    step_mm = max(1, round(STEP * side_mm / cell_mm)) * cell_mm
    windows = lay_windows(searched, canonical, step_mm)
    maps, logits, first = [], [], None
    for found in _look(predictor, scan, windows.centers_mm, "windows"):
        sides = BY_GRADIENT[predictor.method](found)
        maps += list(choose_evidence(sides, predictor.evidence).float().cpu().numpy())
        logits.append(found.logit)
        first = first or found.cells
    heat = HeatMap(*blend(maps, first, windows))
    best = distinct(windows.centers_mm, _numbers(logits), APART * side_mm, CANDIDATES)
    candidates = _refined(predictor, scan, windows.centers_mm[best], APART * side_mm)
    return Slid(heat, candidates, len(windows), lungs, searched)


def _searched(scan: Scan) -> tuple[np.ndarray, np.ndarray]:
    """The lungs, and they with what bulges into them from the wall."""
    at = scan.grid.canonical
    hu = reorient(scan.hu, scan.grid, at)
    try:
        pockets = lung_pockets(air(hu), hu, at.spacing_mm)
    except ValueError as error:
        raise InputError(
            f"{scan.source}: {error} Give a CT of the whole chest, in HU, or a nodule's crop."
        ) from error
    airway = trachea(pockets, hu, at.spacing_mm)
    lungs = pockets & ~airway
    # without a margin: centres stand in the lungs, and cubes reach beyond
    return lungs, mask_around(lungs, airway, at.spacing_mm, SEARCHED, margin_mm=0)


def _look(
    predictor: Predictor, scan: Scan, centers_mm: np.ndarray, words: str | None = None
) -> Iterator[Features]:
    """Show the net cubes around points, as a nodule's is shown; gives a batch at a time.

    Args:
        predictor: The net.
        scan: The scan.
        centers_mm: `(N, 3)` RAS mm.
        words: What the progress bar counts; None shows none.
    """
    device = next(predictor.classifier.parameters()).device
    with tqdm(total=len(centers_mm), desc=words, leave=False, disable=words is None) as bar:
        for begin in range(0, len(centers_mm), BATCH):
            batch = centers_mm[begin : begin + BATCH]
            subjects = [prepare(scan, predictor.transforms, tuple(center)) for center in batch]
            image = torch.stack([one["input"].data for one in subjects]).to(device)
            at = grid(subjects[0], "input")
            yield features(predictor.classifier, image, predictor.layer, at)
            bar.update(len(batch))


def _refined(
    predictor: Predictor, scan: Scan, centers_mm: np.ndarray, apart_mm: float
) -> list[Candidate]:
    """Move each place to the best of those around it, and keep one of those that meet."""
    around = (np.indices((3, 3, 3)).reshape(3, -1).T - 1) * FINE_MM
    tried = (centers_mm[:, None] + around).reshape(-1, 3)
    looked = _look(predictor, scan, tried, "candidates")
    logits = _numbers([found.logit for found in looked]).reshape(len(centers_mm), -1)
    best = logits.argmax(axis=1)
    points = centers_mm + around[best]
    answers = logits[np.arange(len(best)), best]
    kept = distinct(points, answers, apart_mm, CANDIDATES)
    return [Candidate(tuple(map(float, points[i])), float(answers[i])) for i in kept]


def _numbers(parts: list[torch.Tensor]) -> np.ndarray:
    return torch.cat(parts).float().cpu().numpy()
