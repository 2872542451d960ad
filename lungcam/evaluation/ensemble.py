"""Ensemble: one net or several, applied to a scan as one."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torchio as tio

from lungcam.errors import InputError
from lungcam.evaluation.predictor import Predictor, load_predictor
from lungcam.evaluation.track_record import TrackRecord, joint_record
from lungcam.explain import EnsembleExplainer, HeatMap, mean_map
from lungcam.explain.ensemble import explain_mirrored
from lungcam.explain.reliability import FAILED
from lungcam.grid import Grid
from lungcam.metrics import Calibration
from lungcam.nets import EnsembleNet, LogitNet
from lungcam.nets.ensemble_net import UNCHANGED, Mirror
from lungcam.tasks import Fit, Task
from lungcam.transforms import shows_whole_chest

FLIPS = "flips"
# a nodule looks alike from all sides; a chest has a left and a right half, but one head and one
# spine
CUBE_MIRRORS: tuple[Mirror, ...] = tuple(
    tuple(axis for axis in range(3) if chosen[axis]) for chosen in product((False, True), repeat=3)
)
CHEST_MIRRORS: tuple[Mirror, ...] = ((), (0,))
# from the weakest
VERDICTS = ("failed", "unchecked", "passed")
RULE = (
    "each net's logit is calibrated by its own Platt scaling; the probability is the logistic "
    "function of the mean of these calibrated logits, the threshold the mean of the nets' "
    "thresholds, and probability_sd the standard deviation (ddof 1) of the nets' probabilities"
)


@dataclass(frozen=True, eq=False, kw_only=True)
class Ensemble:
    """One trained net or several of one recipe, applied to a scan as one.

    The ensemble's probability is the logistic function of the mean of the nets' calibrated logits.
    With slope s and intercept i of each net's calibration, that is the calibration of mean slope
    and mean intercept, applied to the nets' own logits averaged with weights s / sum(s). This
    average is the ensemble's logit, and the nets' heat-maps are averaged with the same weights. An
    ensemble of one net is that net, to the last bit.

    Attributes:
        nets: The nets, with equal task, label rule, preparation, method and evidence; see
            `load_ensemble`.
        names: Name of each net.
        tta: `FLIPS` to average every net over mirror images; None for the image alone.
    """

    nets: Sequence[Predictor]
    names: Sequence[str] = ("",)
    tta: str | None = None

    # the net

    @property
    def size(self) -> int:
        """Number of nets."""
        return len(self.nets)

    @property
    def mirrors(self) -> Sequence[Mirror]:
        """Mirror images that each net sees."""
        if self.tta is None:
            return UNCHANGED
        return CHEST_MIRRORS if shows_whole_chest(self.transforms) else CUBE_MIRRORS

    @cached_property
    def weights(self) -> Sequence[float]:
        """Weight of each net's logit and map; their sum is 1."""
        slopes = [net.calibration.slope if net.calibration else 1.0 for net in self.nets]
        return tuple(slope / sum(slopes) for slope in slopes)

    @cached_property
    def classifier(self) -> LogitNet:
        """Net with the ensemble's logit, around an `EnsembleNet`."""
        members = [net.classifier for net in self.nets]
        return LogitNet(EnsembleNet(members, self.weights, mirrors=self.mirrors)).eval()

    @property
    def explainer(self) -> EnsembleExplainer:
        """Explainer of `classifier`."""
        return EnsembleExplainer(explainers=[net.explainer for net in self.nets])

    @property
    def device(self) -> torch.device:
        """Device of the nets."""
        return next(self.nets[0].classifier.parameters()).device

    # predictions

    @torch.no_grad()
    def logits(self, image: torch.Tensor) -> np.ndarray:
        """Return all logits of each net for an image `(1, 1, W, H, D)`: `(N,)` or `(N, K)`."""
        return self.classifier.net.each(image.to(self.device))[:, 0].float().cpu().numpy()

    def combine(self, logits: np.ndarray) -> np.ndarray:
        """Return the ensemble's logits, `()` or `(K,)`, from those of each net."""
        if self.size == 1:
            return logits[0]
        return np.tensordot(self.weights, np.asarray(logits, float), axes=1)

    def evidence_of(self, logits: np.ndarray) -> str:
        """Name what heat-maps show evidence for, from all logits of each net."""
        return self.task.evidence(self.nets[0].classifier, self.combine(logits))

    @property
    def fit(self) -> Fit:
        """Values that turn the ensemble's logits into an answer; see `lungcam.tasks.Task.fit`."""
        if self.size == 1:
            return self.nets[0].fit
        return {"threshold": self.threshold, "calibration": asdict(self.calibration)}

    def maps(self, image: torch.Tensor, grid: Grid) -> list[HeatMap]:
        """Return each net's heat-map of an image `(1, 1, W, H, D)` on a grid."""
        return self.explainer.each(self.classifier, image.to(self.device), grid)

    def task_maps(self, image: torch.Tensor, grid: Grid) -> Iterator[tuple[str, HeatMap]]:
        """Yield the task's further heat-maps by name; see `lungcam.tasks.Task.maps`."""
        image = image.to(self.device)
        each_net = [
            self.task.maps(
                net.classifier,
                partial(
                    explain_mirrored,
                    net.explainer,
                    net.classifier,
                    image,
                    grid=grid,
                    mirrors=self.mirrors,
                ),
            )
            for net in self.nets
        ]
        for maps in zip(*each_net, strict=True):
            yield maps[0][0], mean_map([heat for _, heat in maps], self.weights)

    @cached_property
    def calibration(self) -> Calibration:
        """Calibration of the ensemble's logit; a net without one counts as it is."""
        each = [net.calibration or Calibration() for net in self.nets]
        return Calibration(
            float(np.mean([calibration.slope for calibration in each])),
            float(np.mean([calibration.intercept for calibration in each])),
        )

    @property
    def calibrated(self) -> bool:
        """True if every net has a calibration."""
        return all(net.calibration is not None for net in self.nets)

    def probability(self, logit: float) -> float:
        """Return the probability of the ensemble's logit, calibrated if possible."""
        return float(self.calibration.probability(logit))

    @property
    def threshold(self) -> float:
        """Mean of the nets' thresholds."""
        return float(np.mean([net.threshold for net in self.nets]))

    # properties that the nets share, or that the weakest one decides

    @property
    def task(self) -> Task:
        """Task of the nets."""
        return self.nets[0].task

    @property
    def transforms(self) -> tio.Compose:
        """Transforms from a scan to the nets' input."""
        return self.nets[0].transforms

    @property
    def label_rule(self) -> str:
        """Meaning of label 1."""
        return self.nets[0].label_rule

    @property
    def method(self) -> str:
        """Method of the heat-maps."""
        return self.explainer.method

    @property
    def evidence(self) -> str:
        """Evidence that the heat-maps show."""
        return self.explainer.evidence

    @property
    def layer(self) -> str:
        """Explained layer, by its name in the classifier; several names where they differ."""
        return self.explainer.layer

    @property
    def model(self) -> str:
        """Name of the model, with the number of nets if there are several."""
        models = ", ".join(dict.fromkeys(type(net.classifier.net).__name__ for net in self.nets))
        return models if self.size == 1 else f"{self.size} x {models}"

    @property
    def explanation(self) -> Mapping[str, Any]:
        """`verdict` on the heat-maps, the weakest of the nets', and the `reasons` of those nets."""
        verdicts = [net.explanation["verdict"] for net in self.nets]
        weakest = min(verdicts, key=VERDICTS.index)
        if self.size == 1:
            return self.nets[0].explanation
        reasons = [
            reason if weakest == "unchecked" else f"{name}: {reason}"
            for name, net in zip(self.names, self.nets, strict=True)
            for reason in net.explanation["reasons"]
            if net.explanation["verdict"] == weakest
        ]
        return {"verdict": weakest, "reasons": list(dict.fromkeys(reasons))}

    @property
    def card(self) -> str | None:
        """Model card, if all nets come with lungcam; None otherwise."""
        cards = {net.card for net in self.nets}
        return cards.pop() if len(cards) == 1 else None

    @cached_property
    def record(self) -> TrackRecord:
        """Track record of all nets as one."""
        return joint_record([net.record for net in self.nets])

    @property
    def mark(self) -> str | None:
        """Warning for pictures of heat-maps that failed their checks; None otherwise."""
        return FAILED if self.explanation["verdict"] == "failed" else None

    @property
    def sha256(self) -> str:
        """Hash of the checkpoint file; of several, the hash of their hashes, one a line."""
        hashes = [net.sha256 for net in self.nets]
        if self.size == 1:
            return hashes[0]
        return hashlib.sha256("\n".join(hashes).encode()).hexdigest()

    def knows(self, pixels: str, series_uid: str | None) -> bool:
        """Return True if any net was trained or validated on a scan; see `Predictor.knows`."""
        return any(net.knows(pixels, series_uid) for net in self.nets)

    @property
    def table(self) -> Mapping[str, Any]:
        """Arguments of `lungcam.cohorts.table.read_samples`.

        Raises:
            InputError: The nets were trained on tables that are read differently.
        """
        tables = [net.table for net in self.nets]
        for name, table in zip(self.names, tables, strict=True):
            if table != tables[0]:
                raise InputError(
                    f"ckpt: {self.names[0]} and {name} read the columns of a table differently; "
                    "give scan= a folder of scans, or apply the nets one by one."
                )
        return tables[0]


def load_ensemble(
    files: Sequence[Path],
    device: torch.device,
    *,
    explain: Mapping[str, Any] | None = None,
    plugins: Sequence[str] = (),
    tta: str | None = None,
) -> Ensemble:
    """Rebuild trained nets from their checkpoints.

    Args:
        files: Checkpoints that lungcam wrote.
        device: Device of the nets.
        explain: As for `load_predictor`.
        plugins: As for `load_predictor`.
        tta: `FLIPS`, or None.

    Raises:
        InputError: A checkpoint is at fault, or two of them do not fit together.
    """
    nets: list[Predictor] = []
    for file in files:
        nets.append(load_predictor(file, device, explain=explain, plugins=plugins))
        _refuse_misfit(files, nets)
    task = nets[0].task
    if (len(nets) > 1 or tta is not None) and not task.has_positive:
        raise InputError(
            f"{files[0]}: several nets, and mirror images, are averaged over the logit of label 1, "
            f"and a net of task={task.name} has none; apply one net, without tta."
        )
    return Ensemble(nets=nets, names=net_names(files), tta=tta)


def net_names(files: Sequence[Path]) -> list[str]:
    """Name nets after their run folders, or files, with as many folders as tell them apart."""
    paths = [
        file.parents[1] if file.parent.name == "checkpoints" else file.with_suffix("")
        for file in (file.absolute() for file in files)
    ]
    longest = max(len(path.parts) for path in paths)
    for parts in range(1, longest):
        names = ["/".join(path.parts[-parts:]) for path in paths]
        if len(set(names)) == len(names):
            return names
    return [str(number) for number in range(1, len(paths) + 1)]


def _refuse_misfit(files: Sequence[Path], nets: Sequence[Predictor]) -> None:
    """Refuse the last net if it does not fit the first, or is one of the others.

    Raises:
        InputError: Names two checkpoints.
    """
    last, pair = nets[-1], f"{files[0]} and {files[len(nets) - 1]}"
    for file, net in zip(files, nets[:-1], strict=False):
        if net.sha256 == last.sha256:
            raise InputError(
                f"{file} and {files[len(nets) - 1]}: the same net twice; name each once in ckpt=."
            )
    first = nets[0]
    reasons = {
        f"they answer other questions (task={first.task.name} and task={last.task.name})": (
            first.task.name != last.task.name
        ),
        f"their labels differ ('{first.label_rule}' and '{last.label_rule}')": (
            first.label_rule != last.label_rule
        ),
        "they prepare a scan differently (view or transforms)": (_steps(first) != _steps(last)),
    }
    for reason, applies in reasons.items():
        if applies:
            raise InputError(f"{pair}: {reason}; apply them one by one.")
    for key in ("method", "evidence"):
        values = getattr(first, key), getattr(last, key)
        if values[0] != values[1]:
            raise InputError(
                f"{pair}: their heat-maps differ in kind ({' and '.join(values)}); choose "
                f"explain.{key}= for all."
            )


def _steps(net: Predictor) -> list[tuple[str, Any]]:
    """Return the transforms of a net, in their order."""
    return list(net.preparation.items())
