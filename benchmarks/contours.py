"""What readers have drawn, as voxels of a scan."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk
from skimage.draw import polygon

from lungcam.scans import Scan

SPACE = "{http://www.nih.gov}"
# the Chest Imaging Platform's regions, in the low byte: thirds of the left and of the right lung;
# the high byte tells airway and vessel apart
CIP_LUNGS = range(9, 15)


@dataclass(frozen=True)
class Outline:
    """A nodule as one reader drew it.

    Attributes:
        reader: Number of the reader, from 1.
        malignancy: The reader's rating, 1-5.
        voxels: `(W, H, D)` bool in the scan's own axis order.
    """

    reader: int
    malignancy: int
    voxels: np.ndarray


def slice_of(scan: Scan) -> dict[str, int]:
    """Index of each slice by its SOP instance UID."""
    found = {}
    for file in sorted(Path(scan.source).glob("*.dcm")):
        tags = pydicom.dcmread(file, stop_before_pixels=True)
        x, y, z = (float(mm) for mm in tags.ImagePositionPatient)
        found[str(tags.SOPInstanceUID)] = round(float(scan.grid.to_index([-x, -y, z])[2]))
    return found


def lidc_outlines(scan: Scan) -> list[Outline]:
    """Draw the nodules of at least 3 mm from the XML file beside a LIDC-IDRI scan's slices.

    The outline is the first pixel outside the nodule; a region with inclusion FALSE is taken out.

    Args:
        scan: Read from the folder of its slices.

    Returns:
        A nodule of each reader, in the file's order.
    """
    slices, outlines = slice_of(scan), []
    file = next(Path(scan.source).glob("*.xml"))
    root = ET.parse(file).getroot()
    for reader, session in enumerate(root.iter(SPACE + "readingSession"), start=1):
        for nodule in session.iter(SPACE + "unblindedReadNodule"):
            rating = nodule.findtext(f"{SPACE}characteristics/{SPACE}malignancy")
            voxels = np.zeros(scan.hu.shape, bool)
            regions = sorted(_regions(nodule), key=lambda region: not region[1])
            for sop, included, inside in regions:
                voxels[:, :, slices[sop]][inside] = included
            if rating and voxels.any():
                outlines.append(Outline(reader, int(rating), voxels))
    return outlines


def _regions(nodule: ET.Element) -> Iterator[tuple[str, bool, tuple[np.ndarray, np.ndarray]]]:
    """SOP instance UID, inclusion, columns and rows of a nodule's regions."""
    for region in nodule.iter(SPACE + "roi"):
        edge = region.findall(SPACE + "edgeMap")
        if len(edge) < 2:
            continue
        points = [[int(p.findtext(SPACE + key)) for key in ("xCoord", "yCoord")] for p in edge]
        columns, rows = np.array(points).T
        drawn = set(zip(*polygon(columns, rows), strict=True)) - {tuple(p) for p in points}
        if drawn:
            inside = tuple(np.array(sorted(drawn)).T)
            included = region.findtext(SPACE + "inclusion", "").strip() == "TRUE"
            yield region.findtext(SPACE + "imageSOP_UID").strip(), included, inside


def together(outlines: list[Outline]) -> list[list[Outline]]:
    """Group the outlines that share voxels: those of one nodule."""
    groups: list[list[Outline]] = []
    for outline in outlines:
        near = [g for g in groups if any((one.voxels & outline.voxels).any() for one in g)]
        groups = [g for g in groups if g not in near]
        groups.append([one for group in near for one in group] + [outline])
    return groups


def voc_boxes(scan: Scan, folder: Path) -> tuple[np.ndarray, int]:
    """Draw the boxes of PASCAL VOC files that are named by SOP instance UID.

    Args:
        scan: Read from the folder of its slices.
        folder: Of the XML files.

    Returns:
        `(W, H, D)` bool in the scan's own axis order, and how many slices have a box.
    """
    voxels, slices = np.zeros(scan.hu.shape, bool), slice_of(scan)
    files = [file for file in sorted(folder.glob("*.xml")) if file.stem in slices]
    for file in files:
        for box in ET.parse(file).getroot().iter("bndbox"):
            low_x, low_y, high_x, high_y = (
                int(box.findtext(key)) for key in ("xmin", "ymin", "xmax", "ymax")
            )
            voxels[low_x : high_x + 1, low_y : high_y + 1, slices[file.stem]] = True
    return voxels, len(files)


def cip_lungs(scan: Scan, labels: Path) -> np.ndarray:
    """Read the lungs of a Chest Imaging Platform label map, `(W, H, D)` bool as the scan lies.

    Args:
        scan: The scan that the map belongs to, on the same grid.
        labels: The label map.

    Returns:
        Both lungs, with the airways and vessels in them.
    """
    lungs = np.isin(sitk.GetArrayFromImage(sitk.ReadImage(labels)).T & 0xFF, list(CIP_LUNGS))
    if lungs.shape != scan.hu.shape:
        raise ValueError(f"{labels} is of shape {lungs.shape}, its scan of {scan.hu.shape}.")
    return lungs
