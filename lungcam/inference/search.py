"""Search of a whole scan by a net trained on nodules: windows all over the lungs."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from tqdm import tqdm

from lungcam.errors import InputError
from lungcam.evaluation.predictor import Predictor
from lungcam.explain import HeatMap, peaks
from lungcam.explain.cam import GRADIENT_METHODS, Features, Sides, choose_evidence, features
from lungcam.explain.sliding_window import blend, place_windows
from lungcam.scans import Scan
from lungcam.transforms import NoduleView, prepare
from lungcam.transforms.subject import grid

# from window to window, as a share of the cube's side
STEP = 3 / 8
CANDIDATES = 20
BATCH = 32


@dataclass(frozen=True)
class Candidate:
    """A peak of the map, with the prediction of the cube around it.

    Attributes:
        center_mm: Centre in RAS mm.
        height: Value of the map, in units of the logit.
        logit: Logit of the cube.
    """

    center_mm: tuple[float, float, float]
    height: float
    logit: float


@dataclass(frozen=True, eq=False)
class SlidingWindowResult:
    """Outcome of a search.

    Attributes:
        heat: Blend of the windows' maps, each scaled by the window's logit.
        candidates: Peaks of the map, the highest first.
        windows: Number of windows.
    """

    heat: HeatMap
    candidates: list[Candidate]
    windows: int


def search_scan(predictor: Predictor, scan: Scan, *, searched: np.ndarray) -> SlidingWindowResult:
    """Explain a cube around every point of a lattice in the lungs, and rank the peaks.

    Args:
        predictor: Net trained with `view=nodule`.
        scan: A whole chest.
        searched: `(W, H, D)` bool on its canonical grid, the region of the windows' centres.

    Raises:
        InputError: The method is too slow for this many windows.
    """
    if predictor.method not in GRADIENT_METHODS:
        raise InputError(
            f"explain.method={predictor.method}: it takes hours on a whole scan; choose "
            f"{', '.join(GRADIENT_METHODS)}, or give a nodule's crop."
        )
    canonical = scan.grid.canonical
    step_mm = _step_mm(predictor, scan)
    windows = place_windows(searched, canonical, step_mm=step_mm)
    maps, first_cells = [], None
    for batch in _window_features(
        predictor, scan, centers_mm=windows.centers_mm, progress_label="windows"
    ):
        scaled = scale_by_logit(GRADIENT_METHODS[predictor.method](batch), batch.logit)
        maps += list(choose_evidence(scaled, "both").float().cpu().numpy())
        first_cells = first_cells or batch.cells
    signed, cells = blend(maps, first_cells, windows=windows)
    candidates = _candidates(predictor, scan, heat=HeatMap(signed, cells))
    sides = torch.from_numpy(signed.clip(0)), torch.from_numpy((-signed).clip(0))
    heat = HeatMap(choose_evidence(sides, predictor.evidence).numpy(), cells)
    return SlidingWindowResult(heat, candidates, len(windows))


def scale_by_logit(sides: Sides, logit: torch.Tensor) -> Sides:
    """Scale each window's map so that its highest cell equals the window's logit.

    A window's own map shows where the evidence lies, but not how much there is: in a window without
    a nodule, weak evidence is as bright. The logit gives the amount.

    Args:
        sides: `(B, w, h, d)` maps of the evidence for and against, >= 0.
        logit: `(B,)`; a positive one keeps the first map, a negative one the second.
    """

    def scaled(side: torch.Tensor, height: torch.Tensor) -> torch.Tensor:
        highest = side.amax(dim=(1, 2, 3)).clamp_min(torch.finfo(side.dtype).tiny)
        return side / highest[:, None, None, None] * height.clamp_min(0)[:, None, None, None]

    return scaled(sides[0], logit), scaled(sides[1], -logit)


def _step_mm(predictor: Predictor, scan: Scan) -> float:
    """Return the distance of windows, in whole cells so that all cells share one grid."""
    canonical = scan.grid.canonical
    view = next(step for step in predictor.transforms.transforms if isinstance(step, NoduleView))
    side_mm = min(view.shape) * view.spacing_mm
    middle_mm = canonical.to_world((np.array(canonical.shape) - 1) / 2)
    (probe,) = _window_features(predictor, scan, centers_mm=middle_mm[None])
    cell_mm = max(probe.cells.spacing_mm)
    return max(1, round(STEP * side_mm / cell_mm)) * cell_mm


def _window_features(
    predictor: Predictor, scan: Scan, *, centers_mm: np.ndarray, progress_label: str | None = None
) -> Iterator[Features]:
    """Apply the net to cubes around points, and yield its features a batch at a time.

    Args:
        predictor: The net.
        scan: The scan.
        centers_mm: `(N, 3)` RAS mm.
        progress_label: Label of the progress bar; None shows none.
    """
    device = next(predictor.classifier.parameters()).device
    disable = progress_label is None
    with tqdm(total=len(centers_mm), desc=progress_label, leave=False, disable=disable) as bar:
        for begin in range(0, len(centers_mm), BATCH):
            batch = centers_mm[begin : begin + BATCH]
            subjects = [
                prepare(scan, predictor.transforms, center_mm=tuple(center)) for center in batch
            ]
            image = torch.stack([subject["input"].data for subject in subjects]).to(device)
            yield features(
                predictor.classifier,
                image,
                layer=predictor.layer,
                grid=grid(subjects[0], "input"),
            )
            bar.update(len(batch))


def _candidates(predictor: Predictor, scan: Scan, *, heat: HeatMap) -> list[Candidate]:
    """Predict a cube around each peak of the map."""
    centers_mm, heights = peaks(heat.values, heat.cells, max_peaks=CANDIDATES)
    if not len(centers_mm):
        return []
    batches = _window_features(predictor, scan, centers_mm=centers_mm)
    logits = torch.cat([batch.logit for batch in batches])
    return [
        Candidate(tuple(map(float, center_mm)), float(height), float(logit))
        for center_mm, height, logit in zip(centers_mm, heights, logits, strict=True)
    ]
