"""Prediction of a scan, as a notebook shows it."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from lungcam import RESEARCH_USE_ONLY
from lungcam.api.picture import picture_tag
from lungcam.errors import InputError
from lungcam.evaluation.ensemble import Ensemble
from lungcam.explain import method_name
from lungcam.grid import reorient
from lungcam.inference.predict import ScanPrediction
from lungcam.scans import Scan

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, kw_only=True, repr=False)
class Candidate:
    """A place that looks like a nodule, from the search of a whole chest.

    Attributes:
        center_mm: Its centre in RAS mm.
        probability: Probability that it is a nodule, times its rating.
        nodule: Probability that it is a nodule, by the detector.
        rating: Probability of label 1 of the nodule, by the nets.
        diameter_mm: Diameter of its outline; None where nothing is outlined.
        side: Side of the body, such as `left`.
        third: Third of the lung's height, such as `upper`.
        pleura_mm: Distance from the centre to the nearest place outside of the lungs.
    """

    center_mm: tuple[float, float, float]
    probability: float
    nodule: float
    rating: float
    diameter_mm: float | None
    side: str
    third: str
    pleura_mm: float

    def __repr__(self) -> str:
        place = ", ".join(f"{x:.0f}" for x in self.center_mm)
        size = "" if self.diameter_mm is None else f", {self.diameter_mm:.0f} mm"
        return f"<Candidate {self.side} {self.third} at {place} mm: {self.probability:.3f}{size}>"


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Prediction:
    """Prediction of a scan, equal to that of `infer.py`.

    Attributes:
        record: Content of prediction.json, without times and names of files.
        scan: The scan that was predicted.
        ensemble: The trained net, or several.
        computed: Logits, heat-map and masks as they were computed.
    """

    record: Mapping[str, Any]
    scan: Scan
    ensemble: Ensemble
    computed: ScanPrediction

    @property
    def probability(self) -> float:
        """Probability of label 1, calibrated if possible; `record` holds other tasks' answers."""
        return self._of_label("probability")

    @property
    def logit(self) -> float:
        """Logit of label 1, the net's own."""
        return self._of_label("logit")

    @property
    def answer(self) -> str:
        """Answer in a few words, whatever the task."""
        return self.ensemble.task.answer(self.record)

    @property
    def label_rule(self) -> str:
        """Meaning of label 1."""
        return self.record["label_rule"]

    @property
    def warnings(self) -> Sequence[str]:
        """Sentences on the scan, its mask and the heat-map."""
        mark = self.ensemble.mark
        return [*self.record["warnings"], *([mark] if mark else [])]

    @property
    def peak_mm(self) -> tuple[float, float, float] | None:
        """Highest peak of the heat-map in RAS mm; None if it has none."""
        peak = self.record["heatmap_peak_ras_mm"]
        return None if peak is None else tuple(peak)

    @cached_property
    def heatmap(self) -> np.ndarray:
        """`(W, H, D)` float32 heat-map on the scan's grid, signed, in units of the logit."""
        return self.computed.heat.on(self.scan.grid)

    @property
    def candidates(self) -> Sequence[Candidate]:
        """Places that look like a nodule, the most suspicious first; none without a search."""
        names = [item.name for item in fields(Candidate) if item.name != "center_mm"]
        return [
            Candidate(
                center_mm=tuple(entry["center_ras_mm"]), **{name: entry[name] for name in names}
            )
            for entry in self.record.get("candidates", ())
        ]

    def show(self) -> None:
        """Show `plot` in the notebook, or in a window where there is no notebook.

        Raises:
            InputError: There is no screen.
        """
        # the notebook is there already, and pyplot loads slowly
        if "IPython" in sys.modules and sys.modules["IPython"].get_ipython() is not None:
            sys.modules["IPython"].display.display(self)
            return
        from lungcam.report.figure_window import show_figure

        if not show_figure(self.plot()):
            raise InputError("show: there is no screen; write a file with plot().savefig(FILE).")

    def plot(self) -> "Figure":
        """Draw the axial, coronal and sagittal slice through the peak, with the heat-map.

        Returns:
            A figure of matplotlib; `savefig` writes it.
        """
        # matplotlib loads slowly
        from lungcam.report.peak_slices import draw_peak_slices

        canonical = self.scan.grid.canonical
        return draw_peak_slices(
            reorient(self.scan.hu, self.scan.grid, target=canonical),
            canonical,
            heat=self.computed.heat,
            peak_mm=self.peak_mm,
            title=self._title,
            method=method_name(self.ensemble.method, self.ensemble.evidence),
            label_rule=self.label_rule,
            mark=self.ensemble.mark,
        )

    def __repr__(self) -> str:
        peak = self.peak_mm
        place = "no peak" if peak is None else "peak at {:.0f}, {:.0f}, {:.0f} mm".format(*peak)
        return f"<Prediction of {self.scan.name}: {self.answer}, {place}>"

    def _repr_html_(self) -> str:
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.warnings)
        return (
            f"<p><b>{escape(self._title)}</b> ({escape(self.label_rule)})</p>"
            f"{picture_tag(self.plot(), 'Slices through the peak of the heat-map')}"
            f"{f'<ul>{notes}</ul>' if notes else ''}<p>{escape(RESEARCH_USE_ONLY)}</p>"
        )

    @property
    def _title(self) -> str:
        return self.answer[:1].upper() + self.answer[1:]

    def _of_label(self, name: str) -> float:
        """Return a value of label 1.

        Raises:
            AttributeError: The net answers another question.
        """
        if name not in self.record:
            raise AttributeError(
                f"a net of task={self.ensemble.task.name} gives no {name} of label 1; see record."
            )
        return self.record[name]
