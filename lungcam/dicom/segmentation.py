"""A mask as a DICOM Segmentation (PS3.3 A.51)."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

from lungcam import __version__
from lungcam.dicom.attributes import MAKER, derived_uid, finish, highdicom
from lungcam.dicom.description import ObjectDescription
from lungcam.dicom.source import Source
from lungcam.runtime.atomic import atomic_write


@dataclass(frozen=True, kw_only=True)
class Segment:
    """What a mask shows, by words and by codes of DICOM's dictionary.

    Attributes:
        label: For people.
        category: PS3.16 CID 7150.
        kind: CID 7151.
        color_lab: CIELab.
        series_number: SeriesNumber.
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
SHOWN = Segment(
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
    """Write a mask, one bit a voxel.

    One segment a file, a frame for each slice: that is what GDCM, and with it SimpleITK, can place.

    Args:
        path: Of the file.
        source: The slices it was made from.
        mask: `(W, H, D)` bool on the scan's grid.
        segment: What it shows.
        description: What it rests on.
    """
    hd = highdicom()
    frames = source.frames(mask)
    names = (*source.instance_uids, description, __version__, sha256(frames).hexdigest())
    algorithm = hd.AlgorithmIdentificationSequence(
        name="lungcam", family=codes.DCM.MorphologicalOperations, version=__version__
    )
    images = source.datasets()
    made = hd.seg.Segmentation(
        images,
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
            hd.PlanePositionSequence("PATIENT", one.ImagePositionPatient) for one in images
        ],
        omit_empty_frames=False,
        content_label="MASK",
        content_description=description.mask(segment.label),
        series_description=description.mask(segment.label),
        **MAKER,
    )
    finish(made, description.mask_notice(segment.label))
    with atomic_write(path) as temporary:
        made.save_as(temporary)
