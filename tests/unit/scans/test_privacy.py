"""Tests that no patient data of a header is repeated, not even from a faulty value."""

import json
import logging
import warnings

import nibabel as nib
import numpy as np
import pytest

from lungcam.errors import InputError
from lungcam.scans import check_scan, read_scan

NAME = "Doe^Jane"
IDENTITY = {
    "PatientName": NAME,
    "PatientID": "JANE4711",
    "PatientBirthDate": "19500101",
    "InstitutionName": "Jane's Hospital",
    "ReferringPhysicianName": "Jane^Doctor",
    "StudyDescription": "Chest of Jane",
    "SeriesDescription": "Jane thin",
    "PatientComments": "Jane",
}
FAULTY = (
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "RescaleSlope",
    "RescaleIntercept",
    "NumberOfFrames",
)


def output_about(path, caplog, capfd):
    """Return all messages, warnings and log records about a path."""
    caplog.clear()  # records of writing the files
    caplog.set_level(logging.DEBUG)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check, scan = check_scan(path)
        texts = [check.line, json.dumps(check.as_dict()), repr(check), repr(scan)]
        try:
            texts += read_scan(path).warnings
        except InputError as error:
            texts.append(str(error))
    assert not caught
    assert capfd.readouterr() == ("", "")
    return " ".join(texts) + caplog.text


def is_anonymous(text):
    return not any(name in text.lower() for name in ("jane", "doe^", "doe.", "19500101"))


def test_identity_in_a_valid_series_is_not_repeated(tmp_path, hu, write_series, caplog, capfd):
    write_series(tmp_path, hu, **IDENTITY)
    assert is_anonymous(output_about(tmp_path, caplog, capfd))
    assert check_scan(tmp_path)[0].usable


@pytest.mark.parametrize("attribute", FAULTY)
@pytest.mark.parametrize("every", [True, False], ids=["all slices", "one slice"])
def test_name_in_a_decimal_attribute_is_not_repeated(
    tmp_path, hu, write_series, write_text_value, caplog, capfd, attribute, every
):
    _, _, files = write_series(tmp_path, hu, **IDENTITY)
    for file in files if every else files[4:5]:
        write_text_value(file, attribute, NAME)
    assert is_anonymous(output_about(tmp_path, caplog, capfd))


@pytest.mark.filterwarnings("ignore::UserWarning")  # by pydicom when it writes such values
@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("Modality", "DOE JANE"),
        ("SeriesInstanceUID", "DOE.JANE"),
        ("FrameOfReferenceUID", "DOE.JANE"),
        ("SOPClassUID", "DOE.JANE"),
        ("ConvolutionKernel", "Doe Jane"),
        ("ImageType", ["DOE", "JANE", "LOCALIZER"]),
        ("PhotometricInterpretation", "DOE JANE"),
        ("RescaleType", "DOE JANE"),
    ],
)
@pytest.mark.parametrize("every", [True, False], ids=["all slices", "one slice"])
def test_name_in_a_text_attribute_is_not_repeated(
    tmp_path, hu, write_series, edit, caplog, capfd, attribute, value, every
):
    _, _, files = write_series(tmp_path, hu, **IDENTITY)
    for file in files if every else files[4:5]:
        edit(file, **{attribute: value})
    assert is_anonymous(output_about(tmp_path, caplog, capfd))


@pytest.mark.parametrize("length", [700, 900, 1200])
def test_name_in_a_truncated_header_is_not_repeated(
    tmp_path, hu, write_series, caplog, capfd, length
):
    _, _, files = write_series(tmp_path, hu, **IDENTITY)
    files[4].write_bytes(files[4].read_bytes()[:length])
    assert is_anonymous(output_about(tmp_path, caplog, capfd))


def test_name_in_a_nifti_is_not_repeated(tmp_path, hu, caplog, capfd):
    image = nib.Nifti1Image(hu, np.diag([9, 9.5, 11, 1]))
    image.header["descrip"] = image.header["intent_name"] = NAME
    image.header["pixdim"][0] = 7  # nibabel warns of it
    nib.save(image, tmp_path / "a.nii")
    assert is_anonymous(output_about(tmp_path / "a.nii", caplog, capfd))


def test_name_in_an_mhd_is_not_repeated(tmp_path, caplog, capfd):
    for field in ("DimSize", "ElementType", "TransformMatrix", "ElementDataFile", "Comment"):
        (tmp_path / "a.mhd").write_text(
            f"ObjectType = Image\nNDims = 3\n{field} = {NAME}\nElementDataFile = {NAME}.raw\n"
        )
        assert is_anonymous(output_about(tmp_path / "a.mhd", caplog, capfd))
