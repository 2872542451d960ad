"""Result of one scan: everything computed for it, from which its files are made."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from lungcam.cohorts import Sample
from lungcam.evaluation.lesion_erasure import LesionErasure
from lungcam.evaluation.predictor import Predictor
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
        predictor: The trained net.
        sample: Sample of the scan.
        scan: The scan.
        prediction: Prediction with its explanation.
        heat: `(W, H, D)` heat-map on the scan's grid.
        erasure: Scan with its lesions erased, if requested.
    """

    predictor: Predictor
    sample: Sample
    scan: Scan
    prediction: ScanPrediction
    heat: np.ndarray
    erasure: LesionErasure | None = None

    @property
    def warnings(self) -> Sequence[str]:
        """Sentences for the user."""
        return [*self.prediction.warnings, *(self.erasure.warnings if self.erasure else ())]

    def picture_inputs(self) -> PictureInputs:
        """Return the inputs of the scan's pictures, on its canonical grid."""
        canonical = self.scan.grid.canonical
        return PictureInputs(
            hu=reorient(self.scan.hu, self.scan.grid, target=canonical),
            lungs=self.prediction.masks["lungs"],
            heat=reorient(self.heat, self.scan.grid, target=canonical),
            spacing_mm=canonical.spacing_mm,
            heat_name=method_name(self.predictor.method, self.predictor.evidence),
            mark=self.predictor.mark,
            outlines=outlines_of(self.sample, canonical),
        )

    def task_maps(self) -> Iterable[tuple[str, HeatMap]]:
        """Return the task's further heat-maps by name; see `lungcam.tasks.Task.maps`."""
        net = self.predictor.classifier
        image = self.prediction.image.to(next(net.parameters()).device)
        cells = grid(self.prediction.subject, "input")
        return self.predictor.task.maps(net, lambda: self.predictor.explainer(net, image, cells))
