"""A heat-map and masks as DICOM objects that refer to the series they were made from.

- `parametric_map`: the heat-map as the standard has it, float32 in one file
- `heat_slices`: the same as a derived CT series of 16 bits, for viewers that know no better
- `segmentation`: a mask

Frames and slices stand at the positions of the source's slices, exactly. Of the source's headers
they take what places a pixel and the UIDs that find the series again, and nothing else: name,
number, dates and all the rest stay empty. Needs the extra `dicom` (highdicom).
"""

from lungcam.dicom.attributes import require_highdicom
from lungcam.dicom.derived_series import write_heat_slices
from lungcam.dicom.description import ObjectDescription
from lungcam.dicom.parametric_map import write_parametric_map
from lungcam.dicom.segmentation import LUNGS, SHOWN, Segment, write_segmentation
from lungcam.dicom.source import NoSource, Source, source_of

__all__ = [
    "LUNGS",
    "SHOWN",
    "NoSource",
    "ObjectDescription",
    "Segment",
    "Source",
    "require_highdicom",
    "source_of",
    "write_heat_slices",
    "write_parametric_map",
    "write_segmentation",
]
