"""Many scans: read ahead of the net, told in a table, and taken up again where they were left.

metrics.json of scans whose labels a table tells.

predictions.csv of many scans, written while they are predicted.

What is asked for of a scan, so that an answer is known again.
"""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from lungcam import RESEARCH_USE_ONLY, __version__
from lungcam.cohorts import Sample
from lungcam.cohorts.table import Fault
from lungcam.data import content_stamp
from lungcam.errors import DefectError, InputError
from lungcam.evaluation.localisation import Localiser
from lungcam.evaluation.predictor import Predictor
from lungcam.inference.outputs import NAME
from lungcam.inference.prepare import PreparedScan, prepare_for_outputs
from lungcam.inference.requested_outputs import RequestedOutputs
from lungcam.inference.scan import predict_scan
from lungcam.metrics import RULES, Calibration
from lungcam.runtime.atomic import clear_unfinished, write_table, write_text
from lungcam.runtime.parallel import Failure, attempt, processors, work_ahead
from lungcam.runtime.versions import versions
from lungcam.tasks.predictions import Predictions


def write_metrics(
    file: Path,
    predictor: Predictor,
    *,
    samples: Sequence[Sample],
    answers: Sequence[Mapping[str, object]],
) -> None:
    """Write how well a net does on scans with labels, if there are any.

    Args:
        file: Where metrics.json goes; an earlier one is removed where no label is known.
        predictor: The net.
        samples: The scans that were predicted.
        answers: Their `logit` and whether they were `seen_in_training`.
    """
    known = [(s, one) for s, one in zip(samples, answers, strict=True) if s.label is not None]
    if not known:
        file.unlink(missing_ok=True)
        return
    told = Predictions(
        samples=[s for s, _ in known],
        logits=np.array([one["logit"] for _, one in known]),
        calibration=predictor.calibration or Calibration(),
    )
    metrics = {
        "test": told.summarise(threshold=predictor.threshold),
        "seen_in_training": sum(bool(one["seen_in_training"]) for one in answers),
        "label_rule": predictor.label_rule,
        "rules": RULES,
        "calibrated": predictor.calibration is not None,
        "versions": versions(),
        "notice": RESEARCH_USE_ONLY,
    }
    write_text(file, json.dumps(metrics, indent=2) + "\n")


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

    def __init__(self, folder: Path, samples: Sequence[Sample], *, faults: Sequence[Fault]):
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
        write_table(self.file, COLUMNS, rows=self._rows())
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


# what the table of predictions takes from a finished scan
TOLD = ("probability", "logit", "label", "seen_in_training")


def request_digest(predictor: Predictor, sample: Sample, *, wanted: RequestedOutputs) -> str:
    """Digest all that a scan's answer and its files hang on.

    That is the checkpoint and how it explains, the scan's files by path, size and time of change,
    the place that is asked about, which files are wanted, how pictures look where there are any,
    and lungcam's version. The label is not among it: it is the table's.

    Args:
        predictor: The trained net.
        sample: The scan.
        wanted: Which files, and how pictures look.
    """
    told = {
        "lungcam": __version__,
        "checkpoint": predictor.sha256,
        "explain": [predictor.layer, predictor.method, predictor.evidence],
        "image": _stamp(sample.image),
        "series": sample.series,
        "center_mm": sample.center_mm,
        "wanted": asdict(wanted),
    }
    # a window changes no file
    del told["wanted"]["interactive"]
    if not wanted.drawn:
        del told["wanted"]["look"]
    if wanted.erase or wanted.drawn:
        nodules = [asdict(one) for one in sample.nodules]
        told["lesion"] = [sample.diameter_mm, _stamp(sample.lesion_mask), nodules]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def finished(folder: Path, request: str) -> dict[str, object] | None:
    """What prediction.json says of a scan; None unless it answers this very request."""
    with suppress(OSError, ValueError, RecursionError):
        told = json.loads((folder / NAME).read_text(encoding="utf-8"))
        if isinstance(told, dict) and told.get("request") == request and told.keys() >= set(TOLD):
            return {name: told[name] for name in TOLD}
    return None


def _stamp(path: Path | None) -> str | None:
    # what cannot be looked at is named when it is read
    with suppress(OSError):
        return path and content_stamp(path)
    return None


# processes that read ahead: each holds a scan, and writing keeps this process as busy as four
MOST_WORKERS = 4


def predict_many(
    predictor: Predictor,
    samples: Sequence[Sample],
    *,
    faults: Sequence[Fault],
    out: Path,
    wanted: RequestedOutputs,
    localiser: Localiser | None = None,
) -> PredictionTable:
    """Predict many scans; a bad one is told, and the rest go on.

    Other processes read and prepare, each one scan ahead of its turn; the net, which may be on a
    GPU, and all writing are here. What an earlier command that was stopped has finished is taken
    over, unless a localiser has to see it.

    Args:
        predictor: The trained net.
        samples: The scans.
        faults: Rows of their table that give none.
        out: Where predictions.csv goes, and a folder for each scan.
        wanted: Which files, of each.
        localiser: Looks at the scans too, where there is one.

    Returns:
        The table, which is on disk; so is metrics.json where labels are known.

    Raises:
        InputError: Not one scan could be predicted.
        KeyboardInterrupt: The user has stopped it; the table of what is done is on disk.
        OSError: A file cannot be written; likewise.
    """
    clear_unfinished(out)
    table = PredictionTable(out, samples, faults=faults)
    requests = [request_digest(predictor, one, wanted=wanted) for one in samples]
    if localiser is None:
        for number, sample in enumerate(samples):
            known = finished(out / sample.sample_id, requests[number])
            if known is not None:
                table.add(number, known)
    if table.answers:
        print(f"{len(table.answers)} of {len(samples)} scans were done already and are taken over")
    asked = [number for number in range(len(samples)) if number not in table.answers]
    # for a single one it would take longer to start a process than to read the scan
    workers = min(processors(), MOST_WORKERS, len(asked)) if len(asked) > 1 else 0
    work = partial(prepare_for_outputs, predictor.transforms, wanted)
    results = work_ahead(work, [(samples[number],) for number in asked], workers=workers)
    try:
        with closing(results), tqdm(total=len(asked), desc="scans", disable=not asked) as bar:
            for number, result in zip(asked, results, strict=True):
                sample = samples[number]
                if isinstance(result, PreparedScan):
                    result = attempt(
                        predict_scan,
                        predictor,
                        result,
                        sample,
                        out / sample.sample_id,
                        wanted,
                        requests[number],
                        localiser,
                        # what cannot be written for one scan cannot for the next
                        fatal=(OSError,),
                    )
                table.add(number, result)
                if isinstance(result, Failure):
                    tqdm.write(f"skipped {sample.sample_id}: {table.reason(number)}")
                bar.update()
    except KeyboardInterrupt:
        print(f"stopped: {table.file} tells what is done; the same command goes on from there")
        raise
    finally:
        table.write()
    for fault in faults:
        print(f"skipped {fault.reason}")
    done = sorted(table.answers)
    answers = [table.answers[number] for number in done]
    write_metrics(
        out / "metrics.json", predictor, samples=[samples[n] for n in done], answers=answers
    )
    return table


def refuse_failures(table: PredictionTable) -> None:
    """End with the exit code of what became of the scans.

    Raises:
        DefectError: A defect of lungcam has cost some of them.
        InputError: Not one could be predicted.
    """
    if table.defects:
        raise DefectError(
            f"{table.defects} scan(s) were not predicted because of a defect of lungcam; "
            f"{table.folder / DEFECTS} tells where: report it."
        )
    if not table.answers:
        raise InputError(f"{table.file}: not one scan could be predicted; it says why.")
