"""Whether the net's answer hangs on a lesion: paint lung over it and ask again."""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torchio as tio
from torch import nn
from tqdm import tqdm

from lungcam.callbacks import HeatmapExport
from lungcam.cohorts import Sample
from lungcam.data import prepare_sample
from lungcam.data.annotated_lesions import annotated_lesions
from lungcam.explain import HeatMap
from lungcam.explain.inpaint import (
    AERATED_HU,
    control_region,
    highlighted_regions,
    inpaint,
)
from lungcam.grid import Grid, reorient
from lungcam.runtime.atomic import write_text
from lungcam.scans import write_volume
from lungcam.transforms.pipeline import reapply_view
from lungcam.transforms.subject import grid, volume


@dataclass(frozen=True, eq=False, kw_only=True)
class LesionErasure:
    """What became of the lesions of one scan.

    Attributes:
        lesions: For JSON, one each: `source` (annotated or highlighted), `center_ras_mm` and
            `volume_ml` of what was painted over, `diameter_mm` where it is annotated,
            `logit_before`, `logit_after`, `change`, `map_share` (of the map's mass for the positive
            class, that which lies there) and `control`: the same for an equally large region
            elsewhere in the lungs, None where there is no place for it.
        scan: `(W, H, D)` HU on `grid`, all lesions painted over; None where there was none.
        grid: Where it stands.
        warnings: Sentences on what could not be painted over.
    """

    lesions: Sequence[dict[str, object]]
    scan: np.ndarray | None
    grid: Grid
    warnings: Sequence[str]

    def write(self, file: Path, scan: Grid) -> None:
        """Write the painted scan, if there is one, on the scan's own grid."""
        if self.scan is not None:
            write_volume(file, reorient(self.scan, self.grid, target=scan), grid=scan)


def erase_lesions(
    net: nn.Module,
    subject: tio.Subject,
    *,
    transforms: tio.Compose,
    sample: Sample,
    heat: HeatMap,
    seed: int = 0,
) -> LesionErasure:
    """Paint over each lesion of a scan by itself, prepare the scan again and compare the logits.

    Args:
        net: Maps the prepared input to a logit; in evaluation mode.
        subject: The prepared scan.
        transforms: That prepared it.
        sample: The lesion's mask, or centre and diameter, where they are known; else what the map
            highlights is taken.
        heat: The map of the prepared scan.
        seed: Of texture and control.
    """
    at, hu = grid(subject, "image"), volume(subject, "image")
    for_positive = np.maximum(heat.on(at), 0)
    total = float(for_positive.sum())
    regions, source = annotated_lesions(sample, at), "annotated"
    if not regions:
        seen = volume(subject, "mask") if "mask" in subject else None
        cell_mm = max(heat.cells.spacing_mm)
        regions, source = (
            highlighted_regions(for_positive, at, cell_mm=cell_mm, seen=seen),
            "highlighted",
        )
    allowed = _allowed(subject, hu, grid=at)
    avoided = np.any(regions, axis=0) if regions else None
    painted, lesions, warnings = None, [], []
    before = _logit(net, subject)

    def told(region: np.ndarray) -> dict[str, object]:
        after = _logit(
            net,
            reapply_view(subject, inpaint(hu, region, grid=at, seed=seed), transforms=transforms),
        )
        center = at.to_world(np.argwhere(region).mean(axis=0))
        return {
            "center_ras_mm": [round(float(x), 2) for x in center],
            "volume_ml": round(float(region.sum() * np.prod(at.spacing_mm) / 1000), 3),
            "logit_before": before,
            "logit_after": after,
            "change": after - before,
            "map_share": float(for_positive[region].sum()) / total if total > 0 else None,
        }

    for number, region in enumerate(regions):
        try:
            found = {"source": source, **told(region)}
            painted = inpaint(hu if painted is None else painted, region, grid=at, seed=seed)
        except ValueError as error:
            warnings.append(f"A lesion was not erased: {error}")
            continue
        if source == "annotated":
            found["diameter_mm"] = sample.diameter_mm
        found["control"] = None
        moved = control_region(region, allowed, avoided=avoided, seed=seed + number)
        if moved is not None:
            # no lung to copy there: no control, but the lesion's figures stand
            with suppress(ValueError):
                found["control"] = told(moved)
        lesions.append(found)
    return LesionErasure(lesions=lesions, scan=painted, grid=at, warnings=warnings)


def erase_exported(
    net: nn.Module, transforms: tio.Compose, *, exports: Iterable[HeatmapExport]
) -> None:
    """Erase the lesions of a run's exported samples: `cam/<id>/{erased.json,erased.nii.gz}`."""
    for export in exports:
        for sample, heat in tqdm(export.heatmaps, desc="erasing lesions"):
            prepared = prepare_sample(sample, transforms)
            erased = erase_lesions(
                net, prepared.subject, transforms=transforms, sample=sample, heat=heat
            )
            folder = export.folder / sample.sample_id
            erased.write(folder / "erased.nii.gz", prepared.scan.grid)
            told = {"erased": erased.lesions, "warnings": erased.warnings}
            write_text(folder / "erased.json", json.dumps(told, indent=2) + "\n")


def describe_change(lesion: Mapping[str, object]) -> str:
    """One of `Erased.lesions` in a line."""
    told = f"logit {lesion['change']:+.2f}"
    if lesion["map_share"] is not None:
        told += f", {lesion['map_share']:.0%} of the map lies there"
    if lesion["control"] is not None:
        told += f"; as much lung elsewhere: {lesion['control']['change']:+.2f}"
    return told


def _allowed(subject: tio.Subject, hu: np.ndarray, *, grid: Grid) -> np.ndarray:
    """Where the control may lie: in the lungs, or where none are known in shown aerated lung."""
    if "lungs" in subject:
        return volume(subject, "lungs")
    shown = grid(subject, "input")
    index = [np.arange(n) for n in grid.shape]
    step = np.linalg.solve(shown.affine, grid.affine)
    within = [
        np.abs(step[axis, axis] * index[axis] + step[axis, 3] - (shown.shape[axis] - 1) / 2)
        <= shown.shape[axis] / 2
        for axis in range(3)
    ]
    cube = within[0][:, None, None] & within[1][:, None] & within[2]
    return cube & (hu >= AERATED_HU[0]) & (hu <= AERATED_HU[1])


@torch.no_grad()
def _logit(net: nn.Module, subject: tio.Subject) -> float:
    image = subject["input"].data[None].to(next(net.parameters()).device)
    return float(net(image))
