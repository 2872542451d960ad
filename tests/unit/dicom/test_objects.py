"""Attributes of the DICOM objects, their conformance to the standard, and their UIDs."""

import dataclasses
import shutil
import struct
import subprocess
import zlib
from types import SimpleNamespace

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    generate_uid,
)

from lungcam import RESEARCH_USE_ONLY, __version__
from lungcam.data.scan_traits import ScanTraits
from lungcam.dicom import (
    INPUT_REGION,
    LUNGS,
    ObjectDescription,
    source_of,
    write_heat_slices,
    write_parametric_map,
    write_segmentation,
)
from lungcam.evaluation.track_record import TrackRecord
from lungcam.explain.cam import METHOD_NAMES
from lungcam.explain.reliability import FAILED
from lungcam.grid import Grid, reorient
from lungcam.inference.dicom_objects import write_dicom_objects
from lungcam.inference.trust import Trust
from lungcam.scans import Scan, read_scan


@pytest.fixture
def write_all(tmp_path, series, heat, hu):
    """Function of (description, name): write all objects into a folder and read them."""
    source = source_of(series(tmp_path / "scan"))

    def write(description: ObjectDescription, name: str = "out") -> dict[str, pydicom.Dataset]:
        folder = tmp_path / name
        write_parametric_map(folder / "heatmap.dcm", source, heat=heat, description=description)
        write_heat_slices(folder / "slices", source, heat=heat, description=description)
        write_segmentation(
            folder / "lungs.dcm", source, mask=hu > 0, segment=LUNGS, description=description
        )
        write_segmentation(
            folder / "mask.dcm",
            source,
            mask=hu > 100,
            segment=INPUT_REGION,
            description=description,
        )
        files = sorted(file for file in folder.rglob("*.dcm"))
        return {str(file.relative_to(folder)): pydicom.dcmread(file) for file in files}

    return write


@pytest.mark.skipif(not shutil.which("dciodvfy"), reason="needs Debian's dicom3tools")
@pytest.mark.parametrize("mark", [None, FAILED])
@pytest.mark.parametrize("code", ["gradcam", "occlusion"])
def test_dciodvfy_reports_no_error(tmp_path, write_all, description, mark, code):
    description = dataclasses.replace(description, mark=mark, code=code, method=METHOD_NAMES[code])
    for name, dataset in write_all(description).items():
        # dciodvfy skips pixels by seeking, which it cannot in a deflated file
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.save_as(tmp_path / "plain.dcm")
        result = subprocess.run(
            ["dciodvfy", "-new", tmp_path / "plain.dcm"], capture_output=True, text=True
        )
        # a DICOMDIR needs the names of patient and study, which are empty
        lines = [line for line in result.stderr.splitlines() if "DICOMDIR" not in line]
        assert lines
        assert not [line for line in lines if line.startswith(("Error", "Abort"))], name


def test_parametric_map_is_deflated(tmp_path, write_all, description, heat):
    dataset = write_all(description)["heatmap.dcm"]
    file = tmp_path / "out" / "heatmap.dcm"
    assert dataset.file_meta.TransferSyntaxUID == DeflatedExplicitVRLittleEndian
    assert file.stat().st_size % 2 == 0
    # its even length aside, the file ends with the stream, and pydicom writes the same dataset
    dataset.save_as(tmp_path / "pydicom.dcm")
    bodies = []
    for path in (file, tmp_path / "pydicom.dcm"):
        content = path.read_bytes()
        (length,) = struct.unpack("<I", content[140:144])
        bodies.append(zlib.decompress(content[144 + length :], -15))
    assert bodies[0] == bodies[1]


def test_attributes_describe_the_objects(write_all, description):
    objects = write_all(description)
    for name, dataset in objects.items():
        assert RESEARCH_USE_ONLY in dataset.ImageComments
        assert description.checkpoint in dataset.ImageComments
        assert dataset.SeriesDescription.endswith("RESEARCH ONLY")
        assert "FAILED" not in dataset.SeriesDescription
        assert dataset.Modality == {"h": "OT", "s": "CT"}.get(name[0], "SEG")
    heat = objects["heatmap.dcm"]
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
        (segment,) = objects[name].SegmentSequence
        assert segment.SegmentedPropertyTypeCodeSequence[0].CodeValue == kind
        algorithm = segment.SegmentationAlgorithmIdentificationSequence[0]
        assert (algorithm.AlgorithmName, algorithm.AlgorithmVersion) == ("lungcam", __version__)


def test_objects_of_a_net_that_failed_its_checks_are_marked(write_all, description):
    objects = write_all(dataclasses.replace(description, mark=FAILED))
    for name in ("heatmap.dcm", "slices/0001.dcm"):
        assert objects[name].SeriesDescription.startswith("FAILED CHECKS Grad-CAM")
        assert FAILED in objects[name].ImageComments
    assert objects["heatmap.dcm"].ContentDescription.startswith("FAILED CHECKS")


def test_uids_are_equal_for_the_same_result_and_different_for_another(write_all, description):
    def uids(objects):
        return [dataset.SOPInstanceUID for dataset in objects.values()] + [
            objects[name].SeriesInstanceUID
            for name in ("heatmap.dcm", "lungs.dcm", "slices/0001.dcm")
        ]

    first, second = uids(write_all(description)), uids(write_all(description, "second"))
    other = uids(write_all(dataclasses.replace(description, checkpoint="cd" * 32), "other"))
    assert first == second
    assert len({*first, *other}) == 2 * len(first)
    assert all(UID(uid).is_valid for uid in first)


TRUST = Trust(
    record=TrackRecord(),
    traits=ScanTraits(pixel_mm=1.0, slice_mm=1.0),
    verdict="unknown",
    doubts=[],
)


def test_scan_of_another_format_gives_a_note_and_no_file(tmp_path, hu, heat):
    scan = Scan(name="a", source=tmp_path / "a.nii.gz", hu=hu, grid=Grid(hu.shape, np.eye(4)))
    (note,) = write_dicom_objects(
        tmp_path / "out", scan, heat=heat, masks={}, ensemble=None, trust=None
    )
    assert "not read from a DICOM series" in note
    assert not (tmp_path / "out").exists()


def test_notes_report_frames_of_reference_and_uneven_slices(tmp_path, write_series, hu, heat):
    write_series(tmp_path / "scan", hu, StudyInstanceUID=generate_uid())
    for k, file in enumerate(sorted((tmp_path / "scan").iterdir())):
        item = pydicom.dcmread(file)
        item.ImagePositionPatient[2] += 0.05 * (k % 2)
        item.save_as(file)
    scan = read_scan(tmp_path / "scan")
    net = SimpleNamespace(
        model="Net",
        **{"method": "gradcam", "evidence": "both", "sha256": "", "label_rule": "", "mark": None},
    )
    mask = reorient(hu > 0, scan.grid, target=scan.grid.canonical)
    notes = write_dicom_objects(
        tmp_path / "out", scan, heat=heat, masks={"lungs": mask}, ensemble=net, trust=TRUST
    )
    comments = pydicom.dcmread(tmp_path / "out" / "heatmap.dcm").ImageComments
    assert comments.startswith("May I believe this? Not known")
    assert "Trained" not in comments
    assert ["FrameOfReferenceUID" in notes[0], "uneven by up to 0.0" in notes[1]] == [True, True]
    volume = sitk.ReadImage(str(tmp_path / "out" / "lungs.dcm"))
    # if GDCM reads the spacing one day, the note can go
    assert volume.GetSpacing() == (1, 1, 1)
    assert sitk.GetArrayViewFromImage(volume).sum() == 255 * (hu > 0).sum()
