"""Prediction of many scans: prepared ahead of the net, listed in a table, and resumed."""

from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from tqdm import tqdm

from lungcam import RESEARCH_USE_ONLY
from lungcam.cohorts import Sample
from lungcam.cohorts.table import Fault
from lungcam.evaluation.ensemble import RULE, Ensemble
from lungcam.evaluation.localisation import Localiser
from lungcam.inference.own_results import refuse_foreign_results, refuse_foreign_tables
from lungcam.inference.prediction_file import finished_record, request_digest
from lungcam.inference.prediction_table import PredictionTable
from lungcam.inference.prepare import PreparedScan, prepare_for_outputs
from lungcam.inference.requested_outputs import RequestedOutputs
from lungcam.inference.scan import predict_scan
from lungcam.runtime.atomic import clear_unfinished, write_json
from lungcam.runtime.parallel import Failure, attempt, processors, work_ahead
from lungcam.runtime.versions import versions
from lungcam.runtime.written import ForeignFile, open_record

# processes that read ahead: each holds a scan, and writing keeps this process as busy as four
MAX_WORKERS = 4


def predict_many(
    ensemble: Ensemble,
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
        ensemble: The trained nets.
        samples: The scans.
        faults: Rows of their table without a sample.
        out: Folder of predictions.csv, with a folder for each scan.
        outputs: Files requested for each scan.
        localiser: Measures where the heat-maps point, if given.

    Returns:
        The table, which is written; so is metrics.json if labels are known.

    Raises:
        InputError: Files are in the way that lungcam has not written.
        KeyboardInterrupt: The user has stopped it; the table so far is written.
        OSError: A file cannot be written; the table so far is written.
    """
    refuse_foreign_tables(out)
    clear_unfinished(out)
    table = PredictionTable(out, samples, task=ensemble.task, faults=faults)
    requests = [request_digest(ensemble, sample, outputs=outputs) for sample in samples]
    if localiser is None:
        _take_over(table, requests, keys=ensemble.task.record_keys)
    remaining = [s for number, s in enumerate(samples) if number not in table.records]
    refuse_foreign_results(remaining, out)
    try:
        _predict_remaining(table, requests, ensemble=ensemble, outputs=outputs, localiser=localiser)
    except KeyboardInterrupt:
        print(f"stopped: {table.file} lists the finished scans; the same command continues")
        raise
    finally:
        table.write()
    for fault in faults:
        print(f"skipped {fault.reason}")
    write_metrics(out / "metrics.json", ensemble, table=table)
    return table


def write_metrics(file: Path, ensemble: Ensemble, *, table: PredictionTable) -> None:
    """Write the metrics of the nets on scans with a known truth, if there are any.

    Args:
        file: metrics.json; an earlier one is removed if no truth is known.
        ensemble: The nets.
        table: The predicted scans.
    """
    pairs = table.predicted
    measured = ensemble.task.measure(
        [sample for sample, _ in pairs], [record for _, record in pairs], fit=ensemble.fit
    )
    if measured is None:
        open_record(file.parent).discard(file)
        return
    if ensemble.size > 1:
        measured |= {"rules": measured["rules"] | {"ensemble": RULE}}
        measured["calibrated"] = ensemble.calibrated
    metrics = {
        "test": measured.pop("test"),
        "seen_in_training": table.seen_in_training,
        "label_rule": ensemble.label_rule,
        **measured,
        "versions": versions(),
        "notice": RESEARCH_USE_ONLY,
    }
    write_json(file, metrics)


def _take_over(table: PredictionTable, requests: Sequence[str], *, keys: Sequence[str]) -> None:
    """Add the scans that an earlier command with the same requests has finished."""
    for number, (sample, request) in enumerate(zip(table.samples, requests, strict=True)):
        record = finished_record(table.folder / sample.sample_id, request, keys=keys)
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
    ensemble: Ensemble,
    outputs: RequestedOutputs,
    localiser: Localiser | None,
) -> None:
    """Predict the scans without a record, and add their outcomes to the table."""
    numbers = [number for number in range(len(table.samples)) if number not in table.records]
    # for a single scan, starting a process takes longer than reading
    workers = min(processors(), MAX_WORKERS, len(numbers)) if len(numbers) > 1 else 0
    prepare = partial(prepare_for_outputs, transforms=ensemble.transforms, outputs=outputs)
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
                    ensemble,
                    outcome,
                    sample=sample,
                    folder=table.folder / sample.sample_id,
                    outputs=outputs,
                    request=requests[number],
                    localiser=localiser,
                )
                # a file that cannot be written for one scan cannot for the next
                outcome = attempt(predict, fatal=(OSError, ForeignFile))
            if isinstance(outcome, Failure):
                table.add(number, outcome)
                tqdm.write(f"skipped {sample.sample_id}: {table.reason(number)}")
            else:
                table.add(number, outcome.record)
            bar.update()
