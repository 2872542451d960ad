"""How much of a risk stays when every annotated nodule is painted over, and where it lies then."""

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
from lungcam.runtime.atomic import write_table
from lungcam.training import RiskClassifier
from lungcam.transforms.pipeline import reapply_view
from lungcam.transforms.subject import grid, volume

RULE = (
    "every annotated nodule of the test split is painted over with the lung around it; a person "
    "without one counts as he is"
)


@dataclass(frozen=True, eq=False, kw_only=True)
class ErasedRisk:
    """One sample before and after.

    Attributes:
        sample: The sample.
        nodules: How many were painted over; 0: nothing was changed.
        before: `(years,)` logits.
        after: `(years,)` logits.
        peaks_mm: Where the horizon's map is highest before and after, RAS mm; None: nowhere.
        mass: Of the horizon's map for the event, after over before; None where there was none.
    """

    sample: Sample
    nodules: int
    before: np.ndarray
    after: np.ndarray
    peaks_mm: tuple[np.ndarray | None, np.ndarray | None]
    mass: float | None


def erase_nodules(
    classifier: RiskClassifier,
    transforms: tio.Compose,
    *,
    samples: Sequence[Sample],
    explainer: Explainer,
) -> Iterator[ErasedRisk]:
    """Paint over the nodules of each sample and ask again.

    Args:
        classifier: In evaluation mode.
        transforms: That prepare a scan for it.
        samples: The samples.
        explainer: Makes the maps.
    """
    for sample in tqdm(samples, desc="erasing nodules"):
        subject = prepare_sample(sample, transforms).subject
        at, hu = grid(subject, "image"), volume(subject, "image")
        painted, count = hu, 0
        for region in annotated_lesions(sample, at):
            # a nodule that no lung surrounds stays
            with suppress(ValueError):
                painted, count = inpaint(painted, region, grid=at), count + 1
        before, first = _ask(classifier, subject, explainer=explainer)
        after, second = before, first
        if count:
            changed = reapply_view(subject, painted, transforms=transforms)
            after, second = _ask(classifier, changed, explainer=explainer)
        mass = float(first.values.clip(0).sum())
        yield ErasedRisk(
            sample=sample,
            nodules=count,
            before=before,
            after=after,
            peaks_mm=(_peak(first), _peak(second)),
            mass=float(second.values.clip(0).sum()) / mass if mass > 0 else None,
        )


def erased_figures(
    results: Sequence[ErasedRisk], calibration: Calibration, *, seed: int
) -> dict[str, object]:
    """What metrics.json says of a split whose nodules were painted over.

    Args:
        results: Of the split.
        calibration: From logits to risks.
        seed: Of the bootstrap over people.

    Returns:
        n and n_erased (samples with a nodule); auc_erased by the year, over all samples, beside
        which the split's own `auc` stands; over those with a nodule and the event, by the year:
        n, risk and risk_erased (means), left (mean share of the risk) with left_ci95; and
        mass_left, the median share of the map's mass for the event.
    """
    before, after = (
        calibration.probability(np.stack([getattr(one, name) for one in results]))
        for name in ("before", "after")
    )
    patients = np.array([one.sample.patient_id for one in results])
    happened, known = target_table([one.sample for one in results], before.shape[1])
    erased = np.array([one.nodules > 0 for one in results])
    by_year = {}
    for k in range(before.shape[1]):
        rows = erased & (happened[:, k] == 1)
        told: dict[str, object] = {"n": int(rows.sum())}
        if rows.any():
            left = after[rows, k] / before[rows, k]
            mean, *bounds = bootstrap_mean(left, patients[rows], seed=seed)
            told |= {
                "risk": float(before[rows, k].mean()),
                "risk_erased": float(after[rows, k].mean()),
                "left": mean,
                "left_ci95": json_interval(bounds),
            }
        by_year[str(k + 1)] = told
    masses = [one.mass for one in results if one.nodules and one.mass is not None]
    return {
        "n": len(results),
        "n_erased": int(erased.sum()),
        "auc_erased": yearly_auc(after, known, happened=happened, patients=patients, seed=seed),
        "with_event": by_year,
        "mass_left": float(np.median(masses)) if masses else None,
        "rule": RULE,
    }


def write_erased(file: Path, results: Sequence[ErasedRisk], *, calibration: Calibration) -> None:
    """Write a row a sample; peaks in LPS mm, as all tables have them."""
    years = len(results[0].before)
    risks = [f"risk_{k}{after}" for after in ("", "_erased") for k in range(1, years + 1)]
    places = [f"{when}{axis}" for when in ("peak", "peak_erased") for axis in "XYZ"]
    columns = ("sample_id", "patient_id", "seriesuid", "label", "nodules", *risks, "mass", *places)
    rows = []
    for one in results:
        told = np.concatenate([one.before, one.after])
        row = {
            "sample_id": one.sample.sample_id,
            "patient_id": one.sample.patient_id,
            "seriesuid": one.sample.series_uid,
            "label": one.sample.label,
            "nodules": one.nodules,
            "mass": None if one.mass is None else f"{one.mass:.6g}",
        }
        row |= {
            name: f"{risk:.9g}"
            for name, risk in zip(risks, calibration.probability(told), strict=True)
        }
        for when, place in zip(("peak", "peak_erased"), one.peaks_mm, strict=True):
            if place is not None:
                row |= lps_columns(when, place)
        rows.append(row)
    write_table(file, columns, rows=rows)


def _ask(
    classifier: RiskClassifier, subject: tio.Subject, *, explainer: Explainer
) -> tuple[np.ndarray, HeatMap]:
    image = subject["input"].data[None].to(next(classifier.parameters()).device)
    with torch.no_grad():
        logits = classifier.logits(image)[0].float().cpu().numpy()
    return logits, explainer(classifier, image, grid(subject, "input"))


def _peak(heat: HeatMap) -> np.ndarray | None:
    places, _ = peaks(heat.values, heat.cells, max_peaks=1)
    return places[0] if len(places) else None
