"""Apply a trained net to one scan or to many."""

from dataclasses import replace
from pathlib import Path

import torch
from omegaconf import DictConfig, OmegaConf

from lungcam import RESEARCH_USE_ONLY
from lungcam.cohorts import Sample
from lungcam.cohorts.table import Fault, read_samples
from lungcam.errors import InputError
from lungcam.evaluation.candidate_sources import CandidateSources
from lungcam.evaluation.lesion_erasure import describe_change
from lungcam.evaluation.localisation import Localiser
from lungcam.evaluation.localisation_report import report_localisation
from lungcam.evaluation.predictor import Predictor, load_predictor
from lungcam.explain.options import check_explanation
from lungcam.inference.batch import predict_many, refuse_failures, request_digest
from lungcam.inference.prepare import read_and_prepare
from lungcam.inference.requested_outputs import RequestedOutputs
from lungcam.inference.scan import predict_scan
from lungcam.render import RenderOptions
from lungcam.render.options import read_options
from lungcam.runtime.atomic import clear_unfinished
from lungcam.scans import discover, scan_name
from lungcam.training.checkpoint import find_checkpoint
from lungcam.training.trainer import device_settings
from lungcam.transforms import shows_whole_chest

# of the untrained net, and of the bootstrap
SEED = 0


def infer(config: DictConfig) -> None:
    """Predict and explain what `scan=` names.

    Args:
        config: Composed from conf/infer.yaml.

    Raises:
        InputError: The checkpoint, or the only scan, is at fault.
    """
    checkpoint, scan, out = Path(config.ckpt), Path(config.scan), Path(config.out)
    explain = OmegaConf.to_container(config.explain)
    check_explanation(explain)
    look = read_options(config.render)
    if config.dicom:
        from lungcam.dicom import require_highdicom

        require_highdicom()
    gpu = device_settings(config.gpus)["accelerator"] == "gpu"
    table = scan.suffix.lower() == ".csv"
    if table and config.series is not None:
        raise InputError(f"series={config.series}: {scan} is a table; give scan= one scan.")
    found = None if table else _found(scan, config.series, out=out)
    file = find_checkpoint(checkpoint)
    predictor = load_predictor(file, torch.device("cuda" if gpu else "cpu"), explain=explain)
    faults: list[Fault] = []
    if found is None:
        samples, faults = read_samples(scan, **predictor.table)
    else:
        samples = found
    localiser = _localiser(predictor) if config.explain.benchmark else None
    if table or len(samples) > 1:
        if config.render.interactive:
            raise InputError(f"render.interactive=true: {scan} holds many scans; give scan= one.")
        wanted = _wanted(config, look, many=True)
        done = predict_many(
            predictor, samples, faults=faults, out=out, wanted=wanted, localiser=localiser
        )
        _tell_failed(predictor)
        rows = len(samples) + len(faults)
        print(f"{len(done.answers)} of {rows} scans predicted: {done.file}")
        _report(localiser, predictor, out=out)
        seen = sum(bool(one["seen_in_training"]) for one in done.answers.values())
        if seen:
            print(f"note: the net knows {seen} of them from its training or validation set.")
        print(RESEARCH_USE_ONLY)
        refuse_failures(done)
        return
    (sample,) = samples
    folder, wanted = out / sample.sample_id, _wanted(config, look, many=False)
    clear_unfinished(folder)
    request = request_digest(predictor, sample, wanted=wanted)
    ready = read_and_prepare(predictor.transforms, sample)
    prediction = predict_scan(predictor, ready, sample, folder, wanted, request, localiser)
    for warning in prediction["warnings"]:
        print(f"note: {warning}")
    _tell_failed(predictor)
    for one in prediction.get("erased", ()):
        print(f"erased a lesion ({one['source']}): {describe_change(one)}")
    print(f"probability {prediction['probability']:.3f} ({prediction['label_rule']})")
    for line in predictor.task.prediction_lines(prediction):
        print(line)
    print(f"results: {folder}")
    _report(localiser, predictor, out=out)
    print(RESEARCH_USE_ONLY)


def _wanted(config: DictConfig, look: RenderOptions, *, many: bool) -> RequestedOutputs:
    """Which files; of many scans no masks, and no pictures unless asked for."""
    return RequestedOutputs(
        masks=not many,
        picture=bool(config.picture) if many else config.picture is not False,
        erase=config.explain.erase,
        turntable=config.turntable,
        report=config.report,
        dicom=config.dicom,
        interactive=config.render.interactive,
        look=look,
    )


def _tell_failed(predictor: Predictor) -> None:
    """Say that the checkpoint's heat-maps failed, and why."""
    if predictor.mark is not None:
        print(f"note: {predictor.mark}. {' '.join(predictor.explanation['reasons'])}")


def _found(scan: Path, series: str | None, *, out: Path) -> list[Sample]:
    """The scans under a path; a series by its UID is one, wherever below it lies."""
    # earlier results are no scans
    sources = discover(scan, without=out) if series is None else []
    if len(sources) > 1:
        return [
            Sample(
                sample_id=one.name, patient_id=one.name, image=one.path, label=None, label_source=""
            )
            for one in sources
        ]
    # the path as the user gave it: what lies beside the scan is then told too
    name = sources[0].name if sources else scan_name(scan.resolve())
    return [
        Sample(
            sample_id=name,
            patient_id=name,
            image=scan,
            label=None,
            label_source="",
            series_uid=series,
        )
    ]


def _localiser(predictor: Predictor) -> Localiser:
    """What measures where the maps point."""
    sources = CandidateSources(
        predictor.classifier,
        replace(predictor.explainer, evidence="both"),
        probability=predictor.probability,
        seed=SEED,
    )
    return Localiser(sources, whole_chest=shows_whole_chest(predictor.transforms))


def _report(localiser: Localiser | None, predictor: Predictor, *, out: Path) -> None:
    if localiser is not None:
        for line in report_localisation(localiser, out, label_rule=predictor.label_rule, seed=SEED):
            print(line)
