"""Many scans: read ahead of the net, told in a table, and taken up again where they were left."""

from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path

from tqdm import tqdm

from lungcam.ahead import Failure, attempt, work_ahead
from lungcam.cohorts import Sample
from lungcam.cohorts.table import Fault
from lungcam.errors import DefectError, InputError
from lungcam.files import clear_unfinished
from lungcam.pool import processors
from lungcam.runs.labelled import write_metrics
from lungcam.runs.localise import Localiser
from lungcam.runs.one_scan import predict_scan
from lungcam.runs.prediction_table import DEFECTS, PredictionTable
from lungcam.runs.predictor import Predictor
from lungcam.runs.ready import Ready, make_ready_for
from lungcam.runs.request import finished, request_digest
from lungcam.runs.wanted import Wanted

# processes that read ahead: each holds a scan, and writing keeps this process as busy as four
MOST_WORKERS = 4


def predict_many(
    predictor: Predictor,
    samples: Sequence[Sample],
    faults: Sequence[Fault],
    out: Path,
    wanted: Wanted,
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
    table = PredictionTable(out, samples, faults)
    requests = [request_digest(predictor, one, wanted) for one in samples]
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
    work = partial(make_ready_for, predictor.transforms, wanted)
    results = work_ahead(work, [(samples[number],) for number in asked], workers)
    try:
        with closing(results), tqdm(total=len(asked), desc="scans", disable=not asked) as bar:
            for number, result in zip(asked, results, strict=True):
                sample = samples[number]
                if isinstance(result, Ready):
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
    write_metrics(out / "metrics.json", predictor, [samples[n] for n in done], answers)
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
