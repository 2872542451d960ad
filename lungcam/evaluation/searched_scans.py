"""Search of a cohort's whole scans by a detector, judged by the rule of LUNA16."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from lungcam.cohorts import Sample
from lungcam.detection.detector import Detection, blob_map, detect, level_peaks, merge
from lungcam.detection.pyramid import Level
from lungcam.evaluation.candidate_rows import SUBMISSION, candidate_row
from lungcam.evaluation.candidate_sources import NET
from lungcam.explain import HeatMap
from lungcam.metrics import FROC_RULE, froc
from lungcam.metrics.froc import Marks, froc_figures, match
from lungcam.nets import DetectorNet
from lungcam.runtime.atomic import write_table

BLOB = "blob"
SEARCH_RULE = (
    "every scan of the test split is searched whole; candidates are the peaks of all levels, and "
    "their score is the net's logit with the blob filter's logarithm; `blob` is that filter alone"
)


def search_scans(
    net: DetectorNet,
    scans: Sequence[tuple[Sample, Callable[[], list[Level]]]],
    *,
    candidates: Path,
) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    """Search whole scans by a detector and by the blob filter alone.

    Args:
        net: The detector, in evaluation mode.
        scans: Each scan with its `nodules`, and its levels: none if it cannot be searched, which
            counts as a scan without candidates.
        candidates: Table to write, in the form of LUNA16's submissions.

    Returns:
        Figures with the CPM of both sources; and the detector's logits of nodules, -inf where
        nothing was found, and of false positives.
    """
    marks: dict[str, list[Marks]] = {NET: [], BLOB: []}
    rows: list[dict[str, object]] = []
    for sample, levels_of in tqdm(scans, desc="searching scans"):
        levels = levels_of()
        blobs = [blob_map(level) for level in levels]
        places = {}
        if levels:
            places = {NET: detect(net, levels, blobs=blobs[1:])[0], BLOB: _peaks(blobs, levels)}
        for name, known in marks.items():
            known.append(_marks(sample, places.get(name, [])))
        rows += [
            candidate_row(sample, np.array(place.center_mm), place.logit)
            for place in places.get(NET, [])
        ]
    write_table(candidates, SUBMISSION, rows=rows)
    patients = np.array([sample.patient_id for sample, _ in scans])
    figures = {
        "n_scans": len(scans),
        "n_nodules": sum(len(known.centers) for known in marks[NET]),
        "sources": {name: froc_figures(froc(known), patients) for name, known in marks.items()},
        "rules": {"search": SEARCH_RULE, "froc": FROC_RULE},
    }
    matched = [match(known) for known in marks[NET]]
    nodules, others = (np.concatenate(logits) for logits in zip(*matched, strict=True))
    return figures, nodules, others


def _peaks(blobs: Sequence[HeatMap], levels: Sequence[Level]) -> list[Detection]:
    """Return the candidates of the blob filter alone."""
    return merge(
        [
            peak
            for heat, level in zip(blobs, levels, strict=True)
            for peak in level_peaks(heat, spacing_mm=level.spacing_mm)
        ]
    )


def _marks(sample: Sample, places: Sequence[Detection]) -> Marks:
    counted = [nodule for nodule in sample.nodules if nodule.counts]
    others = [nodule for nodule in sample.nodules if not nodule.counts]
    return Marks(
        points=np.array([place.center_mm for place in places]).reshape(-1, 3),
        scores=np.array([place.logit for place in places]),
        centers=np.array([nodule.center_mm for nodule in counted]).reshape(-1, 3),
        diameters=np.array([nodule.diameter_mm for nodule in counted]),
        excluded_centers=np.array([nodule.center_mm for nodule in others]).reshape(-1, 3),
        excluded_diameters=np.array([nodule.diameter_mm for nodule in others]),
    )
