"""Risk predictions compared with the best possible ones, on phantoms with a known truth.

`python -m benchmarks.years_ahead run=RUN tree=TREE [places=TREE]` reads a finished run of
`experiment=nlst_risk explain.erase=true` on a phantom tree, and the truth of the tree, which no
reader of NLST uses. `places` is a tree of the same people with the pattern, for a run without it:
do maps point to where it would be? Prints Markdown.
"""

import csv
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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

# beyond the radius of a pattern: a cell of the net's map and a little, 8 mm and 2 mm
MARGIN_MM = 10.0
POINTS = 2000
BEFORE_AND_AFTER = ("peak", "peak_erased")

Row = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Exams:
    """Test exams of a run with their truth.

    Attributes:
        samples: The N exams.
        truth: Rows of truth.csv.
        erased: Rows of erased.csv.
        risks: Predicted risks, `(N, years)`.
        risks_erased: Predicted risks with nodules erased, `(N, years)`.
    """

    samples: Sequence[Sample]
    truth: Sequence[Row]
    erased: Sequence[Row]
    risks: np.ndarray
    risks_erased: np.ndarray

    @property
    def people(self) -> np.ndarray:
        """Return the person of each exam."""
        return np.array([sample.patient_id for sample in self.samples])


def main(run: str, tree: str, places: str | None = None) -> None:
    """Read a run and print the comparison."""
    exams = read_exams(Path(run), Path(tree))
    print(f"{len(exams.samples)} exams of {len(set(exams.people))} people in the test.\n")
    print(risk_table(exams))
    print("")
    truth = exams.truth
    if places is not None:
        others = {_exam(row): row for row in _rows(Path(places) / "truth.csv")}
        truth = [others[_exam(row)] for row in truth]
    print(map_table(exams, truth))


def read_exams(run: Path, tree: Path) -> Exams:
    """Read the test exams of a run and their truth."""
    truth = {row["series_uid"]: row for row in _rows(tree / "truth.csv")}
    samples = {sample.sample_id: sample for sample in read_samples(run / "samples.csv", {})[0]}
    rows = [row for row in _rows(run / "risks.csv") if row["split"] == "test"]
    erased = {row["sample_id"]: row for row in _rows(run / "erased.csv")}
    chosen = [samples[row["sample_id"]] for row in rows]
    erased_rows = [erased[row["sample_id"]] for row in rows]
    return Exams(
        samples=chosen,
        truth=[truth[sample.series_uid] for sample in chosen],
        erased=erased_rows,
        risks=_risks(rows, "risk_{}"),
        risks_erased=_risks(erased_rows, "risk_{}_erased"),
    )


def risk_table(exams: Exams) -> str:
    """Compare the AUC of each year with the best possible one and with baselines."""
    happened, mask = target_table(exams.samples)
    best = _risks(exams.truth, "best_risk_{}")
    pattern = np.array([row["pattern"] == "1" for row in exams.truth], float)
    diameter = np.array([float(row["nodule_diameter_mm"] or 0) for row in exams.truth])
    rows = []
    for year in range(1, HORIZON_YEARS + 1):
        index, labels = year_rows(mask, happened, year=year)
        people, column = exams.people[index], year - 1
        risk, erased = exams.risks[index, column], exams.risks_erased[index, column]
        paired = paired_difference(labels, risk, other_scores=best[index, column], patients=people)
        interval, interval_erased = (
            _range(auc_interval(labels, values, patients=people)) for values in (risk, erased)
        )
        rows.append(
            [
                str(year),
                f"{len(labels)} ({labels.sum()})",
                f"{paired.auc:.3f} ({interval})",
                f"{paired.other_auc:.3f}",
                f"{paired.difference:+.3f} ({paired.low:+.3f} to {paired.high:+.3f})",
                f"{auc(labels, diameter[index]):.3f}",
                f"{auc(labels, erased):.3f} ({interval_erased})",
                f"{auc(labels, pattern[index]):.3f}" if pattern.any() else "-",
            ]
        )
    head = (
        *("within years", "exams (events)", "AUC (95 %)", "best possible", "difference (95 %)"),
        *("diameter alone", "nodules erased (95 %)", "the pattern itself"),
    )
    return table(head, rows)


def map_table(exams: Exams, truth: Sequence[Row]) -> str:
    """Count how often the peak of the last year's map lies in the pattern or the nodule.

    Args:
        exams: The exams.
        truth: Rows of truth.csv with the places of the patterns; exams without a pattern are
            left out.
    """
    groups: dict[str, list[tuple[str, list[float]]]] = {}
    for sample, row, erased in zip(exams.samples, truth, exams.erased, strict=True):
        if row["pattern"] != "1":
            continue
        size = float(row["nodule_diameter_mm"] or 0)
        name = "no nodule" if not size else "nodule below 10 mm" if size < 10 else "10 mm or more"
        pattern, reach = _point(row, "pattern_{}"), float(row["pattern_radius_mm"]) + MARGIN_MM
        values = [_is_near(erased, peak, pattern, reach) for peak in BEFORE_AND_AFTER]
        nodule = _point(row, "nodule_{}") if size else None
        values += [
            _is_near(erased, peak, nodule, size / 2) if size else np.nan
            for peak in BEFORE_AND_AFTER
        ]
        values.append(_random_share(sample, pattern, reach))
        groups.setdefault(name, []).append((sample.patient_id, values))
    rows = []
    for name, group in sorted(groups.items()):
        people = np.array([person for person, _ in group])
        columns = np.array([values for _, values in group]).T
        rows.append([name, str(len(group)), *(_share(column, people) for column in columns)])
    head = (
        *("with the pattern and", "exams", "peak in it, before", "nodules erased"),
        *("peak in the nodule, before", "nodules erased", "random point in the pattern"),
    )
    return table(head, rows)


def _share(column: np.ndarray, people: np.ndarray) -> str:
    mean, low, high = bootstrap_mean(column, people, seed=0)
    if np.isnan(low) and not np.isnan(mean):
        low, high = share_interval(mean, len(set(people)))
    return "-" if np.isnan(mean) else f"{mean:.2f} ({low:.2f}-{high:.2f})"


def _random_share(sample: Sample, place_mm: np.ndarray, reach_mm: float) -> float:
    """Return the share of the lungs within a distance of a place (LPS mm)."""
    scan = read_scan(sample.image, sample.series)
    lungs = np.argwhere(lung_mask(scan.hu, scan.grid.spacing_mm))
    chosen = lungs[np.random.default_rng(0).integers(len(lungs), size=POINTS)]
    offsets_mm = scan.grid.to_world(chosen) - LPS_TO_RAS[:3, :3] @ place_mm
    return float((np.linalg.norm(offsets_mm, axis=1) <= reach_mm).mean())


def _is_near(row: Row, peak: str, place_mm: np.ndarray, reach_mm: float) -> float:
    if not row[f"{peak}X"]:
        return 0.0  # the map is empty
    point = np.array([float(row[f"{peak}{axis}"]) for axis in "XYZ"])
    return float(np.linalg.norm(point - place_mm) <= reach_mm)


def _exam(row: Row) -> tuple[str, str]:
    return row["pid"], row["study_yr"]


def _point(row: Row, name: str) -> np.ndarray:
    return np.array([float(row[name.format(axis)]) for axis in "xyz"])


def _risks(rows: Sequence[Row], name: str) -> np.ndarray:
    return np.array(
        [[float(row[name.format(year)]) for year in range(1, HORIZON_YEARS + 1)] for row in rows]
    )


def _range(bounds: tuple[float, float]) -> str:
    return f"{bounds[0]:.3f}-{bounds[1]:.3f}"


def _rows(file: Path) -> list[dict[str, str]]:
    with open(file, newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


if __name__ == "__main__":
    main(**dict(argument.split("=", 1) for argument in sys.argv[1:]))
