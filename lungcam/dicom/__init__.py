"""Heat-map and masks as DICOM objects that refer to the source series.

- `parametric_map`: the heat-map as a Parametric Map, float32 in one file
- `derived_series`: the heat-map as a derived CT series of 16 bits, for viewers without support for
  Parametric Maps
- `segmentation`: a mask as a Segmentation

Frames and slices have exactly the positions of the source's slices. From the source's headers they
take the position of the pixels and the UIDs that identify the series, and nothing else: name,
number, dates and all other attributes stay empty. Needs the extra `dicom` (highdicom).
"""

from lungcam.dicom.attributes import require_highdicom
from lungcam.dicom.derived_series import write_heat_slices
from lungcam.dicom.description import ObjectDescription
from lungcam.dicom.parametric_map import write_parametric_map
from lungcam.dicom.segmentation import INPUT_REGION, LUNGS, Segment, write_segmentation
from lungcam.dicom.source import Source, SourceError, source_of

__all__ = [
    "INPUT_REGION",
    "LUNGS",
    "ObjectDescription",
    "Segment",
    "Source",
    "SourceError",
    "require_highdicom",
    "source_of",
    "write_heat_slices",
    "write_parametric_map",
    "write_segmentation",
]
