"""Prediction of many scans: prepared ahead of the net, listed in a table, and resumed."""

import json
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from lungcam import RESEARCH_USE_ONLY
from lungcam.cohorts import Sample
from lungcam.cohorts.table import Fault
from lungcam.evaluation.localisation import Localiser
from lungcam.evaluation.predictor import Predictor
from lungcam.inference.prediction_file import finished_record, request_digest
from lungcam.inference.prediction_table import PredictionTable
from lungcam.inference.prepare import PreparedScan, prepare_for_outputs
from lungcam.inference.requested_outputs import RequestedOutputs
from lungcam.inference.scan import predict_scan
from lungcam.metrics import RULES, Calibration
from lungcam.runtime.atomic import clear_unfinished, write_text
from lungcam.runtime.parallel import Failure, attempt, processors, work_ahead
from lungcam.runtime.versions import versions
from lungcam.tasks.predictions import Predictions

# processes that read ahead: each holds a scan, and writing keeps this process as busy as four
MAX_WORKERS = 4


def predict_many(
    predictor: Predictor,
    samples: Sequence[Sample],
    *,
    faults: Sequence[Fault],
    out: Path,
    outputs: RequestedOutputs,
    localiser: Localiser | None = None,
) -> PredictionTable:
    """Predict many scans; a bad one is reported, and the others are predicted.

    Other processes read and prepare scans ahead; the net, which may be on a GPU, and all writing
    stay in this one. Scans that an earlier, stopped command has finished are taken over, unless a
    localiser has to see them.

    Args:
        predictor: The trained net.
        samples: The scans.
        faults: Rows of their table without a sample.
        out: Folder of predictions.csv, with a folder for each scan.
        outputs: Files requested for each scan.
        localiser: Measures where the heat-maps point, if given.

    Returns:
        The table, which is written; so is metrics.json if labels are known.

    Raises:
        KeyboardInterrupt: The user has stopped it; the table so far is written.
        OSError: A file cannot be written; the table so far is written.
    """
    clear_unfinished(out)
    table = PredictionTable(out, samples, faults=faults)
    requests = [request_digest(predictor, sample, outputs=outputs) for sample in samples]
    if localiser is None:
        _take_over(table, requests)
    try:
        _predict_remaining(
            table, requests, predictor=predictor, outputs=outputs, localiser=localiser
        )
    except KeyboardInterrupt:
        print(f"stopped: {table.file} lists the finished scans; the same command continues")
        raise
    finally:
        table.write()
    for fault in faults:
        print(f"skipped {fault.reason}")
    write_metrics(out / "metrics.json", predictor, table=table)
    return table


def write_metrics(file: Path, predictor: Predictor, *, table: PredictionTable) -> None:
    """Write the metrics of a net on scans with labels, if there are any.

    Args:
        file: metrics.json; an earlier one is removed if no label is known.
        predictor: The net.
        table: The predicted scans.
    """
    labelled = [pair for pair in table.predicted if pair[0].label is not None]
    if not labelled:
        file.unlink(missing_ok=True)
        return
    predictions = Predictions(
        samples=[sample for sample, _ in labelled],
        logits=np.array([record["logit"] for _, record in labelled]),
        calibration=predictor.calibration or Calibration(),
    )
    metrics = {
        "test": predictions.summarise(threshold=predictor.threshold),
        "seen_in_training": table.seen_in_training,
        "label_rule": predictor.label_rule,
        "rules": RULES,
        "calibrated": predictor.calibration is not None,
        "versions": versions(),
        "notice": RESEARCH_USE_ONLY,
    }
    write_text(file, json.dumps(metrics, indent=2) + "\n")


def _take_over(table: PredictionTable, requests: Sequence[str]) -> None:
    """Add the scans that an earlier command with the same requests has finished."""
    for number, (sample, request) in enumerate(zip(table.samples, requests, strict=True)):
        record = finished_record(table.folder / sample.sample_id, request)
        if record is not None:
            table.add(number, record)
    if table.records:
        print(
            f"{len(table.records)} of {len(table.samples)} scans were done already and are "
            "taken over"
        )


def _predict_remaining(
    table: PredictionTable,
    requests: Sequence[str],
    *,
    predictor: Predictor,
    outputs: RequestedOutputs,
    localiser: Localiser | None,
) -> None:
    """Predict the scans without a record, and add their outcomes to the table."""
    numbers = [number for number in range(len(table.samples)) if number not in table.records]
    # for a single scan, starting a process takes longer than reading
    workers = min(processors(), MAX_WORKERS, len(numbers)) if len(numbers) > 1 else 0
    prepare = partial(prepare_for_outputs, transforms=predictor.transforms, outputs=outputs)
    jobs = [(table.samples[number],) for number in numbers]
    with (
        closing(work_ahead(prepare, jobs, workers=workers)) as prepared_scans,
        tqdm(total=len(numbers), desc="scans", disable=not numbers) as bar,
    ):
        for number, outcome in zip(numbers, prepared_scans, strict=True):
            sample = table.samples[number]
            if isinstance(outcome, PreparedScan):
                predict = partial(
                    predict_scan,
                    predictor,
                    outcome,
                    sample=sample,
                    folder=table.folder / sample.sample_id,
                    outputs=outputs,
                    request=requests[number],
                    localiser=localiser,
                )
                # a file that cannot be written for one scan cannot for the next
                outcome = attempt(predict, fatal=(OSError,))
            if isinstance(outcome, Failure):
                table.add(number, outcome)
                tqdm.write(f"skipped {sample.sample_id}: {table.reason(number)}")
            else:
                table.add(number, outcome.record)
            bar.update()
