"""Risk: a logit for the event within each year up to a horizon, learnt from follow-up."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import nn

from lungcam.cohorts import Cohort, Sample
from lungcam.cohorts.survival import risk_cohort, target_table
from lungcam.errors import InputError
from lungcam.explain import Explainer, HeatMap
from lungcam.metrics import (
    HORIZON_YEARS,
    RISK_RULES,
    YEARLY_CALIBRATION_RULE,
    fit_yearly_platt,
    risk_summary,
)
from lungcam.metrics.summary import with_interval
from lungcam.nets import LogitNet, YearlyLogitNet, add_hazards, hazard_head, one_year
from lungcam.report.page import Html, join, tag
from lungcam.runtime.atomic import write_table
from lungcam.tasks.malignancy import Malignancy, calibrated, calibration_of
from lungcam.tasks.predictions import Predictions, SplitSamples
from lungcam.tasks.risk_erasure import erase_nodules, erased_figures, write_erased
from lungcam.tasks.task import Fit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from lungcam.data.datamodule import ScanDataModule
    from lungcam.training.classifier import Classifier


class Risk(Malignancy):
    """Tell the risk of the event within each year; label 1 is the event before the horizon.

    The figures of the label are those of `Malignancy`, over the samples with a label. People who
    are lost to follow-up have none, and count as far as follow-up goes.
    """

    name = "risk"
    uses_unlabelled = True
    rules = Malignancy.rules | {"calibration": YEARLY_CALIBRATION_RULE, "risk": RISK_RULES}
    figure_titles = Malignancy.figure_titles | {"risk": "Risk by year"}

    def label(self, cohort: Cohort) -> Cohort:
        """Label a cohort by what follow-up knows within the horizon."""
        return risk_cohort(super().label(cohort))

    def targets(self, samples: Sequence[Sample]) -> dict[str, np.ndarray]:
        """Return `y_seq` and `y_mask`, `(N, years)` each; see `lungcam.cohorts.survival`."""
        y_seq, y_mask = target_table(samples)
        return {"y_seq": y_seq, "y_mask": y_mask}

    def logit_net(self, net: nn.Module) -> LogitNet:
        """Widen a net's last layer, and wrap the net in a `YearlyLogitNet`."""
        return YearlyLogitNet(_with_hazards(net))

    def classifier(self, net: nn.Module, **options: Any) -> "Classifier":
        """Widen a net's last layer, and wrap the net in a `RiskClassifier`."""
        from lungcam.training.risk_classifier import RiskClassifier

        return RiskClassifier(_with_hazards(net), **options)

    def initialise(self, classifier: LogitNet, samples: Sequence[Sample]) -> None:
        """Start from the training split's share of events within each year."""
        hazard_head(classifier.net).begin(*target_table(samples))

    def fit(self, val: Predictions, *, train: SplitSamples) -> Fit:
        """Fit one Platt scaling to all years, and the threshold at the horizon."""
        happened, known = target_table(val.samples)
        calibration = fit_yearly_platt(
            val.logits, happened=happened, in_follow_up=known, patients=val.patients
        )
        return self._with_threshold(val, calibration)

    def metrics(self, predictions: Predictions, *, fit: Fit, seed: int) -> dict[str, Any]:
        """Compute the figures of the label, and under `risk` those of each year."""
        predictions = calibrated(predictions, fit)
        happened, known = target_table(predictions.samples)
        risk = risk_summary(
            predictions.probabilities,
            in_follow_up=known,
            happened=happened,
            time_days=np.array([sample.time_days for sample in predictions.samples], float),
            event=np.array([sample.event for sample in predictions.samples], bool),
            patients=predictions.patients,
            baselines=predictions.baselines,
            seed=seed,
        )
        # they are written once for all splits
        risk.pop("rules", None)
        return super().metrics(predictions, fit=fit, seed=seed) | {"risk": risk}

    def write_tables(self, folder: Path, splits: Mapping[str, Predictions], *, fit: Fit) -> None:
        """Write predictions.csv and risks.csv."""
        super().write_tables(folder, splits, fit=fit)
        risks = {name: calibrated(split, fit) for name, split in splits.items()}
        write_risks(folder / "risks.csv", risks)

    def draw(
        self, test: Predictions, *, fit: Fit, metrics: Mapping[str, Any]
    ) -> dict[str, "Figure"]:
        """Draw the figures of the label, and AUC and calibration by year."""
        figures = super().draw(test, fit=fit, metrics=metrics)
        if metrics["test"]["risk"]["n"]:
            from lungcam.report.risk_figures import draw_risk

            figures["risk"] = draw_risk(
                metrics["test"]["risk"], "test", label_rule=metrics["label_rule"]
            )
        return figures

    def summary(self, metrics: Mapping[str, Any]) -> list[str]:
        """Name the figures of the label, AUC by year and concordance."""
        return [*super().summary(metrics), *risk_lines(metrics["test"]["risk"])]

    def erase(
        self,
        classifier: LogitNet,
        data: "ScanDataModule",
        *,
        explainer: Explainer,
        fit: Fit,
        folder: Path,
        seed: int,
    ) -> dict[str, dict[str, Any]]:
        """Predict the test split with every annotated nodule erased, and write erased.csv."""
        calibration = calibration_of(fit)
        results = list(
            erase_nodules(
                classifier, data.transforms, samples=data.splits["test"], explainer=explainer
            )
        )
        write_erased(folder / "erased.csv", results, calibration=calibration)
        return {"risk": {"nodules_erased": erased_figures(results, calibration, seed=seed)}}

    def prediction(self, logits: np.ndarray, fit: Fit) -> dict[str, Any]:
        """Return the answer for the last year, and the risk within each year, by the year."""
        calibration = calibration_of(fit)
        answer = super().prediction(logits, fit)
        risk = {
            str(year): round(float(calibration.probability(logit)), 6)
            for year, logit in enumerate(logits, start=1)
        }
        return {"probability": answer.pop("probability"), "logit": answer.pop("logit")} | {
            "risk": risk,
            **answer,
        }

    def maps(
        self, classifier: LogitNet, explain: Callable[[], HeatMap]
    ) -> Iterator[tuple[str, HeatMap]]:
        """Explain the risk within each year, from the first to the horizon.

        A later year's logit is an earlier one's plus what is added since, so the difference of two
        maps is what speaks for the event in the years between.
        """
        for year in range(HORIZON_YEARS):
            with one_year(classifier, year):
                yield f"year_{year + 1}", explain()

    def prediction_lines(self, prediction: Mapping[str, Any]) -> list[str]:
        """Put the probability, and the risk within each year, into lines."""
        risks = ", ".join(f"{year} y {risk:.3f}" for year, risk in prediction["risk"].items())
        return [*super().prediction_lines(prediction), f"risk within {risks}"]

    def prediction_section(self, prediction: Mapping[str, Any]) -> Html:
        """Show the risk within each year as a table."""
        risks = prediction["risk"]
        return tag(
            '<div class="scroll"><table><caption>Risk within each year</caption>'
            "<thead><tr>$years</tr></thead><tbody><tr>$values</tr></tbody></table></div>",
            years=join([tag("<th>within $k y</th>", k=year) for year in risks]),
            values=join([tag("<td>$risk</td>", risk=f"{risk:.3f}") for risk in risks.values()]),
        )


def _with_hazards(net: nn.Module) -> nn.Module:
    """Let a net answer for each year.

    Raises:
        InputError: Its logit comes from no linear layer.
    """
    try:
        return add_hazards(net, HORIZON_YEARS)
    except ValueError as error:
        raise InputError(f"{error}; choose another for task=risk.") from error


def write_risks(file: Path, splits: Mapping[str, Predictions]) -> None:
    """Write a row for each sample: its time to event and the calibrated risk within each year."""
    years = next(iter(splits.values())).logits.shape[1]
    names = [f"risk_{year}" for year in range(1, years + 1)]
    write_table(
        file,
        ("sample_id", "patient_id", "split", "label", "time_days", "event", *names),
        rows=(
            {
                "sample_id": sample.sample_id,
                "patient_id": sample.patient_id,
                "split": split,
                "label": sample.label,
                "time_days": sample.time_days,
                "event": int(sample.event),
                **{name: f"{risk:.9g}" for name, risk in zip(names, risks, strict=True)},
            }
            for split, predictions in splits.items()
            for sample, risks in zip(predictions.samples, predictions.probabilities, strict=True)
        ),
    )


def risk_lines(risk: Mapping[str, Any]) -> list[str]:
    """Put AUC by year, with and without erased nodules, and concordance into lines.

    Args:
        risk: Section `risk` of a split's figures in metrics.json.
    """
    lines = [
        f"risk of {risk['n']} scans of {risk['n_patients']} people, {risk['n_events']} events:"
    ]
    erased = risk.get("nodules_erased")
    for year, auc in risk["auc"].items():
        if auc["value"] is None:
            continue
        line = f"  within {year} y: AUC {with_interval(auc['value'], auc['ci95'])}"
        line += f", {auc['n_positive']} of {auc['n']}"
        ratio = risk["calibration"][year]["ratio"]
        if ratio is not None:
            line += f"; expected over observed {ratio:.2f}"
        if erased and erased["auc_erased"][year]["value"] is not None:
            without = erased["auc_erased"][year]
            line += f"; nodules erased: AUC {with_interval(without['value'], without['ci95'])}"
        lines.append(line)
    if risk["c_index"] is not None:
        c_index = with_interval(risk["c_index"], risk["c_index_ci95"])
        lines.append(f"  concordance (Uno's C): {c_index}")
    return lines
