"""The files and the words of a localisation benchmark."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from lungcam import RESEARCH_USE_ONLY
from lungcam.explain import MAP_FIGURES, POINT_FIGURES
from lungcam.files import write_table, write_text
from lungcam.metrics.words import with_interval
from lungcam.runs.localisation_figures import RULES, finite, localisation_figures
from lungcam.runs.localise import Localiser
from lungcam.runs.pointers import BASELINES, NET
from lungcam.runs.versions import versions

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
    localiser: Localiser, folder: Path, label_rule: str, seed: int
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
        "sizes": localisation_figures(lesions, images, seed),
        "rules": RULES,
        "notes": notes,
        "seed": seed,
        "versions": versions(),
        "notice": RESEARCH_USE_ONLY,
    }
    write_table(folder / "candidates.csv", SUBMISSION, _candidates(localiser))
    write_table(folder / "localisation.csv", _columns(), _rows(localiser))
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


def lps_columns(name: str, point: np.ndarray) -> dict[str, float]:
    """RAS mm as the three LPS columns of a table."""
    x, y, z = point
    return {f"{name}X": round(-x, 4), f"{name}Y": round(-y, 4), f"{name}Z": round(float(z), 4)}
