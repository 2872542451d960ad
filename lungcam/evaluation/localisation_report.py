"""The files and the words of a localisation benchmark.

Figures of `localisation.json`: each with its number, interval and baselines.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from lungcam import RESEARCH_USE_ONLY
from lungcam.evaluation.localisation import BASELINES, NET, ImageResult, LesionResult, Localiser
from lungcam.explain import LEVELS, MAP_FIGURES, MAX_PEAKS, MIN_PEAK_DISTANCE_MM, POINT_FIGURES
from lungcam.grid import lps_columns
from lungcam.metrics import (
    AVERAGES_RULE,
    FROC_RULE,
    RATES,
    froc,
    mean_interval,
    median,
    median_interval,
    random_sensitivity,
)
from lungcam.metrics.froc import Froc
from lungcam.metrics.resampling import json_interval, json_number
from lungcam.metrics.summary import with_interval
from lungcam.runtime.atomic import write_table, write_text
from lungcam.runtime.versions import versions

# diameters in mm, the upper end not included
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
        "of the highest; of the brightest voxels their brightness, of lung centres 1"
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
        "energy and overlap of a map that is even over them; endlessly many random candidates"
    ),
    "center": "the centre of the lung that is nearest to the lesion; in a crop its middle",
    "brightest": "the image itself: what is denser than its median",
    "untrained": "the same net with fresh weights, of one seed, explained alike",
    "ci95": AVERAGES_RULE + "; of the FROC 2,000 bootstraps over the patients' scans",
}


def localisation_figures(
    lesions: Sequence[LesionResult], images: Sequence[ImageResult], *, seed: int
) -> dict[str, object]:
    """Figures by size: those of the lesions, and the FROC of the candidates in all images.

    Args:
        lesions: What was measured.
        images: All that were looked at.
        seed: Of the bootstrap.
    """
    told: dict[str, object] = {}
    for name, (least, below) in SIZES.items():
        chosen = [one for one in lesions if least <= one.lesion.diameter_mm < below]
        others = [(one.diameters < least) | (one.diameters >= below) for one in images]
        if chosen:
            told[name] = {
                "n": len(chosen),
                "n_patients": len({one.sample.patient_id for one in chosen}),
                **_of_lesions(chosen, seed),
                "froc": _of_candidates(images, others, seed=seed),
            }
    return told


def _of_lesions(lesions: Sequence[LesionResult], seed: int) -> dict[str, dict]:
    patients = np.array([one.sample.patient_id for one in lesions])
    figures = {}
    for name in (*POINT_FIGURES, *MAP_FIGURES):
        values = np.array([one.figures[NET][name] for one in lesions])
        # only a lesion with a mask tells whether a peak lies in it
        rows = ~np.isnan(values)
        if not rows.any():
            continue
        figures[name] = {
            "n": int(rows.sum()),
            **_average(name, values[rows], patients=patients[rows], seed=seed),
        }
        figures[name]["baselines"] = {}
        for baseline in BASELINES:
            # a lung's centre is a point, and has no energy
            if name in lesions[0].figures[baseline]:
                values = np.array([one.figures[baseline][name] for one in lesions])[rows]
                beside = _average(name, values, patients=patients[rows], seed=seed)
                figures[name]["baselines"][baseline] = beside
    return figures


def _average(
    name: str, values: np.ndarray, *, patients: np.ndarray, seed: int
) -> dict[str, object]:
    if name == "distance_mm":
        value, bounds = median(values), median_interval(values, patients, seed=seed)
    else:
        value, bounds = float(values.mean()), mean_interval(values, patients, seed=seed)
    return {"value": finite(value), "ci95": [finite(one) for one in bounds]}


def finite(value: float) -> float | None:
    """Neither NaN nor infinity has a place in JSON."""
    return value if np.isfinite(value) else None


def _of_candidates(
    images: Sequence[ImageResult], others: Sequence[np.ndarray], *, seed: int
) -> dict[str, object]:
    patients = np.array([one.sample.patient_id for one in images])
    curves = {
        name: froc(
            [one.marks(name).excluding(rows) for one, rows in zip(images, others, strict=True)]
        )
        for name in (NET, *BASELINES)
        if name != "random"
    }
    net = curves.pop(NET)
    found = {
        "n_images": len(images),
        "n_lesions": int(net.nodules.sum()),
        "n_excluded": sum(
            len(one.excluded) + int(rows.sum()) for one, rows in zip(images, others, strict=True)
        ),
        **_curve(net, patients, seed=seed),
    }
    baselines = {"random": _chance(images, others)}
    baselines |= {name: _curve(one, patients, seed=seed) for name, one in curves.items()}
    return found | {"baselines": {name: baselines[name] for name in BASELINES}}


def _curve(one: Froc, patients: np.ndarray, *, seed: int) -> dict[str, object]:
    bounds = one.intervals(patients, seed)
    return {
        "cpm": json_number(one.cpm()),
        "cpm_ci95": json_interval(bounds[-1]),
        "sensitivity_at": _rates(one.sensitivity()),
        "sensitivity_at_ci95": {
            f"{rate:g}": json_interval(pair) for rate, pair in zip(RATES, bounds, strict=False)
        },
    }


def _chance(images: Sequence[ImageResult], others: Sequence[np.ndarray]) -> dict[str, object]:
    chances = [np.array([known.chance for known in one.targets]) for one in images]
    shares = [found[~rows] for found, rows in zip(chances, others, strict=True)]
    ignored = [
        float(found[rows].sum() + sum(known.chance for known in one.excluded))
        for one, found, rows in zip(images, chances, others, strict=True)
    ]
    sensitivity = random_sensitivity(shares, ignored)
    return {"cpm": json_number(float(sensitivity.mean())), "sensitivity_at": _rates(sensitivity)}


def _rates(values: np.ndarray) -> dict[str, float | None]:
    return {f"{rate:g}": json_number(float(one)) for rate, one in zip(RATES, values, strict=True)}


# columns of LUNA16's submissions
SUBMISSION = ("seriesuid", "coordX", "coordY", "coordZ", "probability")
NO_LESION = (
    "no lesion's place is known (a centre with its diameter, or a mask), so that it is not "
    "measured where the maps point"
)
WORDS = {
    "random": "random point",
    "center": "lung's or crop's centre",
    "brightest": "brightest voxel",
    "untrained": "untrained net",
}
MAIN = {
    "peak_within_radius": "peak within the lesion's radius",
    "peak_within_radius_5mm": "peak within the radius + 5 mm",
    "peak_in_mask": "peak in the lesion's mask",
    "energy_inside": "energy in the lesion",
}


def report_localisation(
    localiser: Localiser, folder: Path, *, label_rule: str, seed: int
) -> list[str]:
    """Write localisation.json, localisation.csv and candidates.csv, and say what matters.

    Args:
        localiser: That has looked at all images.
        folder: Where the files go.
        label_rule: What label 1 means.
        seed: Of the bootstrap.

    Returns:
        Lines to print.
    """
    images, lesions = list(localiser.images.values()), localiser.lesions
    notes = sorted(set(localiser.notes)) + ([] if lesions else [NO_LESION])
    explainer = localiser.pointers.explainer
    told = {
        "label_rule": label_rule,
        "method": explainer.method,
        "layer": explainer.layer.removeprefix("net."),
        "n_images": len(images),
        "n_lesions": len(lesions),
        "sizes": localisation_figures(lesions, images, seed=seed),
        "rules": RULES,
        "notes": notes,
        "seed": seed,
        "versions": versions(),
        "notice": RESEARCH_USE_ONLY,
    }
    write_table(folder / "candidates.csv", SUBMISSION, rows=_candidates(localiser))
    write_table(folder / "localisation.csv", _columns(), rows=_rows(localiser))
    write_text(folder / "localisation.json", json.dumps(told, indent=2) + "\n")
    lines = [f"note: {one.rstrip('.')}." for one in notes]
    if lesions:
        lines += describe_localisation(told["sizes"]["all"])
    return [*lines, f"localisation: {folder / 'localisation.json'}"]


def describe_localisation(figures: dict) -> list[str]:
    """The main figures of all sizes in a few lines."""
    lines = [f"maps at {figures['n']} lesions of {figures['n_patients']} patients:"]
    for name, words in MAIN.items():
        if name in figures:
            one = figures[name]
            beside = _beside({which: told["value"] for which, told in one["baselines"].items()})
            lines.append(f"  {words} {with_interval(one['value'], one['ci95'])}; {beside}")
    froc = figures["froc"]
    if froc["cpm"] is not None:
        beside = _beside({which: told["cpm"] for which, told in froc["baselines"].items()})
        words = f"CPM over {froc['n_images']} images"
        lines.append(f"  {words} {with_interval(froc['cpm'], froc['cpm_ci95'])}; {beside}")
    return lines


def _beside(values: dict[str, float]) -> str:
    return ", ".join(f"{WORDS[name]} {value:.3f}" for name, value in values.items())


def _candidates(localiser: Localiser) -> Iterator[dict[str, object]]:
    for one in localiser.images.values():
        found = one.pointed[NET]
        for point, score in zip(found.points, found.scores, strict=True):
            yield {
                "seriesuid": one.sample.series_uid or one.sample.sample_id,
                **lps_columns("coord", point),
                "probability": f"{score:.9g}",
            }


def _columns() -> list[str]:
    figures = [*POINT_FIGURES, *MAP_FIGURES]
    return [
        *("sample_id", "patient_id", "seriesuid", "label", "coordX", "coordY", "coordZ"),
        *("diameter_mm", "peakX", "peakY", "peakZ", *figures),
        *(f"{name}_{figure}" for name in BASELINES for figure in figures),
    ]


def _rows(localiser: Localiser) -> Iterator[dict[str, object]]:
    for one in localiser.lesions:
        row: dict[str, object] = {
            "sample_id": one.sample.sample_id,
            "patient_id": one.sample.patient_id,
            "seriesuid": one.sample.series_uid or one.sample.sample_id,
            "label": one.sample.label,
            "diameter_mm": round(one.lesion.diameter_mm, 4),
            **lps_columns("coord", one.lesion.center_mm),
        }
        if not np.isnan(one.peak_mm).any():
            row |= lps_columns("peak", one.peak_mm)
        for pointer, figures in one.figures.items():
            before = "" if pointer == NET else f"{pointer}_"
            row |= {
                f"{before}{name}": f"{value:.6g}"
                for name, value in figures.items()
                if finite(value) is not None
            }
        yield row
