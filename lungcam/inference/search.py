"""Search of a whole scan by a net trained on nodules: windows all over the lungs."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from tqdm import tqdm

from lungcam.errors import InputError
from lungcam.evaluation.predictor import Predictor
from lungcam.explain import HeatMap, cell_grid, peaks
from lungcam.explain.cam import GRADIENT_METHODS, Sides, choose_evidence, features
from lungcam.explain.sliding_window import Windows, blend, place_windows
from lungcam.grid import Grid
from lungcam.nets import fold_batch_norms
from lungcam.scans import Scan
from lungcam.transforms import NoduleView, pipeline, prepare
from lungcam.transforms.subject import grid

# from window to window, as a share of the cube's side
STEP = 3 / 8
CANDIDATES = 20
# the feature maps of larger batches leave the processor's cache and are paged in at each batch
BATCH = 8


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
    net = fold_batch_norms(predictor.classifier, keep=predictor.layer)
    windows = _place_windows(predictor, scan, searched=searched)
    maps = []
    with tqdm(total=len(windows), desc="windows", leave=False) as bar:
        for images in _images(predictor, scan, windows=windows):
            batch = features(net, images, layer=predictor.layer)
            scaled = scale_by_logit(GRADIENT_METHODS[predictor.method](batch), batch.logit)
            maps += list(choose_evidence(scaled, "both").float().cpu().numpy())
            bar.update(len(images))
    first_cells = _cells(predictor, scan, center_mm=windows.centers_mm[0])
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


def _place_windows(predictor: Predictor, scan: Scan, *, searched: np.ndarray) -> Windows:
    """Place windows at a distance of whole cells, so that all cells share one grid."""
    canonical = scan.grid.canonical
    view = next(step for step in predictor.transforms if isinstance(step, NoduleView))
    side_mm = min(view.shape) * view.spacing_mm
    middle_mm = canonical.to_world((np.array(canonical.shape) - 1) / 2)
    cell_mm = max(_cells(predictor, scan, center_mm=middle_mm).spacing_mm)
    step_mm = max(1, round(STEP * side_mm / cell_mm)) * cell_mm
    return place_windows(searched, canonical, step_mm=step_mm)


def _cells(predictor: Predictor, scan: Scan, *, center_mm: np.ndarray) -> Grid:
    """Locate the cells of the map of a cube."""
    subject = prepare(scan, predictor.transforms, center_mm=tuple(center_mm))
    image = subject["input"].data[None].to(_device(predictor))
    return cell_grid(
        predictor.classifier, predictor.layer, image=image, grid=grid(subject, "input")
    )


def _images(predictor: Predictor, scan: Scan, *, windows: Windows) -> Iterator[torch.Tensor]:
    """Yield the net's input in all windows, `(B, 1, w, h, d)` a batch."""
    cubes = _cut_cubes(predictor, scan, windows=windows)
    for begin in range(0, len(windows), BATCH):
        batch = slice(begin, begin + BATCH)
        if cubes is None:
            yield _cube_images(predictor, scan, centers_mm=windows.centers_mm[batch])
        else:
            yield cubes[tuple(windows.steps[batch].T)][:, None]


def _cut_cubes(predictor: Predictor, scan: Scan, *, windows: Windows) -> torch.Tensor | None:
    """Resample the scan once, and cut the cubes of all points of the lattice.

    Returns:
        A view `(X, Y, Z, w, h, d)` by lattice index; None where the cubes have to be prepared one
        by one: their voxels do not coincide, or a transform after the view sees each cube alone.
    """
    *earlier, view = predictor.transforms
    if not isinstance(view, NoduleView):
        return None
    lattice = windows.lattice
    exact_step = lattice.spacing_mm[0] / view.spacing_mm
    step = round(exact_step)
    if abs(step - exact_step) > 1e-6:
        return None
    shape = [(n - 1) * step + size for n, size in zip(lattice.shape, view.shape, strict=True)]
    wide = NoduleView(shape, view.spacing_mm, window_hu=view.window_hu)
    transforms = pipeline({str(i): t for i, t in enumerate([*earlier, wide])})
    middle_mm = lattice.to_world((np.array(lattice.shape) - 1) / 2)
    subject = prepare(scan, transforms, center_mm=tuple(middle_mm))
    cubes = subject["input"].data[0].to(_device(predictor))
    for axis, size in enumerate(view.shape):
        cubes = cubes.unfold(axis, size, step)
    return cubes


def _cube_images(predictor: Predictor, scan: Scan, *, centers_mm: np.ndarray) -> torch.Tensor:
    """Prepare cubes around points `(N, 3)` in RAS mm, one by one: `(N, 1, w, h, d)`."""
    subjects = (prepare(scan, predictor.transforms, center_mm=tuple(c)) for c in centers_mm)
    return torch.stack([subject["input"].data for subject in subjects]).to(_device(predictor))


def _candidates(predictor: Predictor, scan: Scan, *, heat: HeatMap) -> list[Candidate]:
    """Predict a cube around each peak of the map."""
    centers_mm, heights = peaks(heat.values, heat.cells, max_peaks=CANDIDATES)
    if not len(centers_mm):
        return []
    with torch.no_grad():
        logits = predictor.classifier(_cube_images(predictor, scan, centers_mm=centers_mm))
    return [
        Candidate(tuple(map(float, center_mm)), float(height), float(logit))
        for center_mm, height, logit in zip(centers_mm, heights, logits, strict=True)
    ]


def _device(predictor: Predictor) -> torch.device:
    return next(predictor.classifier.parameters()).device
