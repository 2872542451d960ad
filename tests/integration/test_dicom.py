"""End-to-end test of `python infer.py ... dicom=true`."""

import json
import os
import subprocess
import sys

import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.uid import generate_uid

from lungcam.phantom.layouts.dicom import Series, write_slices
from lungcam.runtime.atomic import write_text

from .conftest import ROOT, command

hd = pytest.importorskip("highdicom", reason="needs the extra dicom")


@pytest.fixture(scope="module")
def scan(workplace, trained):
    """Folder of a phantom as a DICOM series."""
    volume = nib.load(min(workplace.glob("outputs/cache/phantoms/*/*.nii.gz")))
    hu = np.asarray(volume.dataobj).astype(np.int16)
    series = Series(
        patient_id="JANE4711",
        study_uid=generate_uid(),
        series_uid=generate_uid(),
        frame_uid=generate_uid(),
        number=1,
        description="Jane thin",
        kernel="STANDARD",
        date="19990102",
    )
    names = [f"1-{k + 1:03d}.dcm" for k in range(hu.shape[2])]
    write_slices(
        workplace / "series",
        series,
        hu=hu,
        affine=volume.affine,
        sop_uid=lambda k: generate_uid(),
        names=names,
    )
    return workplace / "series"


def peak_lps(volume: sitk.Image) -> np.ndarray:
    """Return the position of the highest value in LPS mm."""
    values = sitk.GetArrayViewFromImage(volume)
    k, j, i = (int(n) for n in np.unravel_index(values.argmax(), values.shape))
    return np.array(volume.TransformIndexToPhysicalPoint((i, j, k)))


def test_dicom_objects_have_the_positions_of_the_nifti_and_no_patient_data(workplace, scan):
    result = command(
        "infer.py", "ckpt=run", f"scan={scan}", "out=dicom", "dicom=true", "picture=false",
        cwd=workplace,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "copy attributes" not in result.stdout + result.stderr
    out = workplace / "dicom" / "series"
    prediction = json.loads((out / "prediction.json").read_text())
    assert not any("DICOM" in warning for warning in prediction["warnings"])
    nifti = sitk.ReadImage(str(out / "heatmap.nii.gz"))
    peak = peak_lps(nifti)
    parametric_map = hd.pm.ParametricMap.from_dataset(pydicom.dcmread(out / "heatmap.dcm"))
    volume = parametric_map.get_volume()
    index = np.unravel_index(volume.array.argmax(), volume.array.shape)
    assert np.abs(volume.map_indices_to_reference(np.array([index]))[0] - peak).max() < 0.01
    assert volume.array.max() == sitk.GetArrayViewFromImage(nifti).max()
    # a net trained for one epoch fails its checks, and has seen nothing but phantoms
    description = parametric_map.SeriesDescription
    assert description.startswith("PHANTOM NET FAILED CHECKS Grad-CAM for+against")
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(out / "heatmap_slices")))
    assert np.abs(peak_lps(reader.Execute()) - peak).max() < 0.01
    for name in ("mask", "lungs"):
        mask = sitk.Resample(sitk.ReadImage(str(out / f"{name}.dcm")), nifti, interpolator=1)
        expected = sitk.ReadImage(str(out / f"{name}.nii.gz"))
        assert np.array_equal(
            sitk.GetArrayFromImage(mask) > 127, sitk.GetArrayFromImage(expected) > 0
        )
    files = sorted(scan.glob("*.dcm"))
    (series,) = parametric_map.ReferencedSeriesSequence
    assert len(series.ReferencedInstanceSequence) == len(files)
    assert series.SeriesInstanceUID == pydicom.dcmread(files[0]).SeriesInstanceUID
    for file in [*out.glob("*.dcm"), *out.glob("heatmap_slices/*.dcm")]:
        assert not {b"JANE4711", b"Jane thin", b"19990102"} & {
            word for word in (b"JANE4711", b"Jane thin", b"19990102") if word in file.read_bytes()
        }


def test_without_highdicom_nothing_is_written(workplace, scan, tmp_path):
    write_text(tmp_path / "sitecustomize.py", "import sys\nsys.modules['highdicom'] = None\n")
    result = subprocess.run(
        [sys.executable, ROOT / "infer.py", "ckpt=run", f"scan={scan}", "out=no", "dicom=true"],
        cwd=workplace,
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "PYTHONPATH": f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
        },
    )
    assert result.returncode == 2
    (line,) = result.stderr.strip().splitlines()
    assert "pip install 'lungcam[dicom]'" in line
    assert not (workplace / "no").exists()
