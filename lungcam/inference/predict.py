"""Prediction and heat-map of one prepared scan."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torchio as tio

from lungcam.evaluation.predictor import Predictor
from lungcam.explain import HeatMap
from lungcam.inference.prepare import PreparedScan
from lungcam.inference.search import Candidate, search_scan
from lungcam.runtime.stopwatch import Stopwatch
from lungcam.transforms import Quality, prepare
from lungcam.transforms.subject import grid


@dataclass(frozen=True, eq=False, kw_only=True)
class ScanPrediction:
    """A net's prediction of a scan, with its explanation and its inputs.

    Attributes:
        logits: `()` or `(K,)` logits, as the task reads them; the last is that of label 1. In a
            scan that was searched, those of the cube at the map's highest peak.
        heat: Heat-map of all that was looked at.
        subject: Subject with the net's `input`; in a scan that was searched, the cube at the
            highest peak.
        input_heat: Heat-map of this `input` alone.
        masks: `mask` and `lungs`, `(W, H, D)` bool on the scan's canonical grid; none for crops,
            nor where no output needs them.
        quality: Quality of the masks.
        warnings: Sentences for the user.
        candidates: Most suspicious positions of a searched scan, best first; None of others.
    """

    logits: np.ndarray
    heat: HeatMap
    subject: tio.Subject
    input_heat: HeatMap
    masks: Mapping[str, np.ndarray]
    quality: Quality
    warnings: Sequence[str]
    candidates: Sequence[Candidate] | None = None

    @property
    def logit(self) -> float:
        """Logit of label 1."""
        return float(self.logits.flat[-1])

    @property
    def image(self) -> torch.Tensor:
        """`(1, 1, W, H, D)` input of the net."""
        return self.subject["input"].data[None]


def predict_prepared(
    predictor: Predictor, prepared: PreparedScan, *, watch: Stopwatch
) -> ScanPrediction:
    """Apply a net to a scan, and explain its prediction.

    Args:
        predictor: The trained net.
        prepared: The scan, prepared by the net's transforms.
        watch: Measures the steps `slide`, `lungs`, `model` and `explain`.

    Raises:
        InputError: The method is too slow for a whole scan.
    """
    if prepared.subject is None:
        return _search(predictor, prepared, watch=watch)
    logits, heat = _explain(predictor, prepared.subject, watch=watch)
    return ScanPrediction(
        logits=logits,
        heat=heat,
        subject=prepared.subject,
        input_heat=heat,
        masks=prepared.masks,
        quality=prepared.quality,
        warnings=prepared.warnings,
    )


def _search(predictor: Predictor, prepared: PreparedScan, *, watch: Stopwatch) -> ScanPrediction:
    """Search the whole scan, and predict its most suspicious position."""
    scan = prepared.scan
    with watch("slide"):
        result = search_scan(predictor, scan, searched=prepared.masks["mask"])
    if result.candidates:
        center_mm = result.candidates[0].center_mm
    else:
        # no evidence for the positive class anywhere: any position will do
        inside = np.argwhere(prepared.masks["lungs"])
        center_mm = scan.grid.canonical.to_world(inside[len(inside) // 2])
    with watch("lungs"):
        subject = prepare(scan, predictor.transforms, center_mm=tuple(center_mm))
    logits, input_heat = _explain(predictor, subject, watch=watch)
    warning = (
        f"No centre is known: {result.windows} positions in the lungs were looked at, and the "
        "prediction is that of the most suspicious one. The net learnt from nodules alone, and not "
        "what else there is in lungs."
    )
    return ScanPrediction(
        logits=logits,
        heat=result.heat,
        subject=subject,
        input_heat=input_heat,
        masks=prepared.masks,
        quality=prepared.quality,
        warnings=[*prepared.warnings, warning],
        candidates=result.candidates,
    )


def _explain(
    predictor: Predictor, subject: tio.Subject, *, watch: Stopwatch
) -> tuple[np.ndarray, HeatMap]:
    """Return the net's logits, `()` or `(K,)`, and the heat-map."""
    net = predictor.classifier
    image = subject["input"].data[None].to(next(net.parameters()).device)
    with watch("model"), torch.no_grad():
        logits = net.logits(image)[0].float().cpu().numpy()
    with watch("explain"):
        return logits, predictor.explainer(net, image, grid(subject, "input"))
