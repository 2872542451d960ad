"""Apply a trained net to one scan or to many."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from omegaconf import DictConfig, OmegaConf
from tqdm import tqdm

from lungcam import RESEARCH_USE_ONLY
from lungcam.checkpoint import find_checkpoint
from lungcam.cohorts import Sample
from lungcam.cohorts.table import Fault, read_samples
from lungcam.errors import InputError
from lungcam.files import write_table, write_text
from lungcam.metrics import RULES, Calibration, summarise
from lungcam.runs.erasing import change_in_words
from lungcam.runs.explanation import check_explanation
from lungcam.runs.localisation_report import report_localisation
from lungcam.runs.localise import Localiser
from lungcam.runs.look import read_look
from lungcam.runs.one_scan import Wanted, predict_scan
from lungcam.runs.pointers import Pointers
from lungcam.runs.predictions import Predictions
from lungcam.runs.predictor import Predictor, load_predictor
from lungcam.runs.versions import versions
from lungcam.scans import discover, scan_name
from lungcam.trainer import device_settings
from lungcam.transforms import shows_whole_chest

# of the untrained net, and of the bootstrap
SEED = 0
COLUMNS = ("sample_id", "image", "probability", "logit", "label", "error")


def infer(config: DictConfig) -> None:
    """Predict and explain what `scan=` names.

    Args:
        config: Composed from conf/infer.yaml.

    Raises:
        InputError: The checkpoint, or the only scan, is at fault.
    """
    checkpoint, scan, out = Path(config.ckpt), Path(config.scan), Path(config.out)
    wanted = OmegaConf.to_container(config.explain)
    check_explanation(wanted)
    look = read_look(config.render)
    gpu = device_settings(config.gpus)["accelerator"] == "gpu"
    table = scan.suffix.lower() == ".csv"
    found = None if table else _found(scan, config.series)
    file = find_checkpoint(checkpoint)
    predictor = load_predictor(file, torch.device("cuda" if gpu else "cpu"), wanted)
    faults: list[Fault] = []
    if found is None:
        samples, faults = read_samples(scan, **predictor.table)
    else:
        samples = found
    localiser = _localiser(predictor) if config.explain.benchmark else None
    if table or len(samples) > 1:
        if config.series is not None:
            raise InputError(f"series={config.series}: {scan} is a table; give scan= one scan.")
        if config.render.interactive:
            raise InputError(f"render.interactive=true: {scan} holds many scans; give scan= one.")
        wanted = Wanted(
            False, bool(config.picture), config.explain.erase, config.turntable, look=look
        )
        _many(predictor, samples, faults, out, wanted, localiser)
        return
    folder = out / samples[0].sample_id
    wanted = Wanted(
        True,
        config.picture is not False,
        config.explain.erase,
        config.turntable,
        config.render.interactive,
        look,
    )
    prediction = predict_scan(predictor, samples[0], folder, wanted, localiser)
    for warning in prediction["warnings"]:
        print(f"note: {warning}")
    _tell_failed(predictor)
    for one in prediction.get("erased", ()):
        print(f"erased a lesion ({one['source']}): {change_in_words(one)}")
    print(f"probability {prediction['probability']:.3f} ({prediction['label_rule']})")
    print(f"results: {folder}")
    _report(localiser, predictor, out)
    print(RESEARCH_USE_ONLY)


def _tell_failed(predictor: Predictor) -> None:
    """Say that the checkpoint's heat-maps failed, and why."""
    if predictor.mark is not None:
        print(f"note: {predictor.mark}. {' '.join(predictor.explanation['reasons'])}")


def _found(scan: Path, series: str | None) -> list[Sample]:
    """The scans under a path; a series by its UID is one, wherever below it lies."""
    sources = discover(scan) if series is None else []
    if len(sources) > 1:
        return [Sample(one.name, one.name, one.path, None, "") for one in sources]
    # the path as the user gave it: what lies beside the scan is then told too
    name = sources[0].name if sources else scan_name(scan.resolve())
    return [Sample(name, name, scan, None, "", series_uid=series)]


def _localiser(predictor: Predictor) -> Localiser:
    """What measures where the maps point."""
    pointers = Pointers(
        predictor.classifier,
        replace(predictor.explainer, evidence="both"),
        predictor.probability,
        SEED,
    )
    return Localiser(pointers, shows_whole_chest(predictor.transforms))


def _report(localiser: Localiser | None, predictor: Predictor, out: Path) -> None:
    if localiser is not None:
        for line in report_localisation(localiser, out, predictor.label_rule, SEED):
            print(line)


def _many(
    predictor: Predictor,
    samples: Sequence[Sample],
    faults: Sequence[Fault],
    out: Path,
    wanted: Wanted,
    localiser: Localiser | None,
) -> None:
    """Predict many scans; a bad scan or row is reported and the rest go on."""
    rows, seen = [], 0
    for sample in tqdm(samples, desc="scans"):
        row = {"sample_id": sample.sample_id, "image": str(sample.image)}
        try:
            folder = out / sample.sample_id
            prediction = predict_scan(predictor, sample, folder, wanted, localiser)
            row |= {name: prediction[name] for name in ("probability", "logit", "label")}
            seen += bool(prediction["seen_in_training"])
        except InputError as error:
            row["error"] = str(error)
            tqdm.write(f"skipped {sample.sample_id}: {error}")
        rows.append(row)
    for fault in faults:
        rows.append({"sample_id": fault.sample_id, "image": fault.image, "error": fault.reason})
        print(f"skipped {fault.reason}")
    write_table(out / "predictions.csv", COLUMNS, rows)
    done = [(s, row) for s, row in zip(samples, rows, strict=False) if "error" not in row]
    known = [(s, row) for s, row in done if s.label is not None]
    if known:
        answers = Predictions(
            [s for s, _ in known],
            np.array([row["logit"] for _, row in known]),
            calibration=predictor.calibration or Calibration(),
        )
        metrics = {
            "test": summarise(
                answers.labels,
                answers.probabilities,
                answers.patients,
                predictor.threshold,
                answers.baselines,
            ),
            "seen_in_training": seen,
            "label_rule": predictor.label_rule,
            "rules": RULES,
            "calibrated": predictor.calibration is not None,
            "versions": versions(),
            "notice": RESEARCH_USE_ONLY,
        }
        write_text(out / "metrics.json", json.dumps(metrics, indent=2) + "\n")
    _tell_failed(predictor)
    print(f"{len(done)} of {len(rows)} scans predicted: {out / 'predictions.csv'}")
    _report(localiser, predictor, out)
    if seen:
        print(f"note: the net knows {seen} of them from its training or validation set.")
    print(RESEARCH_USE_ONLY)
