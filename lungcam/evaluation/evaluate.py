"""Evaluation of a trained net: predictions, metrics and the files written from them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from lungcam import RESEARCH_USE_ONLY
from lungcam.config.paths import find_checkpoint
from lungcam.evaluation.candidate_sources import CandidateSources
from lungcam.evaluation.console import run_summary
from lungcam.evaluation.explanation_checks import judge_explanations
from lungcam.evaluation.figures import learning_curves, save_figures
from lungcam.evaluation.folds import sibling_runs
from lungcam.evaluation.lesion_erasure import erase_exported
from lungcam.evaluation.localisation import Localiser, localise_split, peak_shares
from lungcam.evaluation.localisation_report import report_localisation
from lungcam.evaluation.own_metrics import own_figures, own_rules
from lungcam.evaluation.predictor import load_predictor
from lungcam.evaluation.run_report import write_run_report
from lungcam.evaluation.track_record import TEST, score_record
from lungcam.evaluation.trained_run import TrainedRun, predict_splits
from lungcam.explain.reliability import FAILED
from lungcam.runtime.versions import versions
from lungcam.tasks import Fit
from lungcam.tasks.malignancy import calibrated, calibration_of
from lungcam.tasks.predictions import Predictions, SplitSamples
from lungcam.training.checkpoint import add_metadata, load_checkpoint, own_modules
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
    task's tables, figures/, report.html and, where they are wanted, the checks of heat-maps
    (explanation.json, localisation.json, erased lesions). metrics.json is left to the caller: its
    presence marks a run as finished.

    Raises:
        InputError: The training diverged.
    """
    splits = predict_splits(run)
    train = SplitSamples(
        samples=run.data.splits["train"],
        crop_depths=run.data.crop_depths("train"),
        of_folds=run.data.split.folds is not None,
    )
    fit = run.task.fit(splits["val"], train=train)
    run.task.write_tables(run.folder, splits, fit=fit)
    add_metadata(run.best, **run.task.carried(fit))
    metrics = _metrics(run, splits, fit=fit)
    add_metadata(run.best, **{TEST: score_record(run.task, metrics["test"])})
    mark = _check_explanations(run, metrics)
    if run.explain["erase"]:
        _erase_lesions(run, metrics, fit=fit)
    examples = run.task.examples(splits["test"], fit=fit)
    figures = learning_curves(run) | run.task.draw(splits["test"], fit=fit, metrics=metrics)
    tiles = save_figures(run, figures, examples=examples, metrics=metrics, mark=mark)
    lines = _localise(run, fit) if run.explain["benchmark"] else []
    write_run_report(run, metrics, examples=examples, tiles=tiles, localisation=lines, mark=mark)
    return Evaluation(metrics, run_summary(run, metrics, localisation=lines))


def _metrics(run: TrainedRun, splits: Mapping[str, Predictions], *, fit: Fit) -> dict[str, Any]:
    """Compute the figures of both splits, with the rules and versions they come from."""
    metrics: dict[str, Any] = {
        name: run.task.metrics(split, fit=fit, seed=run.seed) for name, split in splits.items()
    }
    if run.task.has_positive:
        for name, figures in metrics.items():
            if run.metrics:
                own = own_figures(run.metrics, calibrated(splits[name], fit), seed=run.seed)
                figures["metrics"] = own
            figures |= peak_shares(run.classifier, run.explainer, dataset=run.data.datasets[name])
    return metrics | {
        "task": {"name": run.task.name, **run.task.state},
        "score": run.task.score,
        "label_rule": run.label_rule,
        "cohort_notes": run.data.notes,
        "left_out": len(run.data.left_out),
        "rules": dict(run.task.rules) | own_rules(run.metrics),
        **run.task.reported(fit),
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
    plugins = own_modules(load_checkpoint(run.best))
    siblings = [
        load_predictor(find_checkpoint(folder), device, plugins=plugins)
        for folder in sibling_runs(run.folder)
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


def _erase_lesions(run: TrainedRun, metrics: dict[str, Any], *, fit: Fit) -> None:
    """Erase the lesions of the exported samples, and add the task's figures to the metrics."""
    erase_exported(run.classifier, run.data.transforms, exports=run.exports)
    sections = run.task.erase(
        run.classifier,
        run.data,
        explainer=run.explainer,
        fit=fit,
        folder=run.folder,
        seed=run.seed,
    )
    for section, figures in sections.items():
        metrics["test"][section] |= figures


def _localise(run: TrainedRun, fit: Fit) -> list[str]:
    """Measure where the maps of the test split point; return lines for the report."""
    sources = CandidateSources(
        run.classifier,
        run.explainer,
        probability=calibration_of(fit).probability,
        seed=run.seed,
    )
    localiser = Localiser(sources, whole_chest=shows_whole_chest(run.data.transforms))
    localise_split(localiser, run.data.datasets["test"])
    return report_localisation(localiser, run.folder, label_rule=run.label_rule, seed=run.seed)
