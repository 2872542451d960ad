"""Prediction and heat-map of one prepared scan."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torchio as tio

from lungcam.errors import InputError
from lungcam.evaluation.ensemble import Ensemble
from lungcam.explain import HeatMap, mean_map, spread_map
from lungcam.inference.prepare import PreparedScan
from lungcam.inference.search import Candidate, SearchResult, search_scan
from lungcam.inference.trust import Trust, judge
from lungcam.metrics import Calibration
from lungcam.runtime.stopwatch import Stopwatch
from lungcam.transforms import Quality, prepare
from lungcam.transforms.subject import grid


@dataclass(frozen=True, eq=False, kw_only=True)
class ScanPrediction:
    """Prediction of a scan by one net or several, with its explanation and its inputs.

    Attributes:
        logits: `()` or `(K,)` logits, as the task reads them. In a scan that was searched, that of
            the most suspicious candidate's probability; see `lungcam.inference.search.RULE`.
        net_logits: `(N,)` or `(N, K)`, the same of each net.
        heat: Heat-map of all that was looked at.
        spread: Standard deviation over the nets of their heat-maps; None of a single net.
        subject: Subject with the net's `input`; in a scan that was searched, the cube at the most
            suspicious candidate.
        input_heat: Heat-map of this `input` alone.
        masks: `mask` and `lungs`, `(W, H, D)` bool on the scan's canonical grid; none for crops,
            nor where no output needs them.
        quality: Quality of the masks.
        warnings: Sentences for the user.
        evidence: What the heat-map shows evidence for.
        seen: True if a net, or a search's detector, was trained on the scan or on a part of it.
        trust: What speaks for and against the answer.
        search: Outcome of the search, in a scan that was searched; None in others.
    """

    logits: np.ndarray
    net_logits: np.ndarray
    heat: HeatMap
    spread: HeatMap | None
    subject: tio.Subject
    input_heat: HeatMap
    masks: Mapping[str, np.ndarray]
    quality: Quality
    warnings: Sequence[str]
    evidence: str
    seen: bool
    trust: Trust
    search: SearchResult | None = None

    @property
    def candidates(self) -> Sequence[Candidate] | None:
        """Places of a searched scan, the most suspicious first; None of other scans."""
        return None if self.search is None else self.search.candidates

    @property
    def each_logit(self) -> list[float]:
        """Logit of label 1 of each net."""
        return [float(logits.flat[-1]) for logits in self.net_logits[:, None]]

    @property
    def image(self) -> torch.Tensor:
        """`(1, 1, W, H, D)` input of the net."""
        return self.subject["input"].data[None]


def predict_prepared(
    ensemble: Ensemble, prepared: PreparedScan, *, watch: Stopwatch
) -> ScanPrediction:
    """Apply the nets to a scan, and explain their prediction.

    Args:
        ensemble: The trained nets.
        prepared: The scan, prepared by the nets' transforms.
        watch: Measures the steps `search`, `lungs`, `model` and `explain`.

    Raises:
        InputError: The nets have nothing to search for.
    """
    if prepared.subject is None:
        return _search(ensemble, prepared, watch=watch)
    net_logits, maps = _explain(ensemble, prepared.subject, watch=watch)
    heat = mean_map(maps, ensemble.weights)
    return ScanPrediction(
        logits=ensemble.combine(net_logits),
        net_logits=net_logits,
        heat=heat,
        spread=spread_map(maps, ensemble.weights),
        subject=prepared.subject,
        input_heat=heat,
        masks=prepared.masks,
        quality=prepared.quality,
        warnings=prepared.warnings,
        evidence=ensemble.evidence_of(net_logits),
        **_judged(ensemble, prepared),
    )


def _search(ensemble: Ensemble, prepared: PreparedScan, *, watch: Stopwatch) -> ScanPrediction:
    """Search the whole scan, and predict its most suspicious position.

    Raises:
        InputError: The nets have nothing to search for.
    """
    if not ensemble.task.has_positive:
        raise InputError(
            f"{prepared.scan.source}: a net of task={ensemble.task.name} cannot search a scan; "
            "give a nodule's crop, or a table with its centre (coordX, coordY, coordZ)."
        )
    scan, masks = prepared.scan, prepared.masks
    with watch("search"):
        result = search_scan(ensemble, scan, searched=masks["mask"], lungs=masks["lungs"])
    if result.candidates:
        center_mm = result.candidates[0].center_mm
    else:
        # nothing looks like a nodule anywhere: any position will do
        inside = np.argwhere(masks["lungs"])
        center_mm = scan.grid.canonical.to_world(inside[len(inside) // 2])
    with watch("lungs"):
        subject = prepare(scan, ensemble.transforms, center_mm=tuple(center_mm))
    _, maps = _explain(ensemble, subject, watch=watch)
    logits, net_logits = _scan_logits(ensemble, result)
    warning = (
        "The lungs were searched for nodules. The probability is that of the most suspicious "
        "place: that it is a nodule, times that the nets rate it so. It is not calibrated for "
        "whole scans."
    )
    return ScanPrediction(
        logits=logits,
        net_logits=net_logits,
        heat=result.heat,
        spread=result.spread,
        subject=subject,
        input_heat=mean_map(maps, ensemble.weights),
        masks=masks,
        quality=prepared.quality,
        warnings=[*prepared.warnings, warning],
        evidence=ensemble.evidence_of(net_logits),
        search=result,
        **_judged(ensemble, prepared, result),
    )


def _judged(
    ensemble: Ensemble, prepared: PreparedScan, search: SearchResult | None = None
) -> dict[str, Any]:
    """Say if the scan was trained on, and what speaks for and against the answer."""
    scan = prepared.scan
    seen = ensemble.knows(prepared.pixels, scan.series_uid)
    if search is not None:
        seen |= search.detector.knows(prepared.pixels, scan.series_uid)
    trust = judge(
        ensemble.record,
        prepared.traits,
        image=scan.source,
        seen=seen,
        searched=search is not None,
    )
    return {"seen": seen, "trust": trust}


def _scan_logits(ensemble: Ensemble, result: SearchResult) -> tuple[np.ndarray, np.ndarray]:
    """Return the logits that have the probability of a searched scan, of all and of each net."""
    first = result.candidates[0] if result.candidates else None
    detected, rating = (first.detected, first.rating) if first else (0.0, 0.0)
    each = [
        (net.calibration or Calibration()).inverse(detected * net.probability(logit))
        for net, logit in zip(
            ensemble.nets, first.net_logits if first else [0.0] * ensemble.size, strict=True
        )
    ]
    return np.array(ensemble.calibration.inverse(detected * rating)), np.array(each)


def _explain(
    ensemble: Ensemble, subject: tio.Subject, *, watch: Stopwatch
) -> tuple[np.ndarray, list[HeatMap]]:
    """Return all logits of each net, `(N,)` or `(N, K)`, and the nets' heat-maps."""
    image = subject["input"].data[None]
    with watch("model"):
        net_logits = ensemble.logits(image)
    if not np.isfinite(net_logits).all():
        raise InputError(
            "the net's answer is not a number for this scan; check its values, or train again."
        )
    with watch("explain"):
        return net_logits, ensemble.maps(image, grid(subject, "input"))
