"""predictions.csv of many scans, written while they are predicted."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from lungcam.ahead import Failure
from lungcam.cohorts import Sample
from lungcam.cohorts.table import Fault
from lungcam.files import write_table

COLUMNS = ("sample_id", "image", "probability", "logit", "label", "error")
# between two writings of the whole table
EVERY_S = 5.0
DEFECTS = "defects.log"


class PredictionTable:
    """What became of each scan, in the order of the input.

    Args:
        folder: Where predictions.csv goes, and defects.log if there is any.
        samples: The scans.
        faults: Rows of a table that give none; they stand at the end.
    """

    def __init__(self, folder: Path, samples: Sequence[Sample], faults: Sequence[Fault]):
        self.folder = folder
        self.samples = samples
        self.faults = faults
        self.answers: dict[int, Mapping[str, object]] = {}
        self.failures: dict[int, Failure] = {}
        self._written = time.monotonic()
        (folder / DEFECTS).unlink(missing_ok=True)

    @property
    def file(self) -> Path:
        """The table."""
        return self.folder / "predictions.csv"

    @property
    def defects(self) -> int:
        """How many scans a defect of lungcam has cost."""
        return sum(one.trace is not None for one in self.failures.values())

    def add(self, number: int, result: Mapping[str, object] | Failure) -> None:
        """Take what became of a scan; now and then the table is written."""
        if isinstance(result, Failure):
            self.failures[number] = result
            if result.trace is not None:
                self.folder.mkdir(parents=True, exist_ok=True)
                with (self.folder / DEFECTS).open("a", encoding="utf-8") as log:
                    log.write(f"{self.samples[number].sample_id}\n{result.trace}\n")
        else:
            self.answers[number] = result
        if time.monotonic() - self._written > EVERY_S:
            self.write()

    def reason(self, number: int) -> str:
        """Why a scan has no answer."""
        failure = self.failures[number]
        if failure.trace is None:
            return failure.reason
        return f"a defect of lungcam: {failure.reason} ({self.folder / DEFECTS} has the traceback)"

    def write(self) -> None:
        """Write all that is known so far."""
        write_table(self.file, COLUMNS, self._rows())
        self._written = time.monotonic()

    def _rows(self) -> list[dict[str, object]]:
        rows = []
        for number in sorted(self.answers.keys() | self.failures.keys()):
            sample = self.samples[number]
            row = {"sample_id": sample.sample_id, "image": str(sample.image)}
            if number in self.answers:
                answer = self.answers[number]
                row |= {name: answer[name] for name in ("probability", "logit", "label")}
            else:
                row["error"] = self.reason(number)
            rows.append(row)
        return rows + [
            {"sample_id": one.sample_id, "image": one.image, "error": one.reason}
            for one in self.faults
        ]
