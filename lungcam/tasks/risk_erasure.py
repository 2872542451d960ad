"""Risks with every annotated nodule erased: how much of a risk stays, and where the map peaks."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torchio as tio
from tqdm import tqdm

from lungcam.cohorts import Sample
from lungcam.cohorts.survival import target_table
from lungcam.data import prepare_sample
from lungcam.data.annotated_lesions import annotated_lesions
from lungcam.explain import Explainer, HeatMap, peaks
from lungcam.explain.inpaint import inpaint
from lungcam.grid import lps_columns
from lungcam.metrics import Calibration, yearly_auc
from lungcam.metrics.resampling import bootstrap_mean, json_interval
from lungcam.nets import YearlyLogitNet
from lungcam.runtime.atomic import write_table
from lungcam.transforms.pipeline import reapply_view
from lungcam.transforms.subject import grid, volume

RULE = (
    "every annotated nodule of the test split is replaced by the lung around it; a person without "
    "one counts unchanged"
)


@dataclass(frozen=True, eq=False, kw_only=True)
class ErasedRisk:
    """One sample before and after the erasure of its nodules.

    Attributes:
        sample: The sample.
        nodules: Number of erased nodules; 0 if nothing was changed.
        before: `(years,)` logits.
        after: `(years,)` logits.
        peaks_mm: Highest peak of the horizon's map before and after, RAS mm; None without a peak.
        mass: Mass of the horizon's map for the event, after divided by before; None if it was 0.
    """

    sample: Sample
    nodules: int
    before: np.ndarray
    after: np.ndarray
    peaks_mm: tuple[np.ndarray | None, np.ndarray | None]
    mass: float | None


def erase_nodules(
    classifier: YearlyLogitNet,
    transforms: tio.Compose,
    *,
    samples: Sequence[Sample],
    explainer: Explainer,
) -> Iterator[ErasedRisk]:
    """Erase all nodules of each sample and predict its risks again.

    Args:
        classifier: Trained net in evaluation mode.
        transforms: Transforms from a scan to its input.
        samples: The samples.
        explainer: Makes the maps.
    """
    for sample in tqdm(samples, desc="erasing nodules"):
        prepared = prepare_sample(sample, transforms)
        subject = prepared.subject
        image, hu = grid(subject, "image"), volume(subject, "image")
        erased, count = hu, 0
        for region in annotated_lesions(sample, image, scan=prepared.scan):
            # a nodule without lung around it stays
            with suppress(ValueError):
                erased, count = inpaint(erased, region, grid=image), count + 1
        before, heat_before = _predict(classifier, subject, explainer=explainer)
        after, heat_after = before, heat_before
        if count:
            changed = reapply_view(subject, erased, transforms=transforms)
            after, heat_after = _predict(classifier, changed, explainer=explainer)
        mass = float(heat_before.values.clip(0).sum())
        yield ErasedRisk(
            sample=sample,
            nodules=count,
            before=before,
            after=after,
            peaks_mm=(_peak(heat_before), _peak(heat_after)),
            mass=float(heat_after.values.clip(0).sum()) / mass if mass > 0 else None,
        )


def erased_figures(
    results: Sequence[ErasedRisk], calibration: Calibration, *, seed: int
) -> dict[str, object]:
    """Compute the figures of a split with erased nodules for metrics.json.

    Args:
        results: All samples of the split.
        calibration: From logits to risks.
        seed: Seed of the bootstrap over patients.

    Returns:
        n and n_erased (samples with a nodule); auc_erased by year over all samples, to compare with
        the split's own `auc`; with_event, over samples with a nodule and the event, by year: n,
        risk and risk_erased (means), left (mean share of the risk that stays) with left_ci95; and
        mass_left, the median share of the map's mass for the event that stays.
    """
    before = calibration.probability(np.stack([result.before for result in results]))
    after = calibration.probability(np.stack([result.after for result in results]))
    patients = np.array([result.sample.patient_id for result in results])
    happened, known = target_table([result.sample for result in results], before.shape[1])
    erased = np.array([result.nodules > 0 for result in results])
    by_year = {}
    for year in range(before.shape[1]):
        rows = erased & (happened[:, year] == 1)
        figures: dict[str, object] = {"n": int(rows.sum())}
        if rows.any():
            left = after[rows, year] / before[rows, year]
            mean, *bounds = bootstrap_mean(left, patients[rows], seed=seed)
            figures |= {
                "risk": float(before[rows, year].mean()),
                "risk_erased": float(after[rows, year].mean()),
                "left": mean,
                "left_ci95": json_interval(bounds),
            }
        by_year[str(year + 1)] = figures
    masses = [result.mass for result in results if result.nodules and result.mass is not None]
    return {
        "n": len(results),
        "n_erased": int(erased.sum()),
        "auc_erased": yearly_auc(after, known, happened=happened, patients=patients, seed=seed),
        "with_event": by_year,
        "mass_left": float(np.median(masses)) if masses else None,
        "rule": RULE,
    }


def write_erased(file: Path, results: Sequence[ErasedRisk], *, calibration: Calibration) -> None:
    """Write a row for each sample; peaks are in LPS mm, as in all tables."""
    years = len(results[0].before)
    risks = [f"risk_{year}{suffix}" for suffix in ("", "_erased") for year in range(1, years + 1)]
    peak_columns = [f"{prefix}{axis}" for prefix in ("peak", "peak_erased") for axis in "XYZ"]
    rows = []
    for result in results:
        logits = np.concatenate([result.before, result.after])
        row = {
            "sample_id": result.sample.sample_id,
            "patient_id": result.sample.patient_id,
            "seriesuid": result.sample.series_uid,
            "label": result.sample.label,
            "nodules": result.nodules,
            "mass": None if result.mass is None else f"{result.mass:.6g}",
        }
        row |= {
            name: f"{risk:.9g}"
            for name, risk in zip(risks, calibration.probability(logits), strict=True)
        }
        for prefix, peak in zip(("peak", "peak_erased"), result.peaks_mm, strict=True):
            if peak is not None:
                row |= lps_columns(prefix, peak)
        rows.append(row)
    columns = ("sample_id", "patient_id", "seriesuid", "label", "nodules", *risks, "mass")
    write_table(file, (*columns, *peak_columns), rows=rows)


def _predict(
    classifier: YearlyLogitNet, subject: tio.Subject, *, explainer: Explainer
) -> tuple[np.ndarray, HeatMap]:
    """Return the logits `(years,)` and the map of the horizon."""
    image = subject["input"].data[None].to(next(classifier.parameters()).device)
    with torch.no_grad():
        logits = classifier.logits(image)[0].float().cpu().numpy()
    return logits, explainer(classifier, image, grid(subject, "input"))


def _peak(heat: HeatMap) -> np.ndarray | None:
    points, _ = peaks(heat.values, heat.cells, max_peaks=1)
    return points[0] if len(points) else None
