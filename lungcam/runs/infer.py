"""Inference with a trained net on one scan or on many, from the configuration to the console."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from lungcam import RESEARCH_USE_ONLY
from lungcam.cohorts import Sample
from lungcam.cohorts.table import Fault, read_samples
from lungcam.config.paths import find_checkpoint
from lungcam.errors import InputError
from lungcam.evaluation.candidate_sources import CandidateSources
from lungcam.evaluation.lesion_erasure import describe_change
from lungcam.evaluation.localisation import Localiser
from lungcam.evaluation.localisation_report import report_localisation
from lungcam.evaluation.predictor import Predictor, load_predictor
from lungcam.inference.batch import predict_many
from lungcam.inference.prediction_file import request_digest
from lungcam.inference.prepare import prepare_scan
from lungcam.inference.requested_outputs import RequestedOutputs
from lungcam.inference.scan import predict_scan
from lungcam.inference.scan_pictures import show_window
from lungcam.render.options import read_options
from lungcam.runtime.atomic import clear_unfinished
from lungcam.runtime.devices import check_gpus
from lungcam.runtime.freed_memory import keep_freed_memory
from lungcam.transforms import shows_whole_chest

# seed of the untrained net and of the bootstrap
SEED = 0


def infer(config: DictConfig, samples: list[Sample] | None) -> None:
    """Predict and explain what `scan=` names.

    Args:
        config: Composed from conf/infer.yaml.
        samples: The scans, from `requested_samples`; None for a table.

    Raises:
        InputError: The checkpoint, or the only scan, is at fault.
    """
    keep_freed_memory()
    explain = OmegaConf.to_container(config.explain)
    render = read_options(config.render)
    if config.dicom:
        from lungcam.dicom import require_highdicom

        require_highdicom()
    check_gpus(config.gpus, "gpus")
    device = torch.device("cuda" if config.gpus else "cpu")
    predictor = load_predictor(find_checkpoint(Path(config.ckpt)), device, explain=explain)
    scan, out = Path(config.scan), Path(config.out)
    faults: list[Fault] = []
    many = samples is None or len(samples) > 1
    if samples is None:
        samples, faults = read_samples(scan, **predictor.table)
    if many and config.render.interactive:
        raise InputError(f"render.interactive=true: {scan} holds many scans; give scan= one.")
    outputs = RequestedOutputs(
        # of many scans neither masks nor, without a request, pictures
        masks=not many,
        picture=bool(config.picture) if many else config.picture is not False,
        erase=config.explain.erase,
        turntable=config.turntable,
        report=config.report,
        dicom=config.dicom,
        interactive=config.render.interactive,
        render=render,
    )
    localiser = _localiser(predictor) if config.explain.benchmark else None
    if many:
        _infer_many(
            predictor, samples, faults=faults, out=out, outputs=outputs, localiser=localiser
        )
    else:
        _infer_one(predictor, samples[0], out=out, outputs=outputs, localiser=localiser)


def _infer_one(
    predictor: Predictor,
    sample: Sample,
    *,
    out: Path,
    outputs: RequestedOutputs,
    localiser: Localiser | None,
) -> None:
    folder = out / sample.sample_id
    clear_unfinished(folder)
    request = request_digest(predictor, sample, outputs=outputs)
    predicted = predict_scan(
        predictor,
        prepare_scan(sample, predictor.transforms),
        sample=sample,
        folder=folder,
        outputs=outputs,
        request=request,
        localiser=localiser,
    )
    if outputs.interactive and predicted.result.prediction.masks:
        for note in show_window(predicted.result.picture_inputs(), outputs.render):
            print(f"note: {note}")
    _print_record(predictor, predicted.record)
    print(f"results: {folder}")
    _print_localisation(localiser, predictor, out=out)
    print(RESEARCH_USE_ONLY)


def _infer_many(
    predictor: Predictor,
    samples: list[Sample],
    *,
    faults: list[Fault],
    out: Path,
    outputs: RequestedOutputs,
    localiser: Localiser | None,
) -> None:
    table = predict_many(
        predictor, samples, faults=faults, out=out, outputs=outputs, localiser=localiser
    )
    _print_failed_checks(predictor)
    rows = len(samples) + len(faults)
    print(f"{len(table.records)} of {rows} scans predicted: {table.file}")
    _print_localisation(localiser, predictor, out=out)
    if table.seen_in_training:
        print(
            f"note: the net knows {table.seen_in_training} of them from its training or "
            "validation set."
        )
    print(RESEARCH_USE_ONLY)
    table.refuse_failures()


def _print_record(predictor: Predictor, record: Mapping[str, Any]) -> None:
    for warning in record["warnings"]:
        print(f"note: {warning}")
    _print_failed_checks(predictor)
    for lesion in record.get("erased", ()):
        print(f"erased a lesion ({lesion['source']}): {describe_change(lesion)}")
    print(f"probability {record['probability']:.3f} ({record['label_rule']})")
    for line in predictor.task.prediction_lines(record):
        print(line)


def _print_failed_checks(predictor: Predictor) -> None:
    """Print that the checkpoint's heat-maps failed their checks, and why."""
    if predictor.mark is not None:
        print(f"note: {predictor.mark}. {' '.join(predictor.explanation['reasons'])}")


def _print_localisation(localiser: Localiser | None, predictor: Predictor, *, out: Path) -> None:
    if localiser is not None:
        for line in report_localisation(localiser, out, label_rule=predictor.label_rule, seed=SEED):
            print(line)


def _localiser(predictor: Predictor) -> Localiser:
    """Return an object that measures where the net's maps point."""
    sources = CandidateSources(
        predictor.classifier,
        replace(predictor.explainer, evidence="both"),
        probability=predictor.probability,
        seed=SEED,
    )
    return Localiser(sources, whole_chest=shows_whole_chest(predictor.transforms))
