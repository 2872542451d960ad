"""DICOM objects of one scan: heat-map and masks for a PACS or a viewer."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from lungcam.dicom import (
    INPUT_REGION,
    LUNGS,
    ObjectDescription,
    SourceError,
    source_of,
    write_heat_slices,
    write_parametric_map,
    write_segmentation,
)
from lungcam.evaluation.ensemble import Ensemble
from lungcam.explain import method_name
from lungcam.grid import reorient
from lungcam.inference.trust import Trust, trust_lines
from lungcam.scans import Scan

# deviation beyond which GDCM gives no spacing to an object of many frames
GDCM_EVEN_MM = 1e-3
SEGMENTS = {"mask": INPUT_REGION, "lungs": LUNGS}


def write_dicom_objects(
    folder: Path,
    scan: Scan,
    *,
    heat: np.ndarray,
    masks: Mapping[str, np.ndarray],
    ensemble: Ensemble,
    trust: Trust,
    keep_patient: bool = False,
) -> list[str]:
    """Write heatmap.dcm, heatmap_slices/, mask.dcm and lungs.dcm.

    Args:
        folder: Folder of the scan's results.
        scan: The scan.
        heat: `(W, H, D)` heat-map on the scan's grid.
        masks: `(W, H, D)` bool on the canonical grid, by name; none for crops.
        ensemble: The nets.
        trust: What speaks for and against the answer.
        keep_patient: True to copy the scan's attributes of patient and study.

    Returns:
        Sentences for the user. A scan that was not read from DICOM lacks only these files.
    """
    try:
        source = source_of(scan, keep_patient=keep_patient)
    except SourceError as reason:
        return [str(reason)]
    description = ObjectDescription(
        method=method_name(ensemble.method, "both"),
        code=ensemble.method,
        evidence=ensemble.evidence,
        model=ensemble.model,
        checkpoint=ensemble.sha256,
        label_rule=ensemble.label_rule,
        mark=ensemble.mark,
        doubt=trust.mark,
        trust=[f"{line.strip(' .')}." for line in trust_lines(trust.as_record())],
    )
    write_parametric_map(folder / "heatmap.dcm", source, heat=heat, description=description)
    write_heat_slices(folder / "heatmap_slices", source, heat=heat, description=description)
    for name, mask in masks.items():
        write_segmentation(
            folder / f"{name}.dcm",
            source,
            mask=reorient(mask, scan.grid.canonical, target=scan.grid),
            segment=SEGMENTS[name],
            description=description,
        )
    notes = []
    if not source.shares_frame:
        notes.append(
            "The slices do not share one FrameOfReferenceUID; the DICOM objects carry the first "
            "one's, and some viewers will not lay them over the scan."
        )
    if masks and source.max_gap_deviation_mm > GDCM_EVEN_MM:
        notes.append(
            f"The slices are uneven by up to {source.max_gap_deviation_mm:.3f} mm: SimpleITK and "
            "other readers based on GDCM assume voxels of 1 mm for mask.dcm and lungs.dcm; give "
            "them the NIfTI."
        )
    return notes
