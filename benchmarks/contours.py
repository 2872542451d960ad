"""Contours, boxes and label maps as voxels of a scan."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk
from skimage.draw import polygon2mask

from lungcam.cohorts.lidc import cluster, read_readings
from lungcam.cohorts.lidc.consensus import fill_contours
from lungcam.scans import Scan

# the Chest Imaging Platform's regions, in the low byte: thirds of the left and of the right lung;
# the high byte separates airway and vessel
CIP_LUNGS = range(9, 15)


@dataclass(frozen=True)
class Outline:
    """Outline of a nodule by one reader.

    Attributes:
        reader: Number of the reader, from 1.
        voxels: `(W, H, D)` bool in the scan's own axis order.
    """

    reader: int
    voxels: np.ndarray


def slice_of(scan: Scan) -> dict[str, int]:
    """Return the index of each slice by its SOP instance UID."""
    indices = {}
    for file in sorted(Path(scan.source).glob("*.dcm")):
        tags = pydicom.dcmread(file, stop_before_pixels=True)
        x, y, z = (float(mm) for mm in tags.ImagePositionPatient)
        indices[str(tags.SOPInstanceUID)] = round(float(scan.grid.to_index([-x, -y, z])[2]))
    return indices


def lidc_outlines(scan: Scan) -> list[list[Outline]]:
    """Draw the nodules of at least 3 mm from the XML file next to a LIDC-IDRI scan's slices.

    Args:
        scan: Read from the folder of its slices.

    Returns:
        For each nodule, the outlines of its readers.
    """
    slices = slice_of(scan)
    (reading,) = read_readings(next(Path(scan.source).glob("*.xml"))).readings.values()
    nodules = []
    for nodule in cluster(reading.annotations, scan.grid.spacing_mm[:2]):
        nodules.append([])
        for annotation in nodule.annotations:
            voxels = np.zeros(scan.hu.shape, bool)
            region = fill_contours(
                annotation.contours, lambda contour: slices[contour.sop_uid], shape=voxels.shape
            )
            voxels[region.box] = region.mask
            nodules[-1].append(Outline(annotation.reader, voxels))
    return nodules


def voc_boxes(scan: Scan, folder: Path) -> tuple[np.ndarray, int]:
    """Draw the boxes of PASCAL VOC files named by SOP instance UID.

    Args:
        scan: Read from the folder of its slices.
        folder: Folder of the XML files.

    Returns:
        `(W, H, D)` bool in the scan's own axis order, and the number of slices with a box.
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
    """Read the lungs of a Chest Imaging Platform label map.

    Args:
        scan: The scan that the map belongs to, on the same grid.
        labels: The label map.

    Returns:
        `(W, H, D)` bool in the scan's axis order: both lungs with airways and vessels.
    """
    lungs = np.isin(sitk.GetArrayFromImage(sitk.ReadImage(labels)).T & 0xFF, list(CIP_LUNGS))
    if lungs.shape != scan.hu.shape:
        raise ValueError(f"{labels} is of shape {lungs.shape}, its scan of {scan.hu.shape}.")
    return lungs


def rtstruct_regions(scan: Scan, file: Path) -> dict[str, np.ndarray]:
    """Draw the regions of an RTSTRUCT of closed planar contours.

    Args:
        scan: Axial scan in the same frame of reference.
        file: The RTSTRUCT.

    Returns:
        `(W, H, D)` bool in the scan's own axis order, by the region's name.
    """
    tags = pydicom.dcmread(file)
    names = {region.ROINumber: str(region.ROIName) for region in tags.StructureSetROISequence}
    regions = {}
    for region in tags.ROIContourSequence:
        voxels = np.zeros(scan.hu.shape, bool)
        for contour in region.ContourSequence:
            lps = np.array(contour.ContourData, float).reshape(-1, 3)
            index = scan.grid.to_index(lps * (-1, -1, 1))
            # a contour in another one is a hole
            voxels[:, :, round(index[0, 2])] ^= polygon2mask(voxels.shape[:2], index[:, :2])
        regions[names[region.ReferencedROINumber]] = voxels
    return regions
