"""`python infer.py ... dicom=true` from end to end."""

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
    """Write a phantom as a DICOM series."""
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


def highest_lps(volume: sitk.Image) -> np.ndarray:
    values = sitk.GetArrayViewFromImage(volume)
    k, j, i = (int(n) for n in np.unravel_index(values.argmax(), values.shape))
    return np.array(volume.TransformIndexToPhysicalPoint((i, j, k)))


def test_dicom_objects_of_a_series(workplace, scan):
    done = command(
        "infer.py", "ckpt=run", f"scan={scan}", "out=dicom", "dicom=true", "picture=false",
        cwd=workplace,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "copy attributes" not in done.stdout + done.stderr
    out = workplace / "dicom" / "series"
    prediction = json.loads((out / "prediction.json").read_text())
    assert not any("DICOM" in warning for warning in prediction["warnings"])
    nifti = sitk.ReadImage(str(out / "heatmap.nii.gz"))
    peak = highest_lps(nifti)
    parametric_map = hd.pm.ParametricMap.from_dataset(pydicom.dcmread(out / "heatmap.dcm"))
    volume = parametric_map.get_volume()
    index = np.unravel_index(volume.array.argmax(), volume.array.shape)
    assert np.abs(volume.map_indices_to_reference(np.array([index]))[0] - peak).max() < 0.01
    assert volume.array.max() == sitk.GetArrayViewFromImage(nifti).max()
    # the net of one epoch fails its checks
    assert parametric_map.SeriesDescription.startswith("FAILED CHECKS Grad-CAM for+against Small3D")
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(out / "heatmap_slices")))
    assert np.abs(highest_lps(reader.Execute()) - peak).max() < 0.01
    for name in ("mask", "lungs"):
        segmentation = sitk.Resample(
            sitk.ReadImage(str(out / f"{name}.dcm")), nifti, interpolator=1
        )
        truth = sitk.ReadImage(str(out / f"{name}.nii.gz"))
        assert np.array_equal(
            sitk.GetArrayFromImage(segmentation) > 127, sitk.GetArrayFromImage(truth) > 0
        )
    files = sorted(scan.glob("*.dcm"))
    (series,) = parametric_map.ReferencedSeriesSequence
    assert len(series.ReferencedInstanceSequence) == len(files)
    assert series.SeriesInstanceUID == pydicom.dcmread(files[0]).SeriesInstanceUID
    for file in [*out.glob("*.dcm"), *out.glob("heatmap_slices/*.dcm")]:
        assert not {b"JANE4711", b"Jane thin", b"19990102"} & {
            word for word in (b"JANE4711", b"Jane thin", b"19990102") if word in file.read_bytes()
        }


def test_without_the_extra_nothing_is_written(workplace, scan, tmp_path):
    write_text(tmp_path / "sitecustomize.py", "import sys\nsys.modules['highdicom'] = None\n")
    done = subprocess.run(
        [sys.executable, ROOT / "infer.py", "ckpt=run", f"scan={scan}", "out=no", "dicom=true"],
        cwd=workplace,
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "PYTHONPATH": f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
        },
    )
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert "pip install 'lungcam[dicom]'" in line
    assert not (workplace / "no").exists()
