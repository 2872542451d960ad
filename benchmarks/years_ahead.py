"""What a run knows of the years ahead, beside all that can be known.

`python -m benchmarks.years_ahead run=RUN tree=TREE [places=TREE]` reads a finished run of
`experiment=nlst_risk explain.erase=true` on a phantom tree, and the tree's truth, which no reader
of NLST looks at. `places` is a tree of the same people with the pattern, for one without: whether
maps point to where it would be. Prints Markdown.
"""

import csv
import sys
from pathlib import Path

import numpy as np

from benchmarks.markdown import table
from lungcam.cohorts.sample import Sample
from lungcam.cohorts.survival import target_table
from lungcam.cohorts.table import read_samples
from lungcam.grid import LPS_TO_RAS
from lungcam.lungs import lung_mask
from lungcam.metrics import HORIZON_YEARS, auc, auc_interval, paired_difference, year_rows
from lungcam.metrics.resampling import bootstrap_mean, share_interval
from lungcam.scans import read_scan

# beyond a pattern's radius: a cell of the net's map and a little, 8 mm and 2
NEAR_MM = 10.0
POINTS = 2000


def main(run: str, tree: str, places: str | None = None) -> None:
    """Read, compare, print."""
    of_exam = {one["series_uid"]: one for one in _rows(Path(tree) / "truth.csv")}
    samples = {one.sample_id: one for one in read_samples(Path(run) / "samples.csv", {})[0]}
    exams = [one for one in _rows(Path(run) / "risks.csv") if one["split"] == "test"]
    scans = [samples[one["sample_id"]] for one in exams]
    truth = [of_exam[one.series_uid] for one in scans]
    erased = {one["sample_id"]: one for one in _rows(Path(run) / "erased.csv")}
    people = np.array([one["patient_id"] for one in exams])
    told = _risks(exams, "risk_{}")
    after = _risks([erased[one["sample_id"]] for one in exams], "risk_{}_erased")
    happened, known = target_table(scans)
    print(f"{len(exams)} exams of {len(set(people))} people in the test.\n")
    best = _risks(truth, "best_risk_{}")
    pattern = np.array([one["pattern"] == "1" for one in truth], float)
    diameter = np.array([float(one["nodule_diameter_mm"] or 0) for one in truth])
    rows = [
        _year(k, told, after, best, pattern, diameter, happened, known, people)
        for k in range(1, HORIZON_YEARS + 1)
    ]
    heads = (
        *("within years", "exams (events)", "AUC (95 %)", "best known", "difference (95 %)"),
        *("diameter alone", "nodules erased (95 %)", "the pattern itself"),
    )
    print(table(heads, rows))
    print("")
    if places is not None:
        there = {_exam(one): one for one in _rows(Path(places) / "truth.csv")}
        truth = [there[_exam(one)] for one in truth]
    _tell_maps(scans, truth, erased)


def _exam(row: dict[str, str]) -> tuple[str, str]:
    return row["pid"], row["study_yr"]


def _year(k, told, after, best, pattern, diameter, happened, known, people) -> list[str]:
    chosen, labels = year_rows(known, happened, year=k)
    whose, at = people[chosen], k - 1
    paired = paired_difference(
        labels, told[chosen, at], other_scores=best[chosen, at], patients=whose
    )
    return [
        str(k),
        f"{len(labels)} ({labels.sum()})",
        f"{paired.auc:.3f} ({_range(auc_interval(labels, told[chosen, at], patients=whose))})",
        f"{paired.other_auc:.3f}",
        f"{paired.difference:+.3f} ({paired.low:+.3f} to {paired.high:+.3f})",
        f"{auc(labels, diameter[chosen]):.3f}",
        f"{auc(labels, after[chosen, at]):.3f} "
        f"({_range(auc_interval(labels, after[chosen, at], patients=whose))})",
        f"{auc(labels, pattern[chosen]):.3f}" if pattern.any() else "-",
    ]


def _tell_maps(scans, truth, erased) -> None:
    """Where the horizon's map is highest, of exams with the pattern."""
    groups: dict[str, list[tuple[str, list[float]]]] = {}
    for scan, true in zip(scans, truth, strict=True):
        if true["pattern"] != "1":
            continue
        size = float(true["nodule_diameter_mm"] or 0)
        name = "no nodule" if not size else "nodule below 10 mm" if size < 10 else "10 mm or more"
        row = erased[scan.sample_id]
        place, reach = _point(true, "pattern_{}"), float(true["pattern_radius_mm"]) + NEAR_MM
        hits = [_near(row, when, place, reach) for when in ("peak", "peak_erased")]
        nodule = _point(true, "nodule_{}") if size else None
        on_nodule = [
            _near(row, when, nodule, size / 2) if size else np.nan
            for when in ("peak", "peak_erased")
        ]
        chance = _random_share(scan, place, reach)
        groups.setdefault(name, []).append((scan.patient_id, [*hits, *on_nodule, chance]))
    rows = []
    for name, found in sorted(groups.items()):
        people, values = np.array([who for who, _ in found]), np.array([one for _, one in found])
        cells = []
        for column in values.T:
            mean, low, high = bootstrap_mean(column, people, seed=0)
            if np.isnan(low) and not np.isnan(mean):
                low, high = share_interval(mean, len(set(people)))
            cells.append("-" if np.isnan(mean) else f"{mean:.2f} ({low:.2f}-{high:.2f})")
        rows.append([name, str(len(found)), *cells])
    heads = (
        *("with the pattern and", "exams", "peak in it, before", "nodules erased"),
        *("peak in the nodule, before", "nodules erased", "random point in the pattern"),
    )
    print(table(heads, rows))


def _random_share(sample: Sample, place_mm: np.ndarray, reach_mm: float) -> float:
    """Share of the lungs that lies so near."""
    scan = read_scan(sample.image, sample.series)
    lungs = np.argwhere(lung_mask(scan.hu, scan.grid.spacing_mm))
    chosen = lungs[np.random.default_rng(0).integers(len(lungs), size=POINTS)]
    apart = scan.grid.to_world(chosen) - LPS_TO_RAS[:3, :3] @ place_mm
    return float((np.linalg.norm(apart, axis=1) <= reach_mm).mean())


def _near(row: dict[str, str], when: str, place_mm: np.ndarray, reach_mm: float) -> float:
    if not row[f"{when}X"]:
        return 0.0  # the map is empty
    peak = np.array([float(row[f"{when}{axis}"]) for axis in "XYZ"])
    return float(np.linalg.norm(peak - place_mm) <= reach_mm)


def _point(true: dict[str, str], name: str) -> np.ndarray:
    return np.array([float(true[name.format(axis)]) for axis in "xyz"])


def _risks(rows: list[dict[str, str]], name: str) -> np.ndarray:
    return np.array(
        [[float(one[name.format(k)]) for k in range(1, HORIZON_YEARS + 1)] for one in rows]
    )


def _range(bounds: tuple[float, float]) -> str:
    return f"{bounds[0]:.3f}-{bounds[1]:.3f}"


def _rows(file: Path) -> list[dict[str, str]]:
    with open(file, newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


if __name__ == "__main__":
    main(**dict(one.split("=", 1) for one in sys.argv[1:]))
