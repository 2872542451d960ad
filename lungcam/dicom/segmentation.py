"""Mask as a DICOM Segmentation (PS3.3 A.51)."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from lungcam import __version__
from lungcam.dicom.attributes import (
    EQUIPMENT,
    add_common_attributes,
    derived_uid,
    import_highdicom,
)
from lungcam.dicom.description import ObjectDescription
from lungcam.dicom.source import Source
from lungcam.runtime.atomic import atomic_write


@dataclass(frozen=True, kw_only=True)
class Segment:
    """Structure that a mask shows, by name and by codes of DICOM's dictionary.

    Attributes:
        label: Name for people.
        category: Segmentation property category, PS3.16 CID 7150.
        kind: Segmentation property type, PS3.16 CID 7151.
        color_lab: Display colour in CIELab.
        series_number: Series number of its file.
    """

    label: str
    category: Code
    kind: Code
    color_lab: tuple[float, float, float]
    series_number: int


LUNGS = Segment(
    label="lungs",
    category=codes.SCT.AnatomicalStructure,
    kind=codes.SCT.Lung,
    color_lab=(67.0, -14.0, -30.0),
    series_number=9003,
)
INPUT_REGION = Segment(
    label="region shown to the network",
    category=codes.SCT.SpatialAndRelationalConcept,
    kind=codes.NCIt.ReferenceRegion,
    color_lab=(80.0, 5.0, 60.0),
    series_number=9004,
)


def write_segmentation(
    path: Path,
    source: Source,
    *,
    mask: np.ndarray,
    segment: Segment,
    description: ObjectDescription,
) -> None:
    """Write a mask with one bit per voxel.

    There is one segment per file and one frame per slice, because GDCM, and SimpleITK with it, can
    position only those.

    Args:
        path: The file.
        source: Slices of the scan.
        mask: `(W, H, D)` bool on the scan's grid.
        segment: Structure that the mask shows.
        description: Net and method of the result.
    """
    hd = import_highdicom()
    frames = source.frames(mask)
    names = (*source.identity, description.identity, __version__, sha256(frames).hexdigest())
    algorithm = hd.AlgorithmIdentificationSequence(
        name="lungcam", family=codes.DCM.MorphologicalOperations, version=__version__
    )
    headers = source.headers()
    segmentation = hd.seg.Segmentation(
        headers,
        frames,
        segmentation_type="BINARY",
        segment_descriptions=[
            hd.seg.SegmentDescription(
                segment_number=1,
                segment_label=segment.label,
                segmented_property_category=segment.category,
                segmented_property_type=segment.kind,
                algorithm_type="AUTOMATIC",
                algorithm_identification=algorithm,
                display_color=hd.color.CIELabColor(*segment.color_lab),
            )
        ],
        series_instance_uid=derived_uid(*names, segment.label, "series"),
        series_number=segment.series_number,
        sop_instance_uid=derived_uid(*names, segment.label),
        instance_number=1,
        plane_positions=[
            hd.PlanePositionSequence("PATIENT", header.ImagePositionPatient) for header in headers
        ],
        omit_empty_frames=False,
        content_label="MASK",
        content_description=description.mask_series_description(segment.label),
        series_description=description.mask_series_description(segment.label),
        **EQUIPMENT,
    )
    add_common_attributes(segmentation, description.mask_comments(segment.label))
    with atomic_write(path) as temporary:
        segmentation.save_as(temporary)
