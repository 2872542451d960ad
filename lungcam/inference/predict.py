"""A net that looks at nodules, slid over the lungs of a whole scan.

What a net says of one scan.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torchio as tio
from tqdm import tqdm

from lungcam.errors import InputError
from lungcam.evaluation.predictor import Predictor
from lungcam.explain import HeatMap, peaks
from lungcam.explain.cam import GRADIENT_METHODS, Features, Sides, choose_evidence, features
from lungcam.explain.sliding_window import blend, place_windows
from lungcam.inference.prepare import PreparedScan
from lungcam.runtime.stopwatch import Stopwatch
from lungcam.scans import Scan
from lungcam.transforms import NoduleView, Quality, prepare
from lungcam.transforms.subject import grid

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
class SlidingWindowResult:
    """What a net says all over the lungs.

    Attributes:
        heat: The windows' maps, each scaled by its logit, blended.
        candidates: Its peaks, the highest first.
        windows: How many were looked at.
    """

    heat: HeatMap
    candidates: list[Candidate]
    windows: int


def search_scan(predictor: Predictor, scan: Scan, *, searched: np.ndarray) -> SlidingWindowResult:
    """Look at a cube around every point of a lattice in the lungs, and explain each.

    Args:
        predictor: Its net was trained with `view=nodule`.
        scan: A whole chest.
        searched: `(W, H, D)` bool on its canonical grid: where windows have their centres.

    Raises:
        InputError: The method is too slow for so many windows.
    """
    if predictor.method not in GRADIENT_METHODS:
        raise InputError(
            f"explain.method={predictor.method}: it takes hours on a whole scan; choose "
            f"{', '.join(GRADIENT_METHODS)}, or give a nodule's crop."
        )
    canonical = scan.grid.canonical
    view = next(one for one in predictor.transforms.transforms if isinstance(one, NoduleView))
    side_mm = min(view.shape) * view.spacing_mm
    middle = canonical.to_world((np.array(canonical.shape) - 1) / 2)
    (probe,) = _look(predictor, scan, centers_mm=middle[None])
    cell_mm = max(probe.cells.spacing_mm)
    # whole cells, so that those of all windows stand on one grid
    step_mm = max(1, round(STEP * side_mm / cell_mm)) * cell_mm
    windows = place_windows(searched, canonical, step_mm=step_mm)
    maps, first = [], None
    for found in _look(predictor, scan, centers_mm=windows.centers_mm, words="windows"):
        scaled = scale_by_logit(GRADIENT_METHODS[predictor.method](found), found.logit)
        maps += list(choose_evidence(scaled, "both").float().cpu().numpy())
        first = first or found.cells
    signed, cells = blend(maps, first, windows=windows)
    candidates = _candidates(predictor, scan, heat=HeatMap(signed, cells))
    sides = torch.from_numpy(signed.clip(0)), torch.from_numpy((-signed).clip(0))
    heat = HeatMap(choose_evidence(sides, predictor.evidence).numpy(), cells)
    return SlidingWindowResult(heat, candidates, len(windows))


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


def _look(
    predictor: Predictor, scan: Scan, *, centers_mm: np.ndarray, words: str | None = None
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
            subjects = [
                prepare(scan, predictor.transforms, center_mm=tuple(center)) for center in batch
            ]
            image = torch.stack([one["input"].data for one in subjects]).to(device)
            at = grid(subjects[0], "input")
            yield features(predictor.classifier, image, layer=predictor.layer, grid=at)
            bar.update(len(batch))


def _candidates(predictor: Predictor, scan: Scan, *, heat: HeatMap) -> list[Candidate]:
    """Ask the net about a cube around each peak of the map."""
    places, heights = peaks(heat.values, heat.cells, max_peaks=CANDIDATES)
    if not len(places):
        return []
    logits = torch.cat([found.logit for found in _look(predictor, scan, centers_mm=places)])
    return [
        Candidate(tuple(map(float, place)), float(height), float(logit))
        for place, height, logit in zip(places, heights, logits, strict=True)
    ]


@dataclass(frozen=True, eq=False)
class ScanPrediction:
    """An answer and what it rests on.

    Attributes:
        logit: The net's answer; in a scan that was searched, at the map's highest peak.
        heat: The map of all that was looked at.
        subject: What the net was shown; in a scan that was searched, the cube at the highest peak.
        local: The map of the subject's `input` alone.
        masks: `mask` and `lungs`, `(W, H, D)` bool on the scan's canonical grid; none for crops,
            nor where they are not kept.
        quality: The verdict on the masks.
        warnings: Sentences on what the user should know.
        candidates: The most suspicious places, best first; None where one place was asked about.
        logits: `()` or `(K,)` logits of the subject, as the task reads them; the last is that of
            label 1.
    """

    logit: float
    heat: HeatMap
    subject: tio.Subject
    local: HeatMap
    masks: Mapping[str, np.ndarray]
    quality: Quality
    warnings: Sequence[str]
    logits: np.ndarray
    candidates: Sequence[Candidate] | None = None

    @property
    def image(self) -> torch.Tensor:
        """`(1, 1, W, H, D)`, the subject as the net was shown it."""
        return self.subject["input"].data[None]


def predict_prepared(
    predictor: Predictor, ready: PreparedScan, *, watch: Stopwatch
) -> ScanPrediction:
    """Ask a net about a scan.

    Args:
        predictor: The trained net.
        ready: The scan, prepared by the net's transforms.
        watch: Measures the steps `slide`, `lungs`, `model` and `explain`.

    Raises:
        InputError: The method is too slow for a whole scan.
    """
    if ready.subject is None:
        return _all_places(predictor, ready, watch=watch)
    logits, heat = _asked(predictor, ready.subject, watch=watch)
    told = ready.masks, ready.quality, ready.warnings
    return ScanPrediction(float(logits.flat[-1]), heat, ready.subject, heat, *told, logits)


def _all_places(predictor: Predictor, ready: PreparedScan, *, watch: Stopwatch) -> ScanPrediction:
    scan = ready.scan
    with watch("slide"):
        slid = search_scan(predictor, scan, searched=ready.masks["mask"])
    if slid.candidates:
        center_mm = slid.candidates[0].center_mm
    else:
        # nothing speaks for the positive class anywhere: any place will do
        inside = np.argwhere(ready.masks["lungs"])
        center_mm = scan.grid.canonical.to_world(inside[len(inside) // 2])
    with watch("lungs"):
        subject = prepare(scan, predictor.transforms, center_mm=tuple(center_mm))
    logits, local = _asked(predictor, subject, watch=watch)
    told = [
        *ready.warnings,
        f"No centre is known: {slid.windows} places in the lungs were looked at, and the answer is "
        "that of the most suspicious one. The net learnt from nodules alone, and not what else "
        "there is in lungs.",
    ]
    made = ready.masks, ready.quality, told, logits, slid.candidates
    return ScanPrediction(float(logits.flat[-1]), slid.heat, subject, local, *made)


def _asked(
    predictor: Predictor, subject: tio.Subject, *, watch: Stopwatch
) -> tuple[np.ndarray, HeatMap]:
    """Return the net's logits, `()` or `(K,)`, and the map."""
    net = predictor.classifier
    image = subject["input"].data[None].to(next(net.parameters()).device)
    with watch("model"), torch.no_grad():
        logits = net.logits(image)[0].float().cpu().numpy()
    with watch("explain"):
        return logits, predictor.explainer(net, image, grid(subject, "input"))
