"""A net that looks at nodules, slid over the lungs of a whole scan."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from tqdm import tqdm

from lungcam.errors import InputError
from lungcam.explain import HeatMap, peaks
from lungcam.explain.features import Features, features
from lungcam.explain.methods import BY_GRADIENT, Sides, choose_evidence
from lungcam.explain.windows import blend, lay_windows
from lungcam.grid import reorient
from lungcam.lungs import air, lung_pockets, mask_around, trachea
from lungcam.runs.predictor import Predictor
from lungcam.scans import Scan
from lungcam.transforms import NoduleView, prepare
from lungcam.transforms.volumes import grid

# lungs with what bulges into them from the wall, so that no lesion at the pleura is passed over
SEARCHED = "closed"
# from window to window, as a share of the cube's side
STEP = 3 / 8
CANDIDATES = 20
BATCH = 32


@dataclass(frozen=True)
class Candidate:
    """A place that the net was asked about.

    Attributes:
        center_mm: RAS mm.
        height: Of the map there, in units of the logit.
        logit: The net's answer to a cube around it.
    """

    center_mm: tuple[float, float, float]
    height: float
    logit: float


@dataclass(frozen=True, eq=False)
class Slid:
    """What a net says all over the lungs.

    Attributes:
        heat: The windows' maps, each scaled by its logit, blended.
        candidates: Its peaks, the highest first.
        windows: How many were looked at.
    """

    heat: HeatMap
    candidates: list[Candidate]
    windows: int


def slide(predictor: Predictor, scan: Scan, searched: np.ndarray) -> Slid:
    """Look at a cube around every point of a lattice in the lungs, and explain each.

    Args:
        predictor: Its net was trained with `view=nodule`.
        scan: A whole chest.
        searched: `(W, H, D)` bool on its canonical grid: where windows have their centres.

    Raises:
        InputError: The method is too slow for so many windows.
    """
    if predictor.method not in BY_GRADIENT:
        raise InputError(
            f"explain.method={predictor.method}: it takes hours on a whole scan; choose "
            f"{', '.join(BY_GRADIENT)}, or give a nodule's crop."
        )
    canonical = scan.grid.canonical
    view = next(one for one in predictor.transforms.transforms if isinstance(one, NoduleView))
    side_mm = min(view.shape) * view.spacing_mm
    middle = canonical.to_world((np.array(canonical.shape) - 1) / 2)
    (probe,) = _look(predictor, scan, middle[None])
    cell_mm = max(probe.cells.spacing_mm)
    # whole cells, so that those of all windows stand on one grid
    step_mm = max(1, round(STEP * side_mm / cell_mm)) * cell_mm
    windows = lay_windows(searched, canonical, step_mm)
    maps, first = [], None
    for found in _look(predictor, scan, windows.centers_mm, "windows"):
        scaled = scale_by_logit(BY_GRADIENT[predictor.method](found), found.logit)
        maps += list(choose_evidence(scaled, "both").float().cpu().numpy())
        first = first or found.cells
    signed, cells = blend(maps, first, windows)
    candidates = _candidates(predictor, scan, HeatMap(signed, cells))
    sides = torch.from_numpy(signed.clip(0)), torch.from_numpy((-signed).clip(0))
    heat = HeatMap(choose_evidence(sides, predictor.evidence).numpy(), cells)
    return Slid(heat, candidates, len(windows))


def scale_by_logit(sides: Sides, logit: torch.Tensor) -> Sides:
    """Scale each window's map so that its highest cell is the window's logit.

    A window's own map says where it looks, but not how suspicious it is: where there is no nodule,
    what little there is speaks as loudly. That is said by the window's logit.

    Args:
        sides: `(B, w, h, d)` maps of what speaks for and against, >= 0.
        logit: `(B,)`; of a positive one the first map is kept, of a negative one the second.
    """

    def scaled(side: torch.Tensor, height: torch.Tensor) -> torch.Tensor:
        highest = side.amax(dim=(1, 2, 3)).clamp_min(torch.finfo(side.dtype).tiny)
        return side / highest[:, None, None, None] * height.clamp_min(0)[:, None, None, None]

    return scaled(sides[0], logit), scaled(sides[1], -logit)


def find_lungs(scan: Scan) -> tuple[np.ndarray, np.ndarray]:
    """The lungs, and they with what bulges into them from the wall.

    Returns:
        Each `(W, H, D)` bool on the scan's canonical grid.

    Raises:
        InputError: No lungs are found.
    """
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


def _candidates(predictor: Predictor, scan: Scan, heat: HeatMap) -> list[Candidate]:
    """Ask the net about a cube around each peak of the map."""
    places, heights = peaks(heat.values, heat.cells, most=CANDIDATES)
    if not len(places):
        return []
    logits = torch.cat([found.logit for found in _look(predictor, scan, places)])
    return [
        Candidate(tuple(map(float, place)), float(height), float(logit))
        for place, height, logit in zip(places, heights, logits, strict=True)
    ]
