"""What a net says of one scan."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torchio as tio

from lungcam.cohorts import Sample
from lungcam.errors import InputError
from lungcam.explain import HeatMap
from lungcam.grid import Grid
from lungcam.runs.predictor import Predictor
from lungcam.runs.slide import Candidate, slide
from lungcam.runs.stopwatch import Stopwatch
from lungcam.scans import Scan
from lungcam.transforms import Quality, is_crop, place_center, prepare, quality, shows_whole_chest
from lungcam.transforms.volumes import grid, volume


@dataclass(frozen=True, eq=False)
class Answer:
    """An answer and what it rests on.

    Attributes:
        logit: The net's answer; in a scan that was searched, at the map's highest peak.
        heat: The map of all that was looked at.
        subject: What the net was shown; in a scan that was searched, the cube at the highest peak.
        local: The map of the subject's `input` alone.
        masks: `mask` and `lungs`, `(W, H, D)` bool on the scan's canonical grid; none for crops.
        quality: The verdict on the masks.
        warnings: Sentences on what the user should know.
        candidates: The most suspicious places, best first; None where one place was asked about.
    """

    logit: float
    heat: HeatMap
    subject: tio.Subject
    local: HeatMap
    masks: Mapping[str, np.ndarray]
    quality: Quality
    warnings: Sequence[str]
    candidates: Sequence[Candidate] | None = None

    @property
    def image(self) -> torch.Tensor:
        """`(1, 1, W, H, D)`, the subject as the net was shown it."""
        return self.subject["input"].data[None]


def answer_scan(predictor: Predictor, scan: Scan, sample: Sample, watch: Stopwatch) -> Answer:
    """Ask a net about a scan.

    A net that looks at nodules is shown the one whose centre is known, or a crop's middle; over a
    whole scan of which no centre is known it slides.

    Args:
        predictor: The trained net.
        scan: The scan.
        sample: The centre of its nodule, where it is known.
        watch: Measures the steps `lungs`, `model` and `explain`.

    Raises:
        InputError: The scan is at fault.
    """
    transforms = predictor.transforms
    if shows_whole_chest(transforms):
        return _one_place(predictor, scan, None, [], watch)
    try:
        center_mm, misplaced = place_center(scan.grid, sample.center_mm)
    except ValueError as error:
        raise InputError(f"{scan.source}: {error}") from error
    extent_mm = np.multiply(scan.grid.shape, scan.grid.spacing_mm)
    if sample.center_mm is None and not is_crop(extent_mm):
        return _all_places(predictor, scan, watch)
    told = [one.sentence for one in misplaced]
    return _one_place(predictor, scan, center_mm, told, watch)


def _one_place(
    predictor: Predictor,
    scan: Scan,
    center_mm: Sequence[float] | None,
    warnings: Sequence[str],
    watch: Stopwatch,
) -> Answer:
    with watch("lungs"):
        subject = prepare(scan, predictor.transforms, center_mm)
        judged = quality(subject)
    # a crop has neither
    masks = {name: volume(subject, name) for name in ("mask", "lungs") if name in subject}
    shown = grid(subject, "input")
    logit, heat = _asked(predictor, subject, watch)
    told = [*scan.warnings, *warnings, *(one.sentence for one in judged.findings)]
    if not masks and center_mm is None and _beyond(shown, grid(subject, "image")):
        told.append("Only a cube in the crop's middle was looked at; give a smaller crop.")
    return Answer(logit, heat, subject, heat, masks, judged, told)


def _all_places(predictor: Predictor, scan: Scan, watch: Stopwatch) -> Answer:
    with watch("slide"):
        slid = slide(predictor, scan)
    if slid.candidates:
        center_mm = slid.candidates[0].center_mm
    else:
        # nothing speaks for the positive class anywhere: any place will do
        inside = np.argwhere(slid.lungs)
        center_mm = scan.grid.canonical.to_world(inside[len(inside) // 2])
    subject = prepare(scan, predictor.transforms, tuple(center_mm))
    logit, local = _asked(predictor, subject, watch)
    told = [
        *scan.warnings,
        f"No centre is known: {slid.windows} places in the lungs were looked at, and the answer is "
        "that of the most suspicious one. The net learnt from nodules alone, and not what else "
        "there is in lungs.",
    ]
    masks = {"mask": slid.searched, "lungs": slid.lungs}
    return Answer(logit, slid.heat, subject, local, masks, Quality(), told, slid.candidates)


def _asked(predictor: Predictor, subject: tio.Subject, watch: Stopwatch) -> tuple[float, HeatMap]:
    net = predictor.classifier
    image = subject["input"].data[None].to(next(net.parameters()).device)
    with watch("model"), torch.no_grad():
        logit = float(net(image))
    with watch("explain"):
        return logit, predictor.explainer(net, image, grid(subject, "input"))


def _beyond(shown: Grid, scan: Grid) -> bool:
    """Whether a scan is twice as long or more, along any axis, than what is shown of it."""
    return any(
        size * step > 2 * n * mm
        for n, mm, size, step in zip(
            shown.shape, shown.spacing_mm, scan.shape, scan.spacing_mm, strict=True
        )
    )
