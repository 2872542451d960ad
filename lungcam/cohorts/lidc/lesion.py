"""Lesions: nodules located in the scan, with centre, diameter and mask."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lungcam.cohorts.lidc.annotation import Annotation
from lungcam.cohorts.lidc.consensus import Region, consensus, fill_contours
from lungcam.cohorts.lidc.nodule import Nodule
from lungcam.cohorts.lidc.slices import Slices
from lungcam.grid import Grid
from lungcam.scans import write_volume

# voxels around the mask, so that interpolation at its edge is the same as in the whole volume
MARGIN = 1


@dataclass(frozen=True, eq=False, kw_only=True)
class Lesion:
    """A nodule with its position in the scan.

    Attributes:
        nodule: The readers' annotations; without contours if read from the cache.
        center_mm: RAS mm: mean of the readers' centres of mass. None if no contour encloses a
            pixel.
        diameter_mm: Mean over the readers of the diameter of a sphere with the volume they
            outlined. Of the usual measures it is nearest to LUNA16's diameter_mm (mean difference
            0.16 mm over 1,174 nodules).
        mask: Name of the file with the voxels that at least half of the readers outlined.
    """

    nodule: Nodule
    center_mm: tuple[float, float, float] | None = None
    diameter_mm: float | None = None
    mask: str | None = None

    def as_dict(self) -> dict[str, object]:
        """Return the lesion without contours, for JSON."""
        return {
            "marks": [
                {
                    "reader": annotation.reader,
                    "nodule_id": annotation.nodule_id,
                    "ratings": dict(annotation.ratings),
                }
                for annotation in self.nodule.annotations
            ],
            "ambiguous": self.nodule.ambiguous,
            "center_mm": self.center_mm,
            "diameter_mm": self.diameter_mm,
            "mask": self.mask,
        }


def lesion_from(record: dict) -> Lesion:
    """Return the lesion that `Lesion.as_dict` turned into a record."""
    annotations = tuple(
        Annotation(
            reader=mark["reader"],
            nodule_id=mark["nodule_id"],
            ratings=mark["ratings"],
            contours=(),
        )
        for mark in record["marks"]
    )
    center = record["center_mm"]
    return Lesion(
        nodule=Nodule(annotations, record["ambiguous"]),
        center_mm=None if center is None else tuple(center),
        diameter_mm=record["diameter_mm"],
        mask=record["mask"],
    )


def locate_lesion(nodule: Nodule, slices: Slices, *, mask: Path) -> Lesion:
    """Locate a nodule in the scan and write its mask, unless the file exists.

    Args:
        nodule: Nodule with contours.
        slices: Slices of the scan.
        mask: File for the mask, on a box of the scan's grid.

    Returns:
        The lesion; without centre, diameter and mask if no contour encloses a pixel.
    """
    regions = [
        fill_contours(
            [
                contour
                for annotation in nodule.annotations
                if annotation.reader == reader
                for contour in annotation.contours
            ],
            slices.slice_of,
            shape=slices.grid.shape,
        )
        for reader in nodule.readers
    ]
    regions = [region for region in regions if region is not None and region.mask.any()]
    if not regions:
        return Lesion(nodule=nodule)
    voxel_mm3 = float(np.prod(slices.grid.spacing_mm))
    volumes = np.array([region.mask.sum() for region in regions]) * voxel_mm3
    centers = [np.argwhere(region.mask).mean(axis=0) + region.start for region in regions]
    x, y, z = slices.grid.to_world(np.mean(centers, axis=0)).tolist()
    if not mask.exists():
        _write_mask(mask, consensus(regions), grid=slices.grid)
    diameter = float(np.cbrt(6 * volumes / np.pi).mean())
    return Lesion(nodule=nodule, center_mm=(x, y, z), diameter_mm=diameter, mask=mask.name)


def count_matches(nodule: Nodule, slices: Slices) -> Counter[str]:
    """Count the contours that match a slice by `uid`, only by `height`, or not at all (`none`)."""
    counts: Counter[str] = Counter()
    for annotation in nodule.annotations:
        for contour in annotation.contours:
            if slices.by_uid(contour) is not None:
                counts["uid"] += 1
            elif slices.by_height(contour) is not None:
                counts["height"] += 1
            else:
                counts["none"] += 1
    return counts


def _write_mask(path: Path, region: Region, *, grid: Grid) -> None:
    """Write a region with `MARGIN` around it."""
    box = tuple(
        slice(max(0, side.start - MARGIN), min(size, side.stop + MARGIN))
        for side, size in zip(region.box, grid.shape, strict=True)
    )
    mask = np.zeros([side.stop - side.start for side in box], np.uint8)
    inner = tuple(
        slice(side.start - outer.start, side.stop - outer.start)
        for side, outer in zip(region.box, box, strict=True)
    )
    mask[inner] = region.mask
    write_volume(path, mask, grid=grid.crop(box))
