"""A heat-map as a derived CT series, a file a slice (PS3.3 A.3).

Few viewers show a Parametric Map; any shows a CT series, and lays it over another one of the same
frame of reference. What it costs is depth: 16 bits a voxel, of which the modality LUT makes units
of the logit again.
"""

from datetime import datetime
from hashlib import sha256
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from lungcam import __version__
from lungcam.dicom.attributes import MAKER, derived_uid, finish
from lungcam.dicom.description import ObjectDescription
from lungcam.dicom.source import Source, decimals
from lungcam.runtime.atomic import atomic_write

SERIES_NUMBER = 9002
HIGHEST = 32767
# (code, scheme, meaning): how the slices were made, and what the source is to them
DERIVATION = ("112187", "DCM", "Unspecified method of calculation")
PURPOSE = ("121322", "DCM", "Source image for image processing operation")


def write_heat_slices(
    folder: Path, source: Source, *, heat: np.ndarray, description: ObjectDescription
) -> None:
    """Write a heat-map as 16-bit slices with a rescale slope, 0001.dcm and on along the normal.

    Args:
        folder: Of the files; those of an earlier result are removed.
        source: The slices it was made from.
        heat: `(W, H, D)` float32 on the scan's grid.
        description: What it rests on.
    """
    frames = source.frames(heat)
    stored, slope = to_16_bits(frames)
    names = (*source.instance_uids, description, __version__, sha256(frames).hexdigest(), "slices")
    common = _common(source, description, series_uid=derived_uid(*names), slope=slope)
    files = [folder / f"{k + 1:04d}.dcm" for k in range(len(stored))]
    for old in set(folder.glob("[0-9]*.dcm")) - set(files):
        old.unlink()
    for k, image in enumerate(source.datasets()):
        common.update(
            {
                "SOPInstanceUID": derived_uid(*names, k),
                "InstanceNumber": k + 1,
                "ImagePositionPatient": image.ImagePositionPatient,
                "SourceImageSequence": [_reference(image)],
                "PixelData": stored[k].tobytes(),
            }
        )
        common.file_meta.MediaStorageSOPInstanceUID = common.SOPInstanceUID
        with atomic_write(files[k]) as temporary:
            common.save_as(temporary, enforce_file_format=True)


def to_16_bits(values: np.ndarray) -> tuple[np.ndarray, float]:
    """Round to multiples of a slope; the highest value stays alone, and so does the lowest.

    Rounded alone, several voxels would be the highest, and a reader would find another one first.

    Args:
        values: `(D, rows, columns)` float32.

    Returns:
        int16, and the slope as a decimal string holds it. `stored * slope` is off by up to half a
        slope, beside the highest and the lowest value by up to one; 0 stays 0.
    """
    low, high = values.min(), values.max()
    (text,) = decimals([(max(-low, high) or 1.0) / HIGHEST])
    slope = float(str(text))
    top, bottom = max(1, np.rint(high / slope)), min(-1, np.rint(low / slope))
    stored = np.empty(values.shape, np.int16)
    for one, frame in zip(stored, values, strict=True):
        rounded = np.rint(frame / slope)
        if high > 0:
            rounded = np.where(frame < high, np.minimum(rounded, top - 1), top)
        if low < 0:
            rounded = np.where(frame > low, np.maximum(rounded, bottom + 1), bottom)
        one[:] = np.clip(rounded, -HIGHEST, HIGHEST)
    return stored, slope


def _common(
    source: Source, description: ObjectDescription, *, series_uid: str, slope: float
) -> Dataset:
    """What all slices share."""
    one = source.datasets()[0]
    one.file_meta = FileMetaDataset()
    one.file_meta.MediaStorageSOPClassUID = CTImageStorage
    one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    now = datetime.now()
    highest = slope * HIGHEST
    one.update(
        {
            "SpecificCharacterSet": MAKER["specific_character_set"],
            "ImageType": ["DERIVED", "SECONDARY", "AXIAL"],
            "SeriesInstanceUID": series_uid,
            "SeriesNumber": SERIES_NUMBER,
            "SeriesDescription": description.heat,
            "ContentDate": now.strftime("%Y%m%d"),
            "ContentTime": now.strftime("%H%M%S"),
            "Manufacturer": MAKER["manufacturer"],
            "ManufacturerModelName": MAKER["manufacturer_model_name"],
            "SoftwareVersions": MAKER["software_versions"],
            "PatientPosition": "",
            "KVP": None,
            "AcquisitionNumber": None,
            "BurnedInAnnotation": "NO",
            "DerivationDescription": description.heat,
            "DerivationCodeSequence": [_code(*DERIVATION)],
            "SamplesPerPixel": 1,
            "PhotometricInterpretation": "MONOCHROME2",
            "BitsAllocated": 16,
            "BitsStored": 16,
            "HighBit": 15,
            "PixelRepresentation": 1,
            "RescaleIntercept": "0",
            "RescaleSlope": decimals([slope])[0],
            # unspecified: anything but HU
            "RescaleType": "US",
            "WindowCenter": "0",
            "WindowWidth": decimals([2 * highest])[0],
            # plain windows must be 1 wide at least
            "VOILUTFunction": "LINEAR_EXACT",
            "LossyImageCompression": "00",
        }
    )
    finish(one, description.heat_notice)
    return one


def _reference(image: Dataset) -> Dataset:
    one = Dataset()
    one.ReferencedSOPClassUID = image.SOPClassUID
    one.ReferencedSOPInstanceUID = image.SOPInstanceUID
    one.SpatialLocationsPreserved = "YES"
    one.PurposeOfReferenceCodeSequence = [_code(*PURPOSE)]
    return one


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    one = Dataset()
    one.CodeValue, one.CodingSchemeDesignator, one.CodeMeaning = value, scheme, meaning
    return one
