"""A training run, as a notebook sees it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lungcam import RESEARCH_USE_ONLY
from lungcam.errors import InputError

if TYPE_CHECKING:
    from lungcam.api.trained_net import TrainedNet

SPLITS = {"val": "validation", "test": "test"}


@dataclass(frozen=True, eq=False, repr=False)
class Run:
    """A training run: its folder, its figures and its net.

    Attributes:
        folder: The run folder, as `train.py` writes it.
    """

    folder: Path

    @cached_property
    def metrics(self) -> Mapping[str, Any]:
        """Content of metrics.json.

        Raises:
            InputError: The run is not finished.
        """
        file = self.folder / "metrics.json"
        if not file.is_file():
            raise InputError(f"{self.folder}: no metrics.json in it; the run is not finished.")
        return json.loads(file.read_text(encoding="utf-8"))

    @property
    def score(self) -> float:
        """Figure of the validation that sweeps compare, such as its AUC."""
        return self.metrics["val"][self._score_name]

    @property
    def report(self) -> Path:
        """Path of report.html."""
        return self.folder / "report.html"

    def load(self, *, device: str = "cpu", plugins: Sequence[str] = ()) -> "TrainedNet":
        """Load the net of the best epoch; see `lungcam.load`.

        Args:
            device: torch's name of the device.
            plugins: Files and modules with code of the net that is not lungcam's.
        """
        from lungcam.api.trained_net import load

        return load(self.folder, device=device, plugins=plugins)

    def __repr__(self) -> str:
        if not (self.folder / "metrics.json").is_file():
            return f"<Run {self.folder}: not finished>"
        value, interval = self._figure("test")
        return f"<Run {self.folder}: test {self._score_name} {value}{interval}>"

    def _repr_html_(self) -> str:
        if not (self.folder / "metrics.json").is_file():
            return f"<p>{escape(repr(self))}</p>"
        rows = "".join(
            f"<tr><th>{name}</th><td>{' '.join(self._figure(split))}</td></tr>"
            for split, name in SPLITS.items()
            if split in self.metrics
        )
        rule = escape(str(self.metrics["label_rule"]))
        return (
            f"<p><b>{escape(str(self.folder))}</b> ({rule})</p>"
            f"<table><tr><th></th><td>{escape(self._score_name)} (95 % interval)</td></tr>{rows}"
            f"</table><p>{escape(RESEARCH_USE_ONLY)}</p>"
        )

    @property
    def _score_name(self) -> str:
        # runs of earlier versions name none
        return self.metrics.get("score", "auc")

    def _figure(self, split: str) -> tuple[str, str]:
        """Return the score of a split and its interval as texts."""
        figures = self.metrics[split]
        value, interval = figures.get(self._score_name), figures.get(f"{self._score_name}_ci95")
        shown = "-" if value is None else f"{value:.3f}"
        return shown, f" ({interval[0]:.3f} to {interval[1]:.3f})" if interval else ""
