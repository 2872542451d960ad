"""The risks that a net tells of a split's people, censored ones among them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from lungcam.cohorts import Sample
from lungcam.cohorts.risk import target_table
from lungcam.files import write_table
from lungcam.metrics import Calibration, fit_yearly_platt, risk_summary


@dataclass(frozen=True, eq=False)
class Risks:
    """A split's samples and the net's answers for each year.

    Attributes:
        samples: `N` samples with a time to event.
        logits: `(N, years)`, as the net gives them.
        calibration: From logit to risk; as it stands it changes nothing.
    """

    samples: Sequence[Sample]
    logits: np.ndarray
    calibration: Calibration = field(default_factory=Calibration)

    @property
    def probabilities(self) -> np.ndarray:
        """`(N, years)` calibrated risks within each year, never decreasing."""
        return self.calibration.probability(self.logits)

    @property
    def targets(self) -> tuple[np.ndarray, np.ndarray]:
        """y_seq and y_mask, `(N, years)` each."""
        return target_table(self.samples, self.logits.shape[1])

    @property
    def patients(self) -> np.ndarray:
        """`(N,)` patient of each sample."""
        return np.array([sample.patient_id for sample in self.samples])


def calibrated(splits: Mapping[str, Risks]) -> dict[str, Risks]:
    """All splits with one calibration, fitted on validation, for all years."""
    val = splits["val"]
    happened, known = val.targets
    calibration = fit_yearly_platt(val.logits, happened, known, val.patients)
    return {name: replace(found, calibration=calibration) for name, found in splits.items()}


def risk_figures(found: Risks, baselines: Mapping[str, np.ndarray], seed: int) -> dict[str, object]:
    """What metrics.json says of a split's risks; see `lungcam.metrics.risk_summary`."""
    happened, known = found.targets
    return risk_summary(
        found.probabilities,
        known,
        happened,
        np.array([sample.time_days for sample in found.samples], float),
        np.array([sample.event for sample in found.samples], bool),
        found.patients,
        baselines,
        seed,
    )


def write_risks(file: Path, splits: Mapping[str, Risks]) -> None:
    """Write one row a sample: its time to event and the calibrated risk within each year."""
    years = next(iter(splits.values())).logits.shape[1]
    names = [f"risk_{k}" for k in range(1, years + 1)]
    write_table(
        file,
        ("sample_id", "patient_id", "split", "label", "time_days", "event", *names),
        (
            {
                "sample_id": sample.sample_id,
                "patient_id": sample.patient_id,
                "split": split,
                "label": sample.label,
                "time_days": sample.time_days,
                "event": int(sample.event),
                **{name: f"{risk:.9g}" for name, risk in zip(names, row, strict=True)},
            }
            for split, found in splits.items()
            for sample, row in zip(found.samples, found.probabilities, strict=True)
        ),
    )
