"""A heat-map as a DICOM Parametric Map (PS3.3 A.75)."""

from hashlib import sha256
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.sr.codedict import codes

from lungcam import __version__
from lungcam.dicom.attributes import MAKER, derived_uid, finish, highdicom
from lungcam.dicom.description import ObjectDescription
from lungcam.dicom.source import Source
from lungcam.runtime.atomic import atomic_write

SERIES_NUMBER = 9001
LABEL = "LOGIT"


def write_parametric_map(
    path: Path, source: Source, *, heat: np.ndarray, description: ObjectDescription
) -> None:
    """Write a heat-map as float32 in units of the logit.

    A frame for each slice, in order of position along the normal: 3D Slicer's reader takes that
    order for granted.

    Args:
        path: Of the file.
        source: The slices it was made from.
        heat: `(W, H, D)` float32 on the scan's grid.
        description: What it rests on.
    """
    hd = highdicom()
    frames = source.frames(heat).astype("<f4", copy=False)
    highest = float(np.abs(frames).max()) or 1.0
    names = (*source.instance_uids, description, __version__, sha256(frames).hexdigest())
    occluded = description.code == "occlusion"
    mapping = hd.pm.RealWorldValueMapping(
        lut_label=LABEL,
        lut_explanation=description.scale,
        unit=codes.UCUM.NoUnits,
        value_range=(-highest, highest),
        slope=1.0,
        intercept=0.0,
        quantity_definition=(
            codes.DCM.Saliency if occluded else codes.DCM.GradientWeightedClassActivation
        ),
    )
    images = source.datasets()
    made = hd.pm.ParametricMap(
        images,
        frames,
        series_instance_uid=derived_uid(*names, "heat-map series"),
        series_number=SERIES_NUMBER,
        sop_instance_uid=derived_uid(*names, "heat-map"),
        instance_number=1,
        contains_recognizable_visual_features=False,
        real_world_value_mappings=[mapping],
        # grey in the middle is 0; plain windows must be 1 wide at least
        voi_lut_transformations=[
            hd.VOILUTTransformation(0.0, 2 * highest, voi_lut_function="LINEAR_EXACT")
        ],
        plane_positions=[
            hd.PlanePositionSequence("PATIENT", one.ImagePositionPatient) for one in images
        ],
        content_label="HEATMAP",
        content_description=description.heat,
        series_description=description.heat,
        **MAKER,
    )
    shared = made.SharedFunctionalGroupsSequence[0]
    shared.FrameAnatomySequence = [_chest()]
    _in_order(made, source, frames=frames)
    finish(made, description.heat_notice)
    with atomic_write(path) as temporary:
        made.save_as(temporary)


def _in_order(made: Dataset, source: Source, *, frames: np.ndarray) -> None:
    """Put the frames in the source's order; highdicom lays them from the head down."""

    def height(group: Dataset) -> float:
        place = np.array(group.PlanePositionSequence[0].ImagePositionPatient, float)
        return np.dot(place, source.normal)

    groups = sorted(made.PerFrameFunctionalGroupsSequence, key=height)
    for k, group in enumerate(groups):
        group.FrameContentSequence[0].DimensionIndexValues = k + 1
    made.PerFrameFunctionalGroupsSequence = Sequence(groups)
    made.FloatPixelData = frames.tobytes()


def _chest() -> Dataset:
    anatomy = Dataset()
    anatomy.FrameLaterality = "U"
    anatomy.AnatomicRegionSequence = [highdicom().sr.CodedConcept.from_code(codes.SCT.Chest)]
    return anatomy
