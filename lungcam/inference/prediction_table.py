"""predictions.csv of many scans, written while they are predicted."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lungcam.cohorts import Sample
from lungcam.cohorts.table import Fault
from lungcam.errors import DefectError, InputError, plain_text
from lungcam.inference.prediction_file import SPREAD_KEY, TRUST
from lungcam.runtime.atomic import write_table, write_text
from lungcam.runtime.parallel import Failure
from lungcam.runtime.written import keep_record
from lungcam.tasks import Task

# seconds between two writings of the whole table
INTERVAL_S = 5.0
DEFECTS = "defects.log"


class PredictionTable:
    """Outcome of each scan, in the order of the input.

    Args:
        folder: Folder of predictions.csv, and of defects.log if there are any.
        samples: The scans.
        task: Task of the net.
        faults: Rows of a table without a sample; they come last.
    """

    def __init__(
        self, folder: Path, samples: Sequence[Sample], *, task: Task, faults: Sequence[Fault]
    ):
        self.folder = folder
        self.task = task
        self.samples = samples
        self.faults = faults
        self.records: dict[int, Mapping[str, Any]] = {}
        self.failures: dict[int, Failure] = {}
        self._written = time.monotonic()
        self._traces: list[str] = []
        keep_record(folder).discard(folder / DEFECTS)

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
        """Number of predicted scans that a net was trained or validated on."""
        return sum(bool(record["seen_in_training"]) for record in self.records.values())

    @property
    def verdicts(self) -> Counter[str]:
        """Number of predicted scans by the verdict on their answers."""
        trusts = (record.get(TRUST) for record in self.records.values())
        return Counter(trust["verdict"] for trust in trusts if trust)

    def add(self, number: int, outcome: Mapping[str, Any] | Failure) -> None:
        """Add the outcome of a scan, and write the table from time to time.

        Args:
            number: Position of the scan in the input.
            outcome: Content of prediction.json, at least the task's `record_keys`.
        """
        if isinstance(outcome, Failure):
            self.failures[number] = outcome
            if outcome.trace is not None:
                lines = [plain_text(line) for line in outcome.trace.split("\n")]
                self._traces.append("\n".join([self.samples[number].sample_id, *lines, ""]))
                write_text(self.folder / DEFECTS, "".join(self._traces))
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
        spread = any(SPREAD_KEY in record for record in self.records.values())
        columns = ("sample_id", "image", *self.task.columns, *([SPREAD_KEY] if spread else []))
        columns = (*columns, TRUST, "error")
        write_table(self.file, columns, rows=self._rows())
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
                row |= self.task.row(record)
                row[TRUST] = record.get(TRUST, {}).get("verdict", "")
                if SPREAD_KEY in record:
                    row[SPREAD_KEY] = record[SPREAD_KEY]
            else:
                row["error"] = self.reason(number)
            rows.append(row)
        return rows + [
            {"sample_id": fault.sample_id, "image": fault.image, "error": fault.reason}
            for fault in self.faults
        ]
