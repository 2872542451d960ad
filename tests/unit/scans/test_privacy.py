"""Nothing of the patient leaves a header, not even out of a faulty value."""

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


def said_of(path, caplog, capfd):
    """All that is said of a path by whatever way."""
    caplog.clear()  # what writing the files gave
    caplog.set_level(logging.DEBUG)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check, scan = check_scan(path)
        told = [check.line, json.dumps(check.as_dict()), repr(check), repr(scan)]
        try:
            told += read_scan(path).warnings
        except InputError as error:
            told.append(str(error))
    assert not caught
    assert capfd.readouterr() == ("", "")
    return " ".join(told) + caplog.text


def free_of_the_name(said):
    return not any(one in said.lower() for one in ("jane", "doe^", "doe.", "19500101"))


def test_identity_of_a_right_series(tmp_path, hu, write_series, caplog, capfd):
    write_series(tmp_path, hu, **IDENTITY)
    assert free_of_the_name(said_of(tmp_path, caplog, capfd))
    assert check_scan(tmp_path)[0].usable


@pytest.mark.parametrize("attribute", FAULTY)
@pytest.mark.parametrize("every", [True, False], ids=["all slices", "one slice"])
def test_name_in_a_number(tmp_path, hu, write_series, plant, caplog, capfd, attribute, every):
    _, _, files = write_series(tmp_path, hu, **IDENTITY)
    for file in files if every else files[4:5]:
        plant(file, attribute, NAME)
    assert free_of_the_name(said_of(tmp_path, caplog, capfd))


@pytest.mark.filterwarnings("ignore::UserWarning")  # of pydicom, while such values are written
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
def test_name_in_a_word(tmp_path, hu, write_series, edit, caplog, capfd, attribute, value, every):
    _, _, files = write_series(tmp_path, hu, **IDENTITY)
    for file in files if every else files[4:5]:
        edit(file, **{attribute: value})
    assert free_of_the_name(said_of(tmp_path, caplog, capfd))


@pytest.mark.parametrize("length", [700, 900, 1200])
def test_header_cut(tmp_path, hu, write_series, caplog, capfd, length):
    _, _, files = write_series(tmp_path, hu, **IDENTITY)
    files[4].write_bytes(files[4].read_bytes()[:length])
    assert free_of_the_name(said_of(tmp_path, caplog, capfd))


def test_name_in_a_nifti(tmp_path, hu, caplog, capfd):
    image = nib.Nifti1Image(hu, np.diag([9, 9.5, 11, 1]))
    image.header["descrip"] = image.header["intent_name"] = NAME
    image.header["pixdim"][0] = 7  # nibabel has something to say of that
    nib.save(image, tmp_path / "a.nii")
    assert free_of_the_name(said_of(tmp_path / "a.nii", caplog, capfd))


def test_name_in_an_mhd(tmp_path, caplog, capfd):
    for field in ("DimSize", "ElementType", "TransformMatrix", "ElementDataFile", "Comment"):
        (tmp_path / "a.mhd").write_text(
            f"ObjectType = Image\nNDims = 3\n{field} = {NAME}\nElementDataFile = {NAME}.raw\n"
        )
        assert free_of_the_name(said_of(tmp_path / "a.mhd", caplog, capfd))
