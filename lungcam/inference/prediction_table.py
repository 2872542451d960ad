"""predictions.csv of many scans, written while they are predicted."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lungcam.cohorts import Sample
from lungcam.cohorts.table import Fault
from lungcam.errors import DefectError, InputError
from lungcam.runtime.atomic import write_table
from lungcam.runtime.parallel import Failure

COLUMNS = ("sample_id", "image", "probability", "logit", "label", "error")
# seconds between two writings of the whole table
INTERVAL_S = 5.0
DEFECTS = "defects.log"


class PredictionTable:
    """Outcome of each scan, in the order of the input.

    Args:
        folder: Folder of predictions.csv, and of defects.log if there are any.
        samples: The scans.
        faults: Rows of a table without a sample; they come last.
    """

    def __init__(self, folder: Path, samples: Sequence[Sample], *, faults: Sequence[Fault]):
        self.folder = folder
        self.samples = samples
        self.faults = faults
        self.records: dict[int, Mapping[str, Any]] = {}
        self.failures: dict[int, Failure] = {}
        self._written = time.monotonic()
        (folder / DEFECTS).unlink(missing_ok=True)

    @property
    def file(self) -> Path:
        """The table."""
        return self.folder / "predictions.csv"

    @property
    def defects(self) -> int:
        """Number of scans that failed because of a defect of lungcam."""
        return sum(failure.trace is not None for failure in self.failures.values())

    @property
    def predicted(self) -> list[tuple[Sample, Mapping[str, Any]]]:
        """Predicted scans with their records, in the order of the input."""
        return [(self.samples[number], self.records[number]) for number in sorted(self.records)]

    @property
    def seen_in_training(self) -> int:
        """Number of predicted scans that the net was trained or validated on."""
        return sum(bool(record["seen_in_training"]) for record in self.records.values())

    def add(self, number: int, outcome: Mapping[str, Any] | Failure) -> None:
        """Add the outcome of a scan, and write the table from time to time.

        Args:
            number: Position of the scan in the input.
            outcome: Content of prediction.json, at least its `TABLE_KEYS`.
        """
        if isinstance(outcome, Failure):
            self.failures[number] = outcome
            if outcome.trace is not None:
                self.folder.mkdir(parents=True, exist_ok=True)
                with (self.folder / DEFECTS).open("a", encoding="utf-8") as log:
                    log.write(f"{self.samples[number].sample_id}\n{outcome.trace}\n")
        else:
            self.records[number] = outcome
        if time.monotonic() - self._written > INTERVAL_S:
            self.write()

    def reason(self, number: int) -> str:
        """Return the reason why a scan has no prediction."""
        failure = self.failures[number]
        if failure.trace is None:
            return failure.reason
        return f"a defect of lungcam: {failure.reason} ({self.folder / DEFECTS} has the traceback)"

    def write(self) -> None:
        """Write all outcomes so far."""
        write_table(self.file, COLUMNS, rows=self._rows())
        self._written = time.monotonic()

    def refuse_failures(self) -> None:
        """End the command with an error if its scans call for one.

        Raises:
            DefectError: A scan failed because of a defect of lungcam.
            InputError: Not one could be predicted.
        """
        if self.defects:
            raise DefectError(
                f"{self.defects} scan(s) were not predicted because of a defect of lungcam; "
                f"report {self.folder / DEFECTS}."
            )
        if not self.records:
            raise InputError(f"{self.file}: not one scan could be predicted; it says why.")

    def _rows(self) -> list[dict[str, Any]]:
        rows = []
        for number in sorted(self.records.keys() | self.failures.keys()):
            sample = self.samples[number]
            row = {"sample_id": sample.sample_id, "image": str(sample.image)}
            if number in self.records:
                record = self.records[number]
                row |= {name: record[name] for name in ("probability", "logit", "label")}
            else:
                row["error"] = self.reason(number)
            rows.append(row)
        return rows + [
            {"sample_id": fault.sample_id, "image": fault.image, "error": fault.reason}
            for fault in self.faults
        ]
