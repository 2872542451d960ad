"""A trained net, as a notebook loads it."""

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import torch

from lungcam.api.prediction import Prediction
from lungcam.api.scan import CTScan
from lungcam.cohorts import Sample
from lungcam.config.paths import find_checkpoints
from lungcam.evaluation.ensemble import Ensemble, load_ensemble
from lungcam.inference.predict import predict_prepared
from lungcam.inference.prediction_file import prediction_record
from lungcam.inference.prepare import prepare_scan
from lungcam.runtime.stopwatch import Stopwatch
from lungcam.scans import scan_name


@dataclass(frozen=True, eq=False, repr=False)
class TrainedNet:
    """A trained net with all that applies it to a scan.

    Attributes:
        ensemble: The net, or several, with transforms, calibration and threshold.
        paths: Checkpoint of each.
    """

    ensemble: Ensemble
    paths: Sequence[Path]

    @property
    def label_rule(self) -> str:
        """Meaning of label 1."""
        return self.ensemble.label_rule

    def predict(
        self,
        scan: CTScan | str | PathLike[str],
        *,
        series: str | None = None,
        center_mm: tuple[float, float, float] | None = None,
    ) -> Prediction:
        """Predict and explain a scan as `infer.py` does; nothing is written.

        Args:
            scan: The scan, or its path. It is read from its files as the net needs it.
            series: SeriesInstanceUID, where a folder holds several.
            center_mm: Centre of the nodule in RAS mm, for a net of nodules. Without it such a net
                takes the middle of a crop, and searches a whole chest.

        Raises:
            InputError: The scan cannot be read, or does not suit the net.
        """
        path = scan.path if isinstance(scan, CTScan) else Path(scan)
        if isinstance(scan, CTScan):
            series = series or scan.series
        name = scan_name(path.resolve())
        sample = Sample(
            sample_id=name,
            patient_id=name,
            image=path,
            label=None,
            label_source="",
            series_uid=series,
            center_mm=center_mm,
        )
        prepared = prepare_scan(sample, self.ensemble.transforms)
        computed = predict_prepared(self.ensemble, prepared, watch=Stopwatch())
        record = prediction_record(
            self.ensemble, prepared, prediction=computed, warnings=computed.warnings
        )
        return Prediction(
            record=record, scan=prepared.scan, ensemble=self.ensemble, computed=computed
        )

    def __repr__(self) -> str:
        return f"<TrainedNet {self.ensemble.model}, {self.ensemble.task.name}: {self.label_rule}>"


def load(
    path: str | PathLike[str] | Sequence[str | PathLike[str]],
    *,
    device: str = "cpu",
    plugins: Sequence[str] = (),
    tta: str | None = None,
) -> TrainedNet:
    """Load a trained net, or several that are applied as one.

    Args:
        path: A checkpoint file, the folder of a training run or of a cross-validation, or a list.
        device: torch's name of the device, such as `cuda` or `mps`.
        tta: `flips` to average each net over mirror images.
        plugins: Files and modules with code of the net that is not lungcam's.

    Raises:
        InputError: There is no checkpoint, or it does not fit this version.

    Examples:
        >>> net = lungcam.load("outputs/runs/RUN")
        >>> net.predict("path/to/dicom_folder").probability
    """
    listed = path if isinstance(path, list | tuple) else [path]
    files = find_checkpoints([str(item) for item in listed])
    return TrainedNet(load_ensemble(files, torch.device(device), plugins=plugins, tta=tta), files)
