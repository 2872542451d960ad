"""Heat-map as a derived CT series, one file per slice (PS3.3 A.3).

Few viewers show a Parametric Map. All show a CT series, and overlay it on another series of the
same frame of reference. The cost is precision: 16 bits per voxel, which the modality LUT maps to
units of the logit.
"""

from datetime import datetime
from hashlib import sha256
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from lungcam import __version__
from lungcam.dicom.attributes import EQUIPMENT, add_common_attributes, derived_uid
from lungcam.dicom.description import ObjectDescription
from lungcam.dicom.source import Source, decimal_strings
from lungcam.runtime.atomic import atomic_write
from lungcam.runtime.written import record_of

SERIES_NUMBER = 9002
MAX_STORED = 32767
# (code, meaning) in the scheme DCM
DERIVATION = ("112187", "Unspecified method of calculation")
PURPOSE = ("121322", "Source image for image processing operation")


def write_heat_slices(
    folder: Path, source: Source, *, heat: np.ndarray, description: ObjectDescription
) -> None:
    """Write a heat-map as 16-bit slices with a rescale slope: 0001.dcm, 0002.dcm, ... .

    Slices are numbered along the normal. Those of an earlier result are removed, if a record of
    the folder has them.

    Args:
        folder: Folder of the files.
        source: Slices of the scan.
        heat: `(W, H, D)` float32 on the scan's grid.
        description: Net and method of the heat-map.
    """
    frames = source.frames(heat)
    stored, slope = to_16_bits(frames)
    names = (
        *source.identity,
        description.identity,
        __version__,
        sha256(frames).hexdigest(),
        "slices",
    )
    dataset = _series_dataset(source, description, series_uid=derived_uid(*names), slope=slope)
    files = [folder / f"{k + 1:04d}.dcm" for k in range(len(stored))]
    record = record_of(files[0])
    for obsolete in set(folder.glob("[0-9]*.dcm")) - set(files):
        if record is not None and record.is_own(obsolete):
            record.discard(obsolete)
    for k, header in enumerate(source.headers()):
        dataset.update(
            {
                "SOPInstanceUID": derived_uid(*names, k),
                "InstanceNumber": k + 1,
                "ImagePositionPatient": header.ImagePositionPatient,
                "SourceImageSequence": [_reference(header)],
                "PixelData": stored[k].tobytes(),
            }
        )
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        with atomic_write(files[k]) as temporary:
            dataset.save_as(temporary, enforce_file_format=True)


def to_16_bits(values: np.ndarray) -> tuple[np.ndarray, float]:
    """Round values to multiples of a slope, and keep the highest and the lowest value unique.

    Plain rounding could make several voxels the highest, and a reader would find another peak.

    Args:
        values: `(D, rows, columns)` float32.

    Returns:
        Stored values, int16, and the slope as rounded to a decimal string. `stored * slope` is off
        by at most half a slope, or by one next to the highest and the lowest value; 0 stays 0.
    """
    low, high = values.min(), values.max()
    (text,) = decimal_strings([(max(-low, high) or 1.0) / MAX_STORED])
    slope = float(str(text))
    top, bottom = max(1, np.rint(high / slope)), min(-1, np.rint(low / slope))
    stored = np.empty(values.shape, np.int16)
    for target, frame in zip(stored, values, strict=True):
        rounded = np.rint(frame / slope)
        if high > 0:
            rounded = np.where(frame < high, np.minimum(rounded, top - 1), top)
        if low < 0:
            rounded = np.where(frame > low, np.maximum(rounded, bottom + 1), bottom)
        target[:] = np.clip(rounded, -MAX_STORED, MAX_STORED)
    return stored, slope


def _series_dataset(
    source: Source, description: ObjectDescription, *, series_uid: str, slope: float
) -> Dataset:
    """Make the dataset that all slices share."""
    dataset = source.headers()[0]
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    now = datetime.now()
    highest = slope * MAX_STORED
    dataset.update(
        {
            "SpecificCharacterSet": EQUIPMENT["specific_character_set"],
            "ImageType": ["DERIVED", "SECONDARY", "AXIAL"],
            "SeriesInstanceUID": series_uid,
            "SeriesNumber": SERIES_NUMBER,
            "SeriesDescription": description.heat_series_description,
            "ContentDate": now.strftime("%Y%m%d"),
            "ContentTime": now.strftime("%H%M%S"),
            "Manufacturer": EQUIPMENT["manufacturer"],
            "ManufacturerModelName": EQUIPMENT["manufacturer_model_name"],
            "SoftwareVersions": EQUIPMENT["software_versions"],
            "PatientPosition": "",
            "KVP": None,
            "AcquisitionNumber": None,
            "BurnedInAnnotation": "NO",
            "DerivationDescription": description.heat_series_description,
            "DerivationCodeSequence": [_code(*DERIVATION)],
            "SamplesPerPixel": 1,
            "PhotometricInterpretation": "MONOCHROME2",
            "BitsAllocated": 16,
            "BitsStored": 16,
            "HighBit": 15,
            "PixelRepresentation": 1,
            "RescaleIntercept": "0",
            "RescaleSlope": decimal_strings([slope])[0],
            # unspecified, because the values are not HU
            "RescaleType": "US",
            "WindowCenter": "0",
            "WindowWidth": decimal_strings([2 * highest])[0],
            # windows of the function LINEAR must be at least 1 wide
            "VOILUTFunction": "LINEAR_EXACT",
            "LossyImageCompression": "00",
        }
    )
    add_common_attributes(dataset, description.heat_comments)
    return dataset


def _reference(header: Dataset) -> Dataset:
    """Make the reference to a slice of the source."""
    reference = Dataset()
    reference.ReferencedSOPClassUID = header.SOPClassUID
    reference.ReferencedSOPInstanceUID = header.SOPInstanceUID
    reference.SpatialLocationsPreserved = "YES"
    reference.PurposeOfReferenceCodeSequence = [_code(*PURPOSE)]
    return reference


def _code(value: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, "DCM", meaning
    return code
