"""The DICOM objects of one scan."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from lungcam.dicom import (
    LUNGS,
    SHOWN,
    NoSource,
    Told,
    source_of,
    write_heat_slices,
    write_parametric_map,
    write_segmentation,
)
from lungcam.explain import method_name
from lungcam.grid import reorient
from lungcam.runs.predictor import Predictor
from lungcam.scans import Scan

# beyond that GDCM gives no spacing to an object of many frames
GDCM_EVEN_MM = 1e-3
SEGMENTS = {"mask": SHOWN, "lungs": LUNGS}


def write_dicom_objects(
    folder: Path,
    scan: Scan,
    heat: np.ndarray,
    masks: Mapping[str, np.ndarray],
    predictor: Predictor,
) -> list[str]:
    """Write heatmap.dcm, heatmap_slices/, mask.dcm and lungs.dcm.

    Args:
        folder: Of the scan's results.
        scan: What was looked at.
        heat: `(W, H, D)` on the scan's grid.
        masks: `(W, H, D)` bool on the canonical grid, by name; none for crops.
        predictor: The net.

    Returns:
        Sentences on what the user should know: a scan of another format costs these files only.
    """
    try:
        source = source_of(scan)
    except NoSource as reason:
        return [str(reason)]
    told = Told(
        method_name(predictor.method, "both"),
        predictor.method,
        predictor.evidence,
        type(predictor.classifier.net).__name__,
        predictor.sha256,
        predictor.label_rule,
        predictor.mark,
    )
    write_parametric_map(folder / "heatmap.dcm", source, heat, told)
    write_heat_slices(folder / "heatmap_slices", source, heat, told)
    for name, mask in masks.items():
        on_scan = reorient(mask, scan.grid.canonical, scan.grid)
        write_segmentation(folder / f"{name}.dcm", source, on_scan, SEGMENTS[name], told)
    notes = []
    if not source.one_frame:
        notes.append(
            "The slices do not share one FrameOfReferenceUID; the DICOM objects carry the first "
            "one's, and some viewers will not lay them over the scan."
        )
    if masks and source.uneven_mm > GDCM_EVEN_MM:
        notes.append(
            f"The slices are uneven by up to {source.uneven_mm:.3f} mm: SimpleITK and other "
            "readers that stand on GDCM take voxels of 1 mm for mask.dcm and lungs.dcm; give them "
            "the NIfTI."
        )
    return notes
