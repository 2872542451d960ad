"""Files and console lines of a localisation benchmark."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lungcam import RESEARCH_USE_ONLY
from lungcam.evaluation.candidate_rows import SUBMISSION, candidate_row
from lungcam.evaluation.candidate_sources import NET
from lungcam.evaluation.localisation import ImageResult, LesionResult, Localiser
from lungcam.explain import LEVELS, MAP_METRICS, MAX_PEAKS, MIN_PEAK_DISTANCE_MM, POINT_METRICS
from lungcam.grid import lps_columns
from lungcam.metrics import (
    AVERAGES_RULE,
    FROC_RULE,
    froc,
    mean_interval,
    median,
    median_interval,
    random_sensitivity,
)
from lungcam.metrics.froc import by_rate, froc_figures
from lungcam.metrics.resampling import json_number
from lungcam.metrics.summary import with_interval
from lungcam.runtime.atomic import write_json, write_table
from lungcam.runtime.versions import versions

# ranges of diameters in mm, upper end excluded
SIZES = {
    "all": (0.0, np.inf),
    "below_6_mm": (0.0, 6.0),
    "6_to_15_mm": (6.0, np.nextafter(15.0, np.inf)),
    "above_15_mm": (np.nextafter(15.0, np.inf), np.inf),
}
RULES = {
    "peak": (
        "the map's highest cell above 0, placed between cells by a parabola along each axis; "
        "candidates are all such local maxima, the highest first, at least "
        f"{MIN_PEAK_DISTANCE_MM:g} mm apart and at most {MAX_PEAKS} an image"
    ),
    "score": (
        "the image's probability, calibrated where it can be, times the peak's height as a share "
        "of the highest; of a searched scan's candidates their suspicion, and of the detector its "
        "probability; of the brightest voxels their brightness, of blobs their score, of lung "
        "centres 1"
    ),
    "peak_within_radius": "the highest peak lies within half the diameter of the lesion's centre",
    "peak_within_radius_5mm": "as peak_within_radius, with a margin of 5 mm",
    "peak_in_mask": "the highest peak lies in a voxel of the lesion's mask; where there is one",
    "distance_mm": (
        "median distance from the highest peak to the lesion's centre; a map that points nowhere "
        "is infinitely far (null)"
    ),
    "energy_inside": "mean share of the map's positive mass that lies in the lesion",
    "iou_N and dice_N": (
        "mean overlap of the lesion with where the map reaches N % of its own maximum, N of "
        + ", ".join(f"{level:.0%}".rstrip("%") for level in LEVELS)
    ),
    "lesion": "the mask, else a ball; its centre is the mask's",
    "froc": FROC_RULE,
    "sizes": (
        "by the lesion's diameter; in the FROC of a size, lesions of other sizes are excluded "
        "findings"
    ),
    "random": (
        "a random point in the lungs (in a crop: anywhere), as probability and not as a draw; "
        "energy and overlap of a map that is even over them; infinitely many random candidates"
    ),
    "center": "the centre of the lung that is nearest to the lesion; in a crop its middle",
    "brightest": "the image itself: what is denser than its median",
    "blob": "a filter for bright blobs with radii of 3 to 19 mm, without any training",
    "untrained": "the same net with fresh weights, of one seed, explained alike",
    "detector": "the detector that proposes a searched scan's candidates, without their rating",
    "ci95": AVERAGES_RULE + "; of the FROC 2,000 bootstraps over the patients' scans",
}
NO_LESION = (
    "no lesion's place is known (a centre with its diameter, or a mask), so that it is not "
    "measured where the maps point"
)
BASELINE_NAMES = {
    "random": "random point",
    "center": "lung's or crop's centre",
    "brightest": "brightest voxel",
    "blob": "blob filter",
    "untrained": "untrained net",
    "detector": "detector without rating",
}
MAIN_FIGURES = {
    "peak_within_radius": "peak within the lesion's radius",
    "peak_within_radius_5mm": "peak within the radius + 5 mm",
    "peak_in_mask": "peak in the lesion's mask",
    "energy_inside": "energy in the lesion",
}


def report_localisation(
    localiser: Localiser, folder: Path, *, label_rule: str, seed: int
) -> list[str]:
    """Write localisation.json, localisation.csv and candidates.csv; return lines to print.

    Args:
        localiser: Localiser that has measured all images.
        folder: Folder of the files.
        label_rule: Meaning of label 1.
        seed: Seed of the bootstrap.
    """
    images, lesions = list(localiser.images.values()), localiser.lesions
    notes = sorted(set(localiser.notes)) + ([] if lesions else [NO_LESION])
    explainer = localiser.sources.explainer
    record = {
        "label_rule": label_rule,
        "method": explainer.method,
        "layer": explainer.layer.removeprefix("net."),
        "n_images": len(images),
        "n_lesions": len(lesions),
        "sizes": localisation_figures(lesions, images, baselines=localiser.baselines, seed=seed),
        "rules": RULES,
        "notes": notes,
        "seed": seed,
        "versions": versions(),
        "notice": RESEARCH_USE_ONLY,
    }
    write_table(folder / "candidates.csv", SUBMISSION, rows=_candidate_rows(images))
    write_table(
        folder / "localisation.csv",
        _lesion_columns(localiser.baselines),
        rows=_lesion_rows(lesions),
    )
    write_json(folder / "localisation.json", record)
    lines = [f"note: {note.rstrip('.')}." for note in notes]
    if lesions:
        lines += localisation_lines(record["sizes"]["all"])
    return [*lines, f"localisation: {folder / 'localisation.json'}"]


def localisation_figures(
    lesions: Sequence[LesionResult],
    images: Sequence[ImageResult],
    *,
    baselines: Sequence[str],
    seed: int,
) -> dict[str, Any]:
    """Compute figures by size: those of the lesions, and the FROC of the candidates.

    Args:
        lesions: All measured lesions.
        images: All measured images.
        baselines: Names of the sources other than the net.
        seed: Seed of the bootstrap.
    """
    figures: dict[str, Any] = {}
    for name, (low, high) in SIZES.items():
        chosen = [result for result in lesions if low <= result.lesion.diameter_mm < high]
        excluded = [(image.diameters < low) | (image.diameters >= high) for image in images]
        if chosen:
            figures[name] = {
                "n": len(chosen),
                "n_patients": len({result.sample.patient_id for result in chosen}),
                **_lesion_figures(chosen, baselines, seed=seed),
                "froc": _froc_figures(images, excluded, baselines=baselines, seed=seed),
            }
    return figures


def localisation_lines(figures: Mapping[str, Any]) -> list[str]:
    """Put the main figures into a few lines.

    Args:
        figures: Figures of one size from `localisation_figures`.
    """
    lines = [f"maps at {figures['n']} lesions of {figures['n_patients']} patients:"]
    for name, title in MAIN_FIGURES.items():
        if name in figures:
            figure = figures[name]
            baselines = {key: value["value"] for key, value in figure["baselines"].items()}
            interval = with_interval(figure["value"], figure["ci95"])
            lines.append(f"  {title} {interval}; {_baseline_words(baselines)}")
    curve = figures["froc"]
    if curve["cpm"] is not None:
        baselines = {key: value["cpm"] for key, value in curve["baselines"].items()}
        interval = with_interval(curve["cpm"], curve["cpm_ci95"])
        lines.append(
            f"  CPM over {curve['n_images']} images {interval}; {_baseline_words(baselines)}"
        )
    return lines


def _baseline_words(values: Mapping[str, float]) -> str:
    return ", ".join(f"{BASELINE_NAMES[name]} {value:.3f}" for name, value in values.items())


def _lesion_figures(
    lesions: Sequence[LesionResult], baselines: Sequence[str], *, seed: int
) -> dict[str, dict[str, Any]]:
    """Average every figure of the net and of its baselines over lesions."""
    patients = np.array([result.sample.patient_id for result in lesions])
    figures = {}
    for name in (*POINT_METRICS, *MAP_METRICS):
        values = np.array([result.figures[NET][name] for result in lesions])
        # peak_in_mask is known only for lesions with a mask
        rows = ~np.isnan(values)
        if not rows.any():
            continue
        figures[name] = {
            "n": int(rows.sum()),
            **_average(name, values[rows], patients=patients[rows], seed=seed),
        }
        figures[name]["baselines"] = {}
        for baseline in baselines:
            # a lung's centre is a point, and has no energy
            if name in lesions[0].figures[baseline]:
                values = np.array([result.figures[baseline][name] for result in lesions])[rows]
                figures[name]["baselines"][baseline] = _average(
                    name, values, patients=patients[rows], seed=seed
                )
    return figures


def _average(name: str, values: np.ndarray, *, patients: np.ndarray, seed: int) -> dict[str, Any]:
    if name == "distance_mm":
        value, bounds = median(values), median_interval(values, patients, seed=seed)
    else:
        value, bounds = float(values.mean()), mean_interval(values, patients, seed=seed)
    return {"value": _finite(value), "ci95": [_finite(bound) for bound in bounds]}


def _froc_figures(
    images: Sequence[ImageResult],
    excluded: Sequence[np.ndarray],
    *,
    baselines: Sequence[str],
    seed: int,
) -> dict[str, Any]:
    """Compute the FROC of the net and of its baselines.

    Args:
        images: All measured images.
        excluded: For each image `(M,)` bool, True for targets that count neither way.
        baselines: Names of the sources other than the net.
        seed: Seed of the bootstrap.
    """
    patients = np.array([image.sample.patient_id for image in images])
    curves = {
        name: froc(
            [
                image.marks(name).excluding(rows)
                for image, rows in zip(images, excluded, strict=True)
            ]
        )
        for name in (NET, *baselines)
        if name != "random"
    }
    net = curves.pop(NET)
    figures = {
        "n_images": len(images),
        "n_lesions": int(net.nodules.sum()),
        "n_excluded": sum(
            len(image.excluded) + int(rows.sum())
            for image, rows in zip(images, excluded, strict=True)
        ),
        **froc_figures(net, patients, seed=seed),
    }
    others = {"random": _random_figures(images, excluded)}
    others |= {name: froc_figures(curve, patients, seed=seed) for name, curve in curves.items()}
    return figures | {"baselines": {name: others[name] for name in baselines}}


def _random_figures(
    images: Sequence[ImageResult], excluded: Sequence[np.ndarray]
) -> dict[str, Any]:
    """Compute the expected FROC of random candidates."""
    chances = [np.array([finding.chance for finding in image.targets]) for image in images]
    shares = [chance[~rows] for chance, rows in zip(chances, excluded, strict=True)]
    ignored = [
        float(chance[rows].sum() + sum(finding.chance for finding in image.excluded))
        for image, chance, rows in zip(images, chances, excluded, strict=True)
    ]
    sensitivity = random_sensitivity(shares, ignored)
    return {"cpm": json_number(float(sensitivity.mean())), "sensitivity_at": by_rate(sensitivity)}


def _candidate_rows(images: Sequence[ImageResult]) -> Iterator[dict[str, object]]:
    for image in images:
        candidates = image.candidates[NET]
        for point, score in zip(candidates.points, candidates.scores, strict=True):
            yield candidate_row(image.sample, point, score)


def _lesion_columns(baselines: Sequence[str]) -> list[str]:
    figures = [*POINT_METRICS, *MAP_METRICS]
    return [
        *("sample_id", "patient_id", "seriesuid", "label", "coordX", "coordY", "coordZ"),
        *("diameter_mm", "peakX", "peakY", "peakZ", *figures),
        *(f"{name}_{figure}" for name in baselines for figure in figures),
    ]


def _lesion_rows(lesions: Sequence[LesionResult]) -> Iterator[dict[str, object]]:
    for result in lesions:
        row: dict[str, object] = {
            "sample_id": result.sample.sample_id,
            "patient_id": result.sample.patient_id,
            "seriesuid": result.sample.series_uid or result.sample.sample_id,
            "label": result.sample.label,
            "diameter_mm": round(result.lesion.diameter_mm, 4),
            **lps_columns("coord", result.lesion.center_mm),
        }
        if not np.isnan(result.peak_mm).any():
            row |= lps_columns("peak", result.peak_mm)
        for source, figures in result.figures.items():
            prefix = "" if source == NET else f"{source}_"
            row |= {
                f"{prefix}{name}": f"{value:.6g}"
                for name, value in figures.items()
                if _finite(value) is not None
            }
        yield row


def _finite(value: float) -> float | None:
    """Return None for NaN and infinity, which JSON does not have."""
    return value if np.isfinite(value) else None
