"""Evaluation of a trained net: predictions, metrics and the files written from them."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from lungcam import RESEARCH_USE_ONLY
from lungcam.config.paths import find_checkpoint
from lungcam.evaluation.candidate_sources import CandidateSources
from lungcam.evaluation.console import run_summary
from lungcam.evaluation.explanation_checks import judge_explanations
from lungcam.evaluation.figures import draw_figures
from lungcam.evaluation.folds import sibling_runs
from lungcam.evaluation.lesion_erasure import erase_exported
from lungcam.evaluation.localisation import Localiser, localise_split, peak_shares
from lungcam.evaluation.localisation_report import report_localisation
from lungcam.evaluation.predictor import load_predictor
from lungcam.evaluation.run_report import write_run_report
from lungcam.evaluation.trained_run import TrainedRun, predict_splits
from lungcam.explain.reliability import FAILED
from lungcam.metrics import Calibration
from lungcam.runtime.atomic import write_text
from lungcam.runtime.versions import versions
from lungcam.tasks import Fit
from lungcam.tasks.predictions import Predictions
from lungcam.training.checkpoint import add_metadata
from lungcam.transforms import shows_whole_chest


@dataclass(frozen=True)
class Evaluation:
    """Result of an evaluation.

    Attributes:
        metrics: Content of metrics.json.
        summary: Main figures and files in a few lines, for the console.
    """

    metrics: Mapping[str, Any]
    summary: str


def evaluate(run: TrainedRun) -> Evaluation:
    """Predict validation and test with the best epoch's weights, and report.

    Calibration and threshold come from validation alone and are added to best.ckpt. Writes the
    task's tables, figures/, report.html, metrics.json and, where they are wanted, the checks of
    heat-maps (explanation.json, localisation.json, erased lesions).

    Raises:
        InputError: The training diverged.
    """
    splits = predict_splits(run)
    fit = run.task.fit(splits["val"])
    splits = {name: split.calibrated(fit.calibration) for name, split in splits.items()}
    run.task.write_tables(run.folder, splits)
    _add_to_checkpoint(run, fit, val=splits["val"].labelled)
    metrics = _metrics(run, splits, fit=fit)
    mark = _check_explanations(run, metrics)
    if run.explain["erase"]:
        _erase_lesions(run, metrics, calibration=fit.calibration)
    tiles = draw_figures(run, splits["test"], metrics=metrics, mark=mark)
    lines = _localise(run, fit.calibration) if run.explain["benchmark"] else []
    write_run_report(
        run, metrics, test=splits["test"].labelled, tiles=tiles, localisation=lines, mark=mark
    )
    # written last: its presence marks a run as finished
    write_text(run.folder / "metrics.json", json.dumps(metrics, indent=2) + "\n")
    return Evaluation(metrics, run_summary(run, metrics, localisation=lines))


def _add_to_checkpoint(run: TrainedRun, fit: Fit, *, val: Predictions) -> None:
    calibration = {
        **asdict(fit.calibration),
        "n": len(val.labels),
        "n_positive": int(val.labels.sum()),
        "rule": run.task.rules["calibration"],
    }
    add_metadata(
        run.best,
        threshold=fit.threshold,
        threshold_rule=run.task.rules["threshold"],
        calibration=calibration,
    )


def _metrics(run: TrainedRun, splits: Mapping[str, Predictions], *, fit: Fit) -> dict[str, Any]:
    """Compute the figures of both splits, with the rules and versions they come from."""
    metrics: dict[str, Any] = {
        name: run.task.metrics(split, threshold=fit.threshold, seed=run.seed)
        | peak_shares(run.classifier, run.explainer, dataset=run.data.datasets[name])
        for name, split in splits.items()
    }
    return metrics | {
        "label_rule": run.label_rule,
        "cohort_notes": run.data.notes,
        "left_out": len(run.data.left_out),
        "rules": dict(run.task.rules),
        "calibration": asdict(fit.calibration),
        "seed": run.seed,
        "versions": versions(),
        "notice": RESEARCH_USE_ONLY,
    }


def _check_explanations(run: TrainedRun, metrics: dict[str, Any]) -> str | None:
    """Judge the heat-maps if `explain.benchmark` is set; add the verdict to metrics and best.ckpt.

    Returns:
        Warning for pictures, if the heat-maps failed; None otherwise.
    """
    if not run.explain["benchmark"]:
        return None
    device = next(run.classifier.parameters()).device
    split = "test" if metrics["test"]["auc"] is not None else "val"
    siblings = [
        load_predictor(find_checkpoint(folder), device) for folder in sibling_runs(run.folder)
    ]
    verdict = judge_explanations(
        run.classifier.net,
        run.data.datasets[split],
        explainer=replace(run.explainer, layer=run.explain["layer"]),
        auc=[metrics[split]["auc"], *metrics[split]["auc_ci95"]],
        file=run.folder / "explanation.json",
        others=[sibling.classifier.net for sibling in siblings],
        seed=run.seed,
    )
    add_metadata(run.best, explanation=verdict)
    metrics["explanation"] = {name: verdict[name] for name in ("verdict", "reasons")}
    if verdict["verdict"] != "failed":
        return None
    for export in run.exports:
        export.mark(FAILED, run.data.transforms)
    return FAILED


def _erase_lesions(run: TrainedRun, metrics: dict[str, Any], *, calibration: Calibration) -> None:
    """Erase the lesions of the exported samples, and add the task's figures to the metrics."""
    erase_exported(run.classifier, run.data.transforms, exports=run.exports)
    sections = run.task.erase(
        run.classifier,
        run.data,
        explainer=run.explainer,
        calibration=calibration,
        folder=run.folder,
        seed=run.seed,
    )
    for section, figures in sections.items():
        metrics["test"][section] |= figures


def _localise(run: TrainedRun, calibration: Calibration) -> list[str]:
    """Measure where the maps of the test split point; return lines for the report."""
    sources = CandidateSources(
        run.classifier, run.explainer, probability=calibration.probability, seed=run.seed
    )
    localiser = Localiser(sources, whole_chest=shows_whole_chest(run.data.transforms))
    localise_split(localiser, run.data.datasets["test"])
    return report_localisation(localiser, run.folder, label_rule=run.label_rule, seed=run.seed)
