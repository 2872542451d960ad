"""Result of one scan: everything computed for it, from which its files are made."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from lungcam.cohorts import Sample
from lungcam.evaluation.ensemble import Ensemble
from lungcam.evaluation.lesion_erasure import LesionErasure
from lungcam.explain import HeatMap, method_name
from lungcam.grid import reorient
from lungcam.inference.predict import ScanPrediction
from lungcam.render import PictureInputs
from lungcam.report.outlines import outlines_of
from lungcam.scans import Scan
from lungcam.transforms.subject import grid


@dataclass(frozen=True, eq=False, kw_only=True)
class ScanResult:
    """Everything computed for one scan.

    Attributes:
        ensemble: The trained nets.
        sample: Sample of the scan.
        scan: The scan.
        prediction: Prediction with its explanation.
        heat: `(W, H, D)` heat-map on the scan's grid.
        erasure: Scan with its lesions erased, if requested.
    """

    ensemble: Ensemble
    sample: Sample
    scan: Scan
    prediction: ScanPrediction
    heat: np.ndarray
    erasure: LesionErasure | None = None

    @property
    def warnings(self) -> Sequence[str]:
        """Sentences for the user."""
        return [*self.prediction.warnings, *(self.erasure.warnings if self.erasure else ())]

    @property
    def title(self) -> str:
        """Name of the scan, the answer and the net, in a line."""
        task, prediction = self.ensemble.task, self.prediction
        answer = task.prediction(prediction.logits, self.ensemble.fit)
        answer = task.answer(answer | {"label_rule": self.ensemble.label_rule})
        return f"{self.sample.sample_id}: {answer} ({self.ensemble.model})"

    def picture_inputs(self) -> PictureInputs:
        """Return the inputs of the scan's pictures, on its canonical grid."""
        canonical = self.scan.grid.canonical
        return PictureInputs(
            hu=reorient(self.scan.hu, self.scan.grid, target=canonical),
            lungs=self.prediction.masks["lungs"],
            heat=reorient(self.heat, self.scan.grid, target=canonical),
            spacing_mm=canonical.spacing_mm,
            heat_name=method_name(self.ensemble.method, self.ensemble.evidence),
            mark=self.ensemble.mark,
            doubt=self.prediction.trust.mark,
            title=self.title,
            outlines=outlines_of(self.sample, canonical),
        )

    def task_maps(self) -> Iterable[tuple[str, HeatMap]]:
        """Return the task's further heat-maps by name; see `lungcam.tasks.Task.maps`."""
        input_grid = grid(self.prediction.subject, "input")
        return self.ensemble.task_maps(self.prediction.image, input_grid)
