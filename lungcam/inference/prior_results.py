"""Earlier results of a scan, which its report shows next to the new one."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lungcam.errors import InputError, plain_text
from lungcam.inference.own_results import PREDICTION
from lungcam.scans import Scan

# a text in a file that may come from anyone
LONGEST_TEXT = 200
# bytes of a prediction.json; those of a long list of candidates have a tenth
LARGEST = 4 << 20


@dataclass(frozen=True, kw_only=True)
class PriorResult:
    """Earlier result of a scan.

    Attributes:
        folder: Its folder, as the user has given it.
        scan: Name of the scan.
        series_uid: SeriesInstanceUID, or None.
        nets: Names of the nets, or the beginning of the checkpoint's SHA-256.
        label_rule: Meaning of label 1.
        method: Method of the heat-map.
        probability: Probability of label 1; None of a task without.
        label: The decision, 0 or 1, or None.
        peak_mm: Highest peak of the heat-map in RAS mm, or None.
    """

    folder: str
    scan: str
    series_uid: str | None
    nets: str
    label_rule: str
    method: str
    probability: float | None
    label: int | None
    peak_mm: tuple[float, float, float] | None

    def as_record(self, peak_mm: Sequence[float] | None) -> dict[str, Any]:
        """Return it as prediction.json holds it, without its folder.

        Args:
            peak_mm: Highest peak of the new heat-map in RAS mm, or None.
        """
        known = peak_mm is not None and self.peak_mm is not None
        return {
            "nets": self.nets,
            "label_rule": self.label_rule,
            "method": self.method,
            "probability": self.probability,
            "label": self.label,
            "peak_ras_mm": None if self.peak_mm is None else list(self.peak_mm),
            "peaks_apart_mm": round(math.dist(self.peak_mm, peak_mm), 1) if known else None,
        }


def read_priors(folders: Sequence[str], name: str) -> list[PriorResult]:
    """Read earlier results of a scan.

    Args:
        folders: Folders of its results, or folders with one of its name.
        name: Name of the scan.

    Raises:
        InputError: There is no result of it, or it is damaged.
    """
    return [_read_prior(folder, name) for folder in folders]


def refuse_other_scans(priors: Sequence[PriorResult], scan: Scan, *, name: str) -> None:
    """Refuse results that cannot be those of a scan.

    A scan is known by its SeriesInstanceUID, or by its name where one of both has none.

    Args:
        priors: The results.
        scan: The scan.
        name: Its name.

    Raises:
        InputError: Names the folder.
    """
    for prior in priors:
        by_series = prior.series_uid is not None and scan.series_uid is not None
        same = prior.series_uid == scan.series_uid if by_series else prior.scan == name
        if same and prior.peak_mm is not None:
            index = scan.grid.to_index(np.array(prior.peak_mm))
            same = bool(((index > -1) & (index < scan.grid.shape)).all())
        if not same:
            raise InputError(f"prior={prior.folder}: this is the result of another scan.")


def _read_prior(folder: str, name: str) -> PriorResult:
    files = [Path(folder) / PREDICTION, Path(folder) / name / PREDICTION]
    file = next((file for file in files if file.is_file()), None)
    if file is None:
        raise InputError(
            f"prior={folder}: there is no {PREDICTION} of {name}; give the folder of an earlier "
            "result, or its out=."
        )
    try:
        if file.stat().st_size > LARGEST:
            raise ValueError
        return _checked(folder, json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{file}: it is damaged; predict again.") from error


def _checked(folder: str, record: Mapping[str, Any]) -> PriorResult:
    """Take what the report shows from a prediction.json of any version.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: It is not one.
    """
    peak, probability = record["heatmap_peak_ras_mm"], record.get("probability")
    numbers = [*(peak or ()), *([] if probability is None else [probability])]
    if not all(isinstance(x, int | float) and math.isfinite(x) for x in numbers):
        raise ValueError
    if peak is not None and len(peak) != 3:
        raise ValueError
    names = [net["name"] for net in record.get("nets", ())]
    nets = ", ".join(map(_text, names)) or f"sha256 {_text(record['checkpoint_sha256'])[:12]}"
    series_uid = record["series_uid"]
    label = record.get("label")
    return PriorResult(
        folder=folder,
        scan=_text(record["scan"]),
        series_uid=None if series_uid is None else _text(series_uid),
        nets=nets,
        label_rule=_text(record["label_rule"]),
        method=_text(record["explanation"]["method"]),
        probability=probability,
        label=label if label in (0, 1) else None,
        peak_mm=None if peak is None else tuple(map(float, peak)),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return plain_text(value)[:LONGEST_TEXT]
