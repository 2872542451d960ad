"""Predictions of all folds of a cross-validation, pooled from their run folders."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lungcam.cohorts.csv_rows import Row, read_rows
from lungcam.metrics.cross_validation import spread
from lungcam.tasks.predictions import BASELINE


@dataclass(frozen=True, kw_only=True)
class Pooled:
    """Result of a cross-validation.

    Attributes:
        figures: Figures for `test` in metrics.json.
        rules: Sentences on how they are computed.
        lines: The same for the console.
        columns: Columns of predictions.csv; none if there is no table.
        rows: Its rows, each sample once.
    """

    figures: Mapping[str, Any]
    rules: Mapping[str, Any]
    lines: Sequence[str]
    columns: Sequence[str] = ()
    rows: Sequence[Mapping[str, Any]] = field(default_factory=tuple)


@dataclass(frozen=True, eq=False, kw_only=True)
class TestedSamples:
    """Test samples of all folds, each once, with the folds' answers averaged over the seeds.

    Attributes:
        rows: Row of predictions.csv of each sample, of the first seed.
        values: `(N, A)` answers.
    """

    rows: Sequence[Row]
    values: np.ndarray

    @property
    def patients(self) -> np.ndarray:
        """`(N,)` patient of each sample."""
        return np.array([row.text("patient_id") for row in self.rows])

    @property
    def baselines(self) -> dict[str, np.ndarray]:
        """Scores `(N,)` that need no network, by name; NaN where unknown."""
        names = dict.fromkeys(
            name for row in self.rows for name in row.values if name.startswith(BASELINE)
        )
        return {
            name.removeprefix(BASELINE): np.array([row.number_in(name) for row in self.rows], float)
            for name in names
        }

    @property
    def fits(self) -> list[dict[str, Any]]:
        """`fit` in metrics.json of each sample's fold."""
        files = {row.file: row.file.parent / "metrics.json" for row in self.rows}
        fits = {
            table: json.loads(file.read_text(encoding="utf-8"))["fit"]
            for table, file in files.items()
        }
        return [fits[row.file] for row in self.rows]

    def table_rows(self, answers: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return rows for predictions.csv: names and baselines as they were, with these answers."""
        return [
            {**row.values, "split": "test", **answer}
            for row, answer in zip(self.rows, answers, strict=True)
        ]


def read_tested(
    seeds: Sequence[Sequence[Path]],
    columns: Sequence[str],
    *,
    scale: Callable[[np.ndarray], np.ndarray] = lambda values: values,
) -> TestedSamples:
    """Read the test predictions of all folds, and average them over the seeds.

    Args:
        seeds: Run folders of the folds, by seed.
        columns: Columns of numbers in predictions.csv.
        scale: Function of the numbers `(N, A)` that returns what is averaged.

    Raises:
        InputError: A table cannot be read.
        ValueError: A sample is in two folds, or the seeds do not hold the same samples.
    """
    tables = []
    for folders in seeds:
        rows = [row for folder in folders for row in _tests(folder, columns)]
        by_name = {row.text("sample_id"): row for row in rows}
        if len(by_name) < len(rows):
            raise ValueError("A sample is in two folds.")
        tables.append(by_name)
    names = list(tables[0])
    if any(table.keys() != set(names) for table in tables):
        raise ValueError("Repeated runs must hold the same samples.")
    values = [
        scale(
            np.array(
                [[table[name].number_in(column) for column in columns] for name in names], float
            )
        )
        for table in tables
    ]
    return TestedSamples(rows=list(tables[0].values()), values=np.mean(values, axis=0))


def _tests(folder: Path, columns: Sequence[str] = ()) -> list[Row]:
    """Read the test rows of a finished run's predictions.csv.

    Raises:
        InputError: It cannot be read, or lacks a column.
    """
    rows = read_rows(folder / "predictions.csv", ("sample_id", "patient_id", "split", *columns))
    return [row for row in rows if row.text("split") == "test"]


def fold_scores(seeds: Sequence[Sequence[Path]], score: str) -> dict[str, Any]:
    """Return the folds' scores on their own tests, with mean and standard deviation.

    Args:
        seeds: Run folders of the folds, by seed.
        score: Key of the score in the figures of a split.
    """
    figures = [
        json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["test"].get(score)
        for folders in seeds
        for folder in folders
    ]
    return spread([np.nan if value is None else value for value in figures], score)


def pool_scores(seeds: Sequence[Sequence[Path]], score: str, *, name: str) -> Pooled:
    """Pool the folds' scores alone, for a task with no figures of all samples together.

    Args:
        seeds: Run folders of the folds, by seed.
        score: Key of the score in the figures of a split.
        name: Name of the score in words.
    """
    figures = fold_scores(seeds, score)
    return Pooled(
        figures={"folds": figures},
        rules={"folds": "each fold's figure on its own test; sd is that of the folds"},
        lines=[fold_line(figures, score, name=name)],
    )


def fold_line(figures: Mapping[str, Any], score: str, *, name: str) -> str:
    """Put the spread of a score over the folds into a line."""
    mean, deviation = figures[f"{score}_mean"], figures[f"{score}_sd"]
    if mean is None:
        return f"{name} is not known in any of {figures['count']} folds"
    spread_text = "" if deviation is None else f", standard deviation {deviation:.3f}"
    return f"{name} by fold: mean {mean:.3f}{spread_text}, {figures['count']} folds"
