"""Inference with a trained net on one scan or on many, from the configuration to the console."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf

from lungcam import RESEARCH_USE_ONLY
from lungcam.cohorts import Sample
from lungcam.cohorts.table import Fault, read_samples
from lungcam.config.paths import find_checkpoints, listed
from lungcam.config.schema import plain
from lungcam.errors import InputError
from lungcam.evaluation.candidate_sources import CandidateSources
from lungcam.evaluation.ensemble import Ensemble, load_ensemble
from lungcam.evaluation.lesion_erasure import describe_change
from lungcam.evaluation.localisation import Localiser
from lungcam.evaluation.localisation_report import report_localisation
from lungcam.evaluation.search_localisation import SearchLocaliser
from lungcam.inference.batch import predict_many
from lungcam.inference.console import candidate_lines
from lungcam.inference.own_results import refuse_foreign_results, refuse_foreign_tables
from lungcam.inference.prediction_file import request_digest
from lungcam.inference.prepare import prepare_scan
from lungcam.inference.prior_results import read_priors, refuse_other_scans
from lungcam.inference.requested_outputs import RequestedOutputs
from lungcam.inference.scan import predict_scan
from lungcam.inference.scan_pictures import show_window
from lungcam.inference.trust import many_lines, trust_lines
from lungcam.render.options import read_options
from lungcam.runtime.devices import DEVICES, choose_accelerator
from lungcam.runtime.freed_memory import keep_freed_memory
from lungcam.runtime.lock import locked
from lungcam.runtime.written import keep_record
from lungcam.tasks import refuse_without_positive
from lungcam.transforms import shows_whole_chest

# seed of the untrained net and of the bootstrap
SEED = 0
# choice of dicom.patient
KEEP = "keep"


def infer(config: DictConfig, samples: list[Sample] | None) -> None:
    """Predict and explain what `scan=` names.

    Args:
        config: Composed from conf/infer.yaml.
        samples: The scans, from `requested_samples`; None for a table.

    Raises:
        InputError: The checkpoint, or the only scan, is at fault, or files of the user are in the
            way.
    """
    keep_freed_memory()
    with locked(Path(config.out), key="out"):
        _infer(config, samples)


def _infer(config: DictConfig, samples: list[Sample] | None) -> None:
    """Predict and explain in a folder of results that is this process's own."""
    scan, out = Path(config.scan), Path(config.out)
    many = samples is None or len(samples) > 1
    if many or config.explain.benchmark:
        refuse_foreign_tables(out)
    if samples is not None and len(samples) == 1:
        refuse_foreign_results(samples, out)
    explain = OmegaConf.to_container(config.explain)
    render = read_options(config.render)
    if many and config.prior is not None:
        raise InputError(f"prior: {scan} holds many scans; give scan= one of them.")
    folders = listed(plain(config.prior))
    priors = read_priors(folders, samples[0].sample_id) if folders else []
    if config.dicom.write:
        from lungcam.dicom import require_highdicom

        require_highdicom()
    device = torch.device(DEVICES[choose_accelerator(config.accelerator, config.gpus)])
    files = find_checkpoints(plain(config.ckpt))
    ensemble = load_ensemble(
        files, device, explain=explain, plugins=list(config.plugins), tta=config.tta
    )
    refuse_without_positive(ensemble.task, explain)
    if config.dicom.write and not ensemble.task.has_positive:
        raise InputError(
            f"dicom=true: its objects are those of a probability, and not of task="
            f"{ensemble.task.name}; leave it out."
        )
    faults: list[Fault] = []
    if samples is None:
        table = dict(ensemble.table)
        if config.tilt is not None:
            table["tilt"] = config.tilt
        samples, faults = read_samples(scan, **table)
    if many:
        _refuse_for_many(config, scan)
    if many and config.render.interactive:
        raise InputError(f"render.interactive=true: {scan} holds many scans; give scan= one.")
    outputs = RequestedOutputs(
        # of many scans neither masks nor, without a request, pictures
        masks=not many,
        picture=bool(config.picture) if many else config.picture is not False,
        erase=config.explain.erase,
        turntable=config.turntable,
        report=config.report,
        prior=priors,
        dicom=config.dicom.write,
        keep_patient=config.dicom.patient == KEEP,
        lesions=config.explain.erase or config.explain.benchmark,
        interactive=config.render.interactive,
        render=render,
    )
    localiser = None
    if config.explain.benchmark:
        localiser = _localiser(ensemble, samples, search=config.explain.search)
    if isinstance(localiser, SearchLocaliser):
        samples = localiser.scans
    if many:
        _infer_many(ensemble, samples, faults=faults, out=out, outputs=outputs, localiser=localiser)
    else:
        _infer_one(ensemble, samples[0], out=out, outputs=outputs, localiser=localiser)


def _refuse_for_many(config: DictConfig, scan: Path) -> None:
    """Refuse settings that are those of a single scan."""
    for key, value, column in (
        ("lungs.mask", config.lungs.mask, "lungs_mask"),
        ("time", config.time, "scan_time"),
    ):
        if value is not None:
            raise InputError(
                f"{key}={value}: {scan} holds many scans; give a table with a column {column}."
            )


def _infer_one(
    ensemble: Ensemble,
    sample: Sample,
    *,
    out: Path,
    outputs: RequestedOutputs,
    localiser: Localiser | None,
) -> None:
    folder = out / sample.sample_id
    request = request_digest(ensemble, sample, outputs=outputs)
    prepared = prepare_scan(sample, ensemble.transforms, lesion=outputs.lesions)
    refuse_other_scans(outputs.prior, prepared.scan, name=sample.sample_id)
    predicted = predict_scan(
        ensemble,
        prepared,
        sample=sample,
        folder=folder,
        outputs=outputs,
        request=request,
        localiser=localiser,
    )
    if localiser is not None:
        keep_record(out)
    if outputs.interactive and predicted.result.prediction.masks:
        for note in show_window(predicted.result.picture_inputs(), outputs.render):
            print(f"note: {note}")
    _print_record(ensemble, predicted.record)
    print(f"results: {folder}")
    _print_localisation(localiser, ensemble, out=out)
    print(RESEARCH_USE_ONLY)


def _infer_many(
    ensemble: Ensemble,
    samples: list[Sample],
    *,
    faults: list[Fault],
    out: Path,
    outputs: RequestedOutputs,
    localiser: Localiser | None,
) -> None:
    table = predict_many(
        ensemble, samples, faults=faults, out=out, outputs=outputs, localiser=localiser
    )
    _print_failed_checks(ensemble)
    print("\n".join(many_lines(ensemble.record, table.verdicts, red=_is_red())))
    rows = len(samples) + len(faults)
    print(f"{len(table.records)} of {rows} scans predicted: {table.file}")
    _print_localisation(localiser, ensemble, out=out)
    if table.seen_in_training:
        print(
            f"note: {_the_net(ensemble)} knows {table.seen_in_training} of them from its training "
            "or validation set."
        )
    print(RESEARCH_USE_ONLY)
    table.refuse_failures()


def _print_record(ensemble: Ensemble, record: Mapping[str, Any]) -> None:
    for warning in record["warnings"]:
        print(f"note: {warning}")
    _print_failed_checks(ensemble)
    print("\n".join(trust_lines(record["trust"], red=_is_red())))
    for lesion in record.get("erased", ()):
        print(f"erased a lesion ({lesion['source']}): {describe_change(lesion)}")
    if "nets" in record:
        each = ", ".join(f"{net['name']} {net['probability']:.3f}" for net in record["nets"])
        print(f"nets: {each}; standard deviation {record['probability_sd']:.3f}")
    for line in [*ensemble.task.prediction_lines(record), *candidate_lines(record)]:
        print(line)


def _is_red() -> bool:
    """Return True if warnings may be printed in red."""
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def _the_net(ensemble: Ensemble) -> str:
    return "the net" if ensemble.size == 1 else f"at least one of the {ensemble.size} nets"


def _print_failed_checks(ensemble: Ensemble) -> None:
    """Print that the checkpoint's heat-maps failed their checks, and why."""
    if ensemble.mark is not None:
        print(f"note: {ensemble.mark}. {' '.join(ensemble.explanation['reasons'])}")


def _print_localisation(localiser: Localiser | None, ensemble: Ensemble, *, out: Path) -> None:
    if localiser is not None:
        for line in report_localisation(localiser, out, label_rule=ensemble.label_rule, seed=SEED):
            print(line)


def _localiser(ensemble: Ensemble, samples: Sequence[Sample], *, search: bool) -> Localiser:
    """Return an object that measures where the net's maps point, or the candidates of searches.

    Raises:
        InputError: The nets see whole scans, which they do not search.
    """
    sources = CandidateSources(
        ensemble.classifier,
        ensemble.explainer.showing("both"),
        probability=ensemble.probability,
        seed=SEED,
    )
    whole_chest = shows_whole_chest(ensemble.transforms)
    if search and whole_chest:
        raise InputError(
            "explain.search=true: these nets see a whole scan at once; leave it out, or give nets "
            "of view=nodule, such as ckpt=lidc."
        )
    if search:
        return SearchLocaliser(sources, samples)
    return Localiser(sources, whole_chest=whole_chest)
