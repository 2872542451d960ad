"""Erasure of lesions: how the logit changes if lung replaces a lesion."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torchio as tio
from torch import nn
from tqdm import tqdm

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
from lungcam.runtime.atomic import write_json
from lungcam.scans import Scan, write_volume
from lungcam.transforms.pipeline import reapply_view
from lungcam.transforms.subject import grid, volume

if TYPE_CHECKING:
    # Lightning takes a while to load
    from lungcam.callbacks import HeatmapExport


@dataclass(frozen=True, eq=False, kw_only=True)
class LesionErasure:
    """Result of erasing the lesions of one scan.

    Attributes:
        lesions: For each lesion a dict for JSON: `source` (annotated or highlighted),
            `center_ras_mm` and `volume_ml` of the erased region, `diameter_mm` if it is annotated,
            `logit_before`, `logit_after`, `change`, `map_share` (share of the map's mass for the
            positive class in the region) and `control`: the same for an equally large region
            elsewhere in the lungs, None if there is no room for it.
        scan: `(W, H, D)` HU on `grid` with all lesions erased; None if there was none.
        grid: Grid of the scan.
        warnings: Sentences on lesions that could not be erased.
    """

    lesions: Sequence[dict[str, object]]
    scan: np.ndarray | None
    grid: Grid
    warnings: Sequence[str]

    def write(self, file: Path, scan: Grid) -> None:
        """Write the scan with its lesions erased, if there were any, on its own grid."""
        if self.scan is not None:
            write_volume(file, reorient(self.scan, self.grid, target=scan), grid=scan)


@dataclass(frozen=True, eq=False, kw_only=True)
class _Eraser:
    """Erases regions of one scan and measures what changes.

    Attributes:
        net: Maps the prepared input to a logit; in evaluation mode.
        subject: Prepared scan.
        transforms: Transforms that prepared it.
        positive_heat: `(W, H, D)` evidence for the positive class on the scan's grid, >= 0.
        seed: Seed of the texture.
    """

    net: nn.Module
    subject: tio.Subject
    transforms: tio.Compose
    positive_heat: np.ndarray
    seed: int

    def measure(self, region: np.ndarray, *, logit: float) -> dict[str, object]:
        """Erase a region `(W, H, D)` and compare the logit with that of the whole scan.

        Raises:
            ValueError: There is no lung around the region.
        """
        image, hu = grid(self.subject, "image"), volume(self.subject, "image")
        erased = inpaint(hu, region, grid=image, seed=self.seed)
        after = _logit(self.net, reapply_view(self.subject, erased, transforms=self.transforms))
        center = image.to_world(np.argwhere(region).mean(axis=0))
        total = float(self.positive_heat.sum())
        inside = float(self.positive_heat[region].sum())
        return {
            "center_ras_mm": [round(float(x), 2) for x in center],
            "volume_ml": round(float(region.sum() * np.prod(image.spacing_mm) / 1000), 3),
            "logit_before": logit,
            "logit_after": after,
            "change": after - logit,
            "map_share": inside / total if total > 0 else None,
        }


def erase_lesions(
    net: nn.Module,
    subject: tio.Subject,
    *,
    transforms: tio.Compose,
    sample: Sample,
    heat: HeatMap,
    scan: Scan | None = None,
    seed: int = 0,
) -> LesionErasure:
    """Erase each lesion of a scan by itself, prepare the scan again and compare the logits.

    Lesions are those that are annotated, or else the regions that the map highlights.

    Args:
        net: Maps the prepared input to a logit; in evaluation mode.
        subject: Prepared scan.
        transforms: Transforms that prepared it.
        sample: Sample of the scan.
        heat: Map of the prepared scan.
        scan: The scan as it was read.
        seed: Seed of texture and control.

    Raises:
        InputError: The mask of the sample's lesion does not fit the scan.
    """
    image, hu = grid(subject, "image"), volume(subject, "image")
    positive_heat = np.maximum(heat.on(image), 0)
    regions, source = annotated_lesions(sample, image, scan=scan), "annotated"
    if not regions:
        mask = volume(subject, "mask") if "mask" in subject else None
        cell_mm = max(heat.cells.spacing_mm)
        regions = highlighted_regions(positive_heat, image, cell_mm=cell_mm, seen=mask)
        source = "highlighted"
    eraser = _Eraser(
        net=net, subject=subject, transforms=transforms, positive_heat=positive_heat, seed=seed
    )
    allowed = _control_area(subject)
    avoided = np.any(regions, axis=0) if regions else None
    erased, lesions, warnings = None, [], []
    logit = _logit(net, subject)
    for number, region in enumerate(regions):
        try:
            lesion = {"source": source, **eraser.measure(region, logit=logit)}
            erased = inpaint(hu if erased is None else erased, region, grid=image, seed=seed)
        except ValueError as error:
            warnings.append(f"A lesion was not erased: {error}")
            continue
        if source == "annotated":
            lesion["diameter_mm"] = sample.diameter_mm
        lesion["control"] = None
        control = control_region(region, allowed, avoided=avoided, seed=seed + number)
        if control is not None:
            # without lung to copy there is no control, but the lesion's own figures count
            with suppress(ValueError):
                lesion["control"] = eraser.measure(control, logit=logit)
        lesions.append(lesion)
    return LesionErasure(lesions=lesions, scan=erased, grid=image, warnings=warnings)


def erase_exported(
    net: nn.Module, transforms: tio.Compose, *, exports: Iterable["HeatmapExport"]
) -> None:
    """Erase the lesions of a run's exported samples: `cam/<id>/{erased.json,erased.nii.gz}`."""
    for export in exports:
        for sample, heat in tqdm(export.heatmaps, desc="erasing lesions"):
            prepared = prepare_sample(sample, transforms)
            erasure = erase_lesions(
                net,
                prepared.subject,
                transforms=transforms,
                sample=sample,
                heat=heat,
                scan=prepared.scan,
            )
            folder = export.folder / sample.sample_id
            erasure.write(folder / "erased.nii.gz", prepared.scan.grid)
            record = {"erased": erasure.lesions, "warnings": erasure.warnings}
            write_json(folder / "erased.json", record)


def describe_change(lesion: Mapping[str, Any]) -> str:
    """Put one of `LesionErasure.lesions` into a line."""
    line = f"logit {lesion['change']:+.2f}"
    if lesion["map_share"] is not None:
        line += f", {lesion['map_share']:.0%} of the map lies there"
    if lesion["control"] is not None:
        line += f"; as much lung elsewhere: {lesion['control']['change']:+.2f}"
    return line


def _control_area(subject: tio.Subject) -> np.ndarray:
    """Return where a control may lie: the lungs, or in a crop the aerated voxels that are shown."""
    if "lungs" in subject:
        return volume(subject, "lungs")
    image, hu, shown = grid(subject, "image"), volume(subject, "image"), grid(subject, "input")
    index = [np.arange(n) for n in image.shape]
    step = np.linalg.solve(shown.affine, image.affine)
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
