"""What a trained net is worth: predictions, figures and the files made from them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from lungcam import RESEARCH_USE_ONLY
from lungcam.callbacks import HeatmapExport, Localisation
from lungcam.data import ScanDataModule
from lungcam.evaluation.console import run_summary
from lungcam.evaluation.explanation_checks import judge_explanations
from lungcam.evaluation.figures import draw_figures
from lungcam.evaluation.folds import sibling_runs
from lungcam.evaluation.lesion_erasure import erase_exported
from lungcam.evaluation.localisation import CandidateSources, Localiser, localise_split
from lungcam.evaluation.localisation_report import report_localisation
from lungcam.evaluation.predictions import (
    known_scores,
    predict_splits,
    risk_figures,
    write_predictions,
    write_risks,
)
from lungcam.evaluation.risk_erasure import erase_nodules, erased_figures, write_erased
from lungcam.evaluation.run_report import write_run_report
from lungcam.explain import Explainer
from lungcam.explain.reliability import FAILED
from lungcam.metrics import (
    RULES,
    Calibration,
    brier,
    expected_calibration_error,
    summarise,
)
from lungcam.runtime.atomic import write_text
from lungcam.runtime.versions import versions
from lungcam.training import Classifier
from lungcam.training.checkpoint import amend, find_checkpoint
from lungcam.training.predictor import load_predictor
from lungcam.transforms import background, shows_whole_chest

THRESHOLD_RULE = "Youden's index on the validation split, of calibrated probabilities"


def evaluate(
    trainer: pl.Trainer,
    classifier: Classifier,
    *,
    data: ScanDataModule,
    folder: Path,
    label_rule: str,
    seed: int,
    callbacks: Sequence[pl.Callback],
    explain: Mapping[str, Any],
) -> dict:
    """Predict validation and test with the best epoch's weights, and report.

    Calibration and threshold come from validation alone. Writes predictions.csv, metrics.json and
    figures/, adds calibration and threshold to best.ckpt, and prints.

    Args:
        trainer: That has trained.
        classifier: The net; it takes on the best epoch's weights.
        data: After `setup`.
        folder: The run folder, with checkpoints/best.ckpt.
        label_rule: What label 1 means.
        seed: Of the bootstrap.
        callbacks: Whose heat-maps are reported.
        explain: The configuration's `explain`.

    Returns:
        What stands in metrics.json.

    Raises:
        InputError: The training diverged.
    """
    best = folder / "checkpoints" / "best.ckpt"
    answered = predict_splits(trainer, classifier, data=data, best=best)
    predictions, risks = answered.predictions, answered.risks
    calibration = answered.calibration
    write_predictions(folder / "predictions.csv", predictions)
    if risks is not None:
        write_risks(folder / "risks.csv", risks)
    val = predictions["val"]
    fitted_on = {"n": len(val.labels), "n_positive": int(val.labels.sum())}
    carried = {**asdict(calibration), **fitted_on, "rule": answered.calibration_rule}
    amend(best, threshold=answered.threshold, threshold_rule=THRESHOLD_RULE, calibration=carried)

    metrics: dict[str, object] = {}
    for split, answers in predictions.items():
        raw = Calibration().probability(answers.logits)
        figures = summarise(
            answers.labels,
            answers.probabilities,
            patients=answers.patients,
            threshold=answered.threshold,
            baselines=answers.baselines,
            seed=seed,
        ) | {
            "brier_uncalibrated": brier(answers.labels, raw),
            "ece_uncalibrated": expected_calibration_error(answers.labels, raw),
        }
        for localisation in (one for one in callbacks if isinstance(one, Localisation)):
            figures |= localisation.shares([sample.sample_id for sample in answers.samples])
        if risks is not None:
            scores = known_scores(risks[split].samples, data.crop_depths(split))
            figures["risk"] = risk_figures(risks[split], scores, seed=seed)
            risk_rules = figures["risk"].pop("rules", {})
        metrics[split] = figures
    metrics |= {
        "label_rule": label_rule,
        "cohort_notes": data.notes,
        "left_out": len(data.left_out),
        "rules": RULES | {"threshold": THRESHOLD_RULE, "calibration": answered.calibration_rule},
        "calibration": asdict(calibration),
        "seed": seed,
        "versions": versions(),
        "notice": RESEARCH_USE_ONLY,
    }
    if risks is not None:
        metrics["rules"]["risk"] = risk_rules
    exports = [one for one in callbacks if isinstance(one, HeatmapExport)]
    export = exports[0] if exports else None
    mark, covered = None, background(data.transforms)
    if explain["benchmark"]:
        device = next(classifier.parameters()).device
        judged = "test" if metrics["test"]["auc"] is not None else "val"
        found = judge_explanations(
            classifier.net,
            data.datasets[judged],
            layer=explain["layer"],
            auc=[metrics[judged]["auc"], *metrics[judged]["auc_ci95"]],
            file=folder / "explanation.json",
            method=explain["method"],
            background=covered,
            others=[
                load_predictor(find_checkpoint(one), device).classifier.net
                for one in sibling_runs(folder)
            ],
            seed=seed,
        )
        amend(best, explanation=found)
        metrics["explanation"] = {name: found[name] for name in ("verdict", "reasons")}
        mark = FAILED if found["verdict"] == "failed" else None
    for one in exports if mark else ():
        one.mark(mark, data.transforms)
    if explain["erase"]:
        erase_exported(classifier, data.transforms, exports=exports)
    if explain["erase"] and risks is not None:
        explainer = Explainer(
            layer=f"net.{explain['layer']}", method=explain["method"], background=covered
        )
        erased = list(
            erase_nodules(
                classifier, data.transforms, samples=data.splits["test"], explainer=explainer
            )
        )
        write_erased(folder / "erased.csv", erased, calibration=calibration)
        metrics["test"]["risk"]["nodules_erased"] = erased_figures(erased, calibration, seed=seed)
    test = predictions["test"]
    tiles = draw_figures(
        trainer,
        classifier,
        data=data,
        answers=test,
        metrics=metrics,
        folder=folder,
        export=export,
        mark=mark,
    )
    lines = []
    if explain["benchmark"]:
        pointers = CandidateSources(
            classifier,
            Explainer(
                layer=f"net.{explain['layer']}", method=explain["method"], background=covered
            ),
            probability=calibration.probability,
            seed=seed,
        )
        localiser = Localiser(pointers, shows_whole_chest(data.transforms))
        localise_split(localiser, data.datasets["test"])
        lines = report_localisation(localiser, folder, label_rule=label_rule, seed=seed)
    write_run_report(
        folder,
        metrics,
        answers=test,
        tiles=tiles,
        located=lines,
        left_out=list(data.left_out),
        mark=mark,
    )
    # the last file: where it is, a run is finished
    write_text(folder / "metrics.json", json.dumps(metrics, indent=2) + "\n")
    print(run_summary(metrics, folder, exports=exports, located=lines))
    return metrics
