"""Heat-map as a DICOM Parametric Map (PS3.3 A.75)."""

from hashlib import sha256
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.sr.codedict import codes

from lungcam import __version__
from lungcam.dicom.attributes import (
    EQUIPMENT,
    add_common_attributes,
    derived_uid,
    import_highdicom,
)
from lungcam.dicom.deflated import save_deflated
from lungcam.dicom.description import ObjectDescription
from lungcam.dicom.source import Source
from lungcam.runtime.atomic import atomic_write

SERIES_NUMBER = 9001
LABEL = "LOGIT"


def write_parametric_map(
    path: Path, source: Source, *, heat: np.ndarray, description: ObjectDescription
) -> None:
    """Write a heat-map as float32 in units of the logit.

    There is one frame per slice, in order of position along the normal, as 3D Slicer's reader
    requires.

    Args:
        path: The file.
        source: Slices of the scan.
        heat: `(W, H, D)` float32 on the scan's grid.
        description: Net and method of the heat-map.
    """
    hd = import_highdicom()
    frames = source.frames(heat).astype("<f4", copy=False)
    highest = float(np.abs(frames).max()) or 1.0
    names = (*source.identity, description.identity, __version__, sha256(frames).hexdigest())
    mapping = hd.pm.RealWorldValueMapping(
        lut_label=LABEL,
        lut_explanation=description.unit_explanation,
        unit=codes.UCUM.NoUnits,
        value_range=(-highest, highest),
        slope=1.0,
        intercept=0.0,
        quantity_definition=(
            codes.DCM.Saliency
            if description.code == "occlusion"
            else codes.DCM.GradientWeightedClassActivation
        ),
    )
    headers = source.headers()
    parametric_map = hd.pm.ParametricMap(
        headers,
        frames,
        series_instance_uid=derived_uid(*names, "heat-map series"),
        series_number=SERIES_NUMBER,
        sop_instance_uid=derived_uid(*names, "heat-map"),
        instance_number=1,
        contains_recognizable_visual_features=False,
        real_world_value_mappings=[mapping],
        # 0 is mid-grey; windows of the function LINEAR must be at least 1 wide
        voi_lut_transformations=[
            hd.VOILUTTransformation(0.0, 2 * highest, voi_lut_function="LINEAR_EXACT")
        ],
        plane_positions=[
            hd.PlanePositionSequence("PATIENT", header.ImagePositionPatient) for header in headers
        ],
        content_label="HEATMAP",
        content_description=description.heat_series_description,
        series_description=description.heat_series_description,
        **EQUIPMENT,
    )
    shared = parametric_map.SharedFunctionalGroupsSequence[0]
    shared.FrameAnatomySequence = [_chest()]
    _sort_frames(parametric_map, source, frames=frames)
    add_common_attributes(parametric_map, description.heat_comments)
    with atomic_write(path) as temporary:
        save_deflated(parametric_map, temporary)


def _sort_frames(parametric_map: Dataset, source: Source, *, frames: np.ndarray) -> None:
    """Sort the frames along the normal; highdicom sorts them from the head down."""

    def position(group: Dataset) -> float:
        corner = np.array(group.PlanePositionSequence[0].ImagePositionPatient, float)
        return np.dot(corner, source.normal)

    groups = sorted(parametric_map.PerFrameFunctionalGroupsSequence, key=position)
    for k, group in enumerate(groups):
        group.FrameContentSequence[0].DimensionIndexValues = k + 1
    parametric_map.PerFrameFunctionalGroupsSequence = Sequence(groups)
    parametric_map.FloatPixelData = frames.tobytes()


def _chest() -> Dataset:
    anatomy = Dataset()
    anatomy.FrameLaterality = "U"
    anatomy.AnatomicRegionSequence = [import_highdicom().sr.CodedConcept.from_code(codes.SCT.Chest)]
    return anatomy
