"""What a net says of one scan."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torchio as tio

from lungcam.explain import HeatMap
from lungcam.runs.predictor import Predictor
from lungcam.runs.ready import Ready
from lungcam.runs.slide import Candidate, slide
from lungcam.runs.stopwatch import Stopwatch
from lungcam.transforms import Quality, prepare
from lungcam.transforms.volumes import grid


@dataclass(frozen=True, eq=False)
class Answer:
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
        yearly: `(years,)` logits of the risk within each year; None of a net that knows the label.
    """

    logit: float
    heat: HeatMap
    subject: tio.Subject
    local: HeatMap
    masks: Mapping[str, np.ndarray]
    quality: Quality
    warnings: Sequence[str]
    candidates: Sequence[Candidate] | None = None
    yearly: np.ndarray | None = None

    @property
    def image(self) -> torch.Tensor:
        """`(1, 1, W, H, D)`, the subject as the net was shown it."""
        return self.subject["input"].data[None]


def answer_scan(predictor: Predictor, ready: Ready, watch: Stopwatch) -> Answer:
    """Ask a net about a scan.

    Args:
        predictor: The trained net.
        ready: The scan, prepared by the net's transforms.
        watch: Measures the steps `slide`, `lungs`, `model` and `explain`.

    Raises:
        InputError: The method is too slow for a whole scan.
    """
    if ready.subject is None:
        return _all_places(predictor, ready, watch)
    logit, yearly, heat = _asked(predictor, ready.subject, watch)
    told = ready.masks, ready.quality, ready.warnings
    return Answer(logit, heat, ready.subject, heat, *told, yearly=yearly)


def _all_places(predictor: Predictor, ready: Ready, watch: Stopwatch) -> Answer:
    scan = ready.scan
    with watch("slide"):
        slid = slide(predictor, scan, ready.masks["mask"])
    if slid.candidates:
        center_mm = slid.candidates[0].center_mm
    else:
        # nothing speaks for the positive class anywhere: any place will do
        inside = np.argwhere(ready.masks["lungs"])
        center_mm = scan.grid.canonical.to_world(inside[len(inside) // 2])
    with watch("lungs"):
        subject = prepare(scan, predictor.transforms, tuple(center_mm))
    logit, yearly, local = _asked(predictor, subject, watch)
    told = [
        *ready.warnings,
        f"No centre is known: {slid.windows} places in the lungs were looked at, and the answer is "
        "that of the most suspicious one. The net learnt from nodules alone, and not what else "
        "there is in lungs.",
    ]
    found = slid.candidates
    made = ready.masks, ready.quality, told, found, yearly
    return Answer(logit, slid.heat, subject, local, *made)


def _asked(
    predictor: Predictor, subject: tio.Subject, watch: Stopwatch
) -> tuple[float, np.ndarray | None, HeatMap]:
    """The logit, that of each year where the net tells them, and the map."""
    net = predictor.classifier
    image = subject["input"].data[None].to(next(net.parameters()).device)
    with watch("model"), torch.no_grad():
        told = net.answer(image)[0].float().cpu().numpy()
    yearly = told if told.ndim else None
    with watch("explain"):
        return float(told.flat[-1]), yearly, predictor.explainer(net, image, grid(subject, "input"))
