"""What the objects say, that they are what the standard asks for, and what they are called."""

import dataclasses
import shutil
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydicom.uid import UID, generate_uid

from lungcam import RESEARCH_USE_ONLY, __version__
from lungcam.dicom import (
    LUNGS,
    SHOWN,
    NoSource,
    ObjectDescription,
    require_highdicom,
    source_of,
    write_heat_slices,
    write_parametric_map,
    write_segmentation,
)
from lungcam.dicom.derived_series import to_16_bits
from lungcam.errors import InputError
from lungcam.explain.cam import METHOD_NAMES
from lungcam.explain.reliability import FAILED
from lungcam.grid import Grid, reorient
from lungcam.inference.outputs import write_dicom_objects
from lungcam.scans import Scan, read_scan


@pytest.fixture
def write_all(tmp_path, series, heat, hu):
    """Function of a `ObjectDescription` that writes all objects, below a name, and reads them."""
    source = source_of(series(tmp_path / "scan"))

    def write(told: ObjectDescription, name: str = "out") -> dict[str, pydicom.Dataset]:
        folder = tmp_path / name
        write_parametric_map(folder / "heatmap.dcm", source, heat=heat, description=told)
        write_heat_slices(folder / "slices", source, heat=heat, description=told)
        write_segmentation(
            folder / "lungs.dcm", source, mask=hu > 0, segment=LUNGS, description=told
        )
        write_segmentation(
            folder / "mask.dcm", source, mask=hu > 100, segment=SHOWN, description=told
        )
        files = sorted(file for file in folder.rglob("*.dcm"))
        return {str(file.relative_to(folder)): pydicom.dcmread(file) for file in files}

    return write


@pytest.mark.skipif(not shutil.which("dciodvfy"), reason="needs Debian's dicom3tools")
@pytest.mark.parametrize("mark", [None, FAILED])
@pytest.mark.parametrize("code", ["gradcam", "occlusion"])
def test_dciodvfy_finds_no_error(tmp_path, write_all, told, mark, code):
    told = dataclasses.replace(told, mark=mark, code=code, method=METHOD_NAMES[code])
    for name in write_all(told):
        said = subprocess.run(
            ["dciodvfy", "-new", tmp_path / "out" / name], capture_output=True, text=True
        )
        # no directory can be made of it while patient and study are nameless
        lines = [line for line in said.stderr.splitlines() if "DICOMDIR" not in line]
        assert lines
        assert not [line for line in lines if line.startswith(("Error", "Abort"))], name


def test_objects_say_what_they_are(write_all, told):
    made = write_all(told)
    for name, one in made.items():
        assert RESEARCH_USE_ONLY in one.ImageComments
        assert told.checkpoint in one.ImageComments
        assert one.SeriesDescription.endswith("RESEARCH ONLY")
        assert "FAILED" not in one.SeriesDescription
        assert one.Modality == {"h": "OT", "s": "CT"}.get(name[0], "SEG")
    heat = made["heatmap.dcm"]
    assert heat.SeriesDescription == "Grad-CAM for+against Small3D RESEARCH ONLY"
    assert heat.ContentQualification == "RESEARCH"
    shared = heat.SharedFunctionalGroupsSequence[0]
    (mapping,) = shared.RealWorldValueMappingSequence
    assert mapping.MeasurementUnitsCodeSequence[0].CodeValue == "1"
    assert mapping.MeasurementUnitsCodeSequence[0].CodingSchemeDesignator == "UCUM"
    quantity = mapping.QuantityDefinitionSequence[0].ConceptCodeSequence[0]
    assert quantity.CodeMeaning == "Gradient-weighted class activation"
    # 0 is mid-grey, and the highest value white
    window = shared.FrameVOILUTSequence[0]
    assert (window.WindowCenter, window.WindowWidth) == (0, 14.5)
    for name, kind in (("lungs.dcm", "39607008"), ("mask.dcm", "C94970")):
        (segment,) = made[name].SegmentSequence
        assert segment.SegmentedPropertyTypeCodeSequence[0].CodeValue == kind
        algorithm = segment.SegmentationAlgorithmIdentificationSequence[0]
        assert (algorithm.AlgorithmName, algorithm.AlgorithmVersion) == ("lungcam", __version__)


def test_a_net_that_failed_its_checks_is_marked(write_all, told):
    made = write_all(dataclasses.replace(told, mark=FAILED))
    for name in ("heatmap.dcm", "slices/0001.dcm"):
        assert made[name].SeriesDescription.startswith("FAILED CHECKS Grad-CAM")
        assert FAILED in made[name].ImageComments
    assert made["heatmap.dcm"].ContentDescription.startswith("FAILED CHECKS")


def test_the_same_result_has_the_same_uids_and_another_one_others(write_all, told):
    def uids(made):
        return [one.SOPInstanceUID for one in made.values()] + [
            made[name].SeriesInstanceUID for name in ("heatmap.dcm", "lungs.dcm", "slices/0001.dcm")
        ]

    first, again = uids(write_all(told)), uids(write_all(told, "again"))
    other = uids(write_all(dataclasses.replace(told, checkpoint="cd" * 32), "other"))
    assert first == again
    assert len({*first, *other}) == 2 * len(first)
    assert all(UID(one).is_valid for one in first)


@given(
    model=st.text(max_size=80),
    method=st.sampled_from(sorted(METHOD_NAMES)),
    evidence=st.sampled_from(["both", "for", "against"]),
    mark=st.sampled_from([None, FAILED]),
)
def test_what_a_list_of_series_shows_fits(model, method, evidence, mark):
    told = ObjectDescription(
        method=METHOD_NAMES[method],
        code=method,
        evidence=evidence,
        model=model,
        checkpoint="",
        label_rule="",
        mark=mark,
    )
    assert len(told.heat) <= 64
    assert told.heat.endswith("RESEARCH ONLY")
    assert METHOD_NAMES[method] in told.heat
    assert len(told.scale) <= 64
    assert "against" in told.scale or evidence == "for"
    assert told.heat.startswith("FAILED") == (mark is not None)


@given(
    arrays(
        np.float32,
        (2, 3, 4),
        elements=st.just(0.0) | st.floats(-1e3, 1e3, width=32).filter(lambda x: abs(x) > 1e-6),
    )
)
def test_sixteen_bits_keep_the_peaks_alone_and_zero_at_zero(values):
    stored, slope = to_16_bits(values)
    assert np.abs(stored * slope - values).max() <= 1.001 * slope
    assert (stored[values == 0] == 0).all()
    if values.max() > 0:
        assert np.array_equal(stored == stored.max(), values == values.max())
    if values.min() < 0:
        assert np.array_equal(stored == stored.min(), values == values.min())


def test_a_scan_of_another_format_is_told_and_nothing_is_written(tmp_path, hu, heat):
    scan = Scan(name="a", source=tmp_path / "a.nii.gz", hu=hu, grid=Grid(hu.shape, np.eye(4)))
    (note,) = write_dicom_objects(tmp_path / "out", scan, heat=heat, masks={}, predictor=None)
    assert "not read from a DICOM series" in note
    assert not (tmp_path / "out").exists()


def test_slices_without_a_study_cannot_be_referred_to(tmp_path, write_series, series, edit):
    scan = series(tmp_path / "scan")
    edit(next((tmp_path / "scan").iterdir()), StudyInstanceUID=generate_uid())

    with pytest.raises(NoSource, match="StudyInstanceUID"):
        source_of(read_scan(tmp_path / "scan"))
    assert source_of(scan).one_frame


@pytest.mark.parametrize("frames", ["one a slice", "none"])
def test_frames_of_reference_that_slices_do_not_share(tmp_path, series, edit, frames):
    series(tmp_path / "scan")
    for file in (tmp_path / "scan").iterdir():
        edit(file, FrameOfReferenceUID=None if frames == "none" else generate_uid())

    scan = read_scan(tmp_path / "scan")
    source = source_of(scan)
    assert not source.one_frame
    assert UID(source.frame_uid).is_valid
    assert source.frame_uid == source_of(scan).frame_uid
    if frames != "none":
        assert source.frame_uid == scan.slices[0].frame_uid


def test_without_the_extra_one_line_says_what_to_install(monkeypatch):
    require_highdicom()
    monkeypatch.setitem(sys.modules, "highdicom", None)
    with pytest.raises(InputError, match=r"pip install 'lungcam\[dicom\]'"):
        require_highdicom()


def test_highdicom_is_imported_late():
    code = "import sys, lungcam.dicom; print('highdicom' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "False"


def test_a_note_tells_of_frames_of_reference_and_of_uneven_slices(tmp_path, write_series, hu, heat):
    write_series(tmp_path / "scan", hu, StudyInstanceUID=generate_uid())
    for k, file in enumerate(sorted((tmp_path / "scan").iterdir())):
        item = pydicom.dcmread(file)
        item.ImagePositionPatient[2] += 0.05 * (k % 2)
        item.save_as(file)
    scan = read_scan(tmp_path / "scan")
    net = SimpleNamespace(
        classifier=SimpleNamespace(net=object()),
        **{"method": "gradcam", "evidence": "both", "sha256": "", "label_rule": "", "mark": None},
    )
    mask = reorient(hu > 0, scan.grid, target=scan.grid.canonical)
    notes = write_dicom_objects(
        tmp_path / "out", scan, heat=heat, masks={"lungs": mask}, predictor=net
    )
    assert ["FrameOfReferenceUID" in notes[0], "uneven by up to 0.0" in notes[1]] == [True, True]
    volume = sitk.ReadImage(str(tmp_path / "out" / "lungs.dcm"))
    # should GDCM learn to place them, the note can go
    assert volume.GetSpacing() == (1, 1, 1)
    assert sitk.GetArrayViewFromImage(volume).sum() == 255 * (hu > 0).sum()
