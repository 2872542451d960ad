"""Requests: a finished scan is recognised by everything that it depends on, and by nothing else."""

import json
import os
from dataclasses import replace
from types import SimpleNamespace

import pytest

from lungcam.cohorts import Sample
from lungcam.cohorts.sample import ScanNodule
from lungcam.inference import prediction_file
from lungcam.inference.prediction_file import finished_record, request_digest
from lungcam.inference.requested_outputs import RequestedOutputs
from lungcam.render import RenderOptions

NETS = {"sha256": "a" * 64, "layer": "net.conv3", "method": "gradcam", "evidence": "both"}
NET = SimpleNamespace(classifier=SimpleNamespace(chosen=None))
ENSEMBLE = SimpleNamespace(**NETS, tta=None, nets=[NET], transforms=[])
KEYS = ("probability", "logit", "label")
OUTPUTS = RequestedOutputs(masks=False, picture=False)
CENTER = (1.0, 2.0, 3.5)
RECORD = {"probability": 0.25, "logit": -1.0, "label": 0, "seen_in_training": False}


@pytest.fixture
def sample(tmp_path):
    (tmp_path / "scan.nii.gz").write_bytes(b"voxels")
    (tmp_path / "lesion.nii.gz").write_bytes(b"mask")
    known = {"center_mm": CENTER, "diameter_mm": 8.0, "lesion_mask": tmp_path / "lesion.nii.gz"}
    return Sample(
        sample_id="s",
        patient_id="p",
        image=tmp_path / "scan.nii.gz",
        label=1,
        label_source="",
        **known,
    )


def digest(sample, ensemble=ENSEMBLE, outputs=OUTPUTS):
    return request_digest(ensemble, sample, outputs=outputs)


def test_another_class_is_another_request(sample):
    other = SimpleNamespace(classifier=SimpleNamespace(chosen=0))
    other = SimpleNamespace(**{**vars(ENSEMBLE), "nets": [other]})
    assert digest(sample, other) != digest(sample)


def test_equal_requests_have_equal_digests(sample):
    assert digest(sample) == digest(replace(sample))


@pytest.mark.parametrize("change", ["sha256", "layer", "method", "evidence", "tta"])
def test_another_net_or_explanation_is_another_request(sample, change):
    other = SimpleNamespace(**{**vars(ENSEMBLE), change: "other"})
    assert digest(sample, other) != digest(sample)


@pytest.mark.parametrize("file", ["masks", "picture", "erase", "turntable", "report", "dicom"])
def test_other_files_are_another_request(sample, file):
    assert digest(sample, outputs=replace(OUTPUTS, **{file: True})) != digest(sample)


def test_render_options_count_only_with_pictures(sample):
    other = replace(OUTPUTS, render=RenderOptions(preset="otsu"))
    assert digest(sample, outputs=other) == digest(sample)
    drawn, drawn_otherwise = (replace(outputs, picture=True) for outputs in (OUTPUTS, other))
    assert digest(sample, outputs=drawn) != digest(sample, outputs=drawn_otherwise)


def test_a_window_does_not_change_the_request(sample):
    assert digest(sample, outputs=replace(OUTPUTS, interactive=True)) == digest(sample)


@pytest.mark.parametrize("file", ["erase", "picture", "report"])
def test_the_lesion_counts_only_if_it_is_erased_or_outlined(sample, file):
    other, outputs = replace(sample, diameter_mm=9.0), replace(OUTPUTS, **{file: True})
    assert digest(other) == digest(sample)
    assert digest(other, outputs=outputs) != digest(sample, outputs=outputs)
    more = replace(sample, nodules=(ScanNodule(CENTER, 5.0, True),))
    assert digest(more, outputs=outputs) != digest(sample, outputs=outputs)


def test_the_lesion_mask_counts_if_it_is_erased(sample):
    erase = replace(OUTPUTS, erase=True)
    before = digest(sample, outputs=erase)
    sample.lesion_mask.write_bytes(b"another")
    assert digest(sample, outputs=erase) != before


def test_file_position_and_version_count_and_the_label_does_not(sample, monkeypatch):
    before = digest(sample)
    assert digest(replace(sample, label=0)) == before
    assert digest(replace(sample, center_mm=(1.0, 2.0, 3.0))) != before
    os.utime(sample.image, ns=(0, 0))
    assert digest(sample) != before
    before = digest(sample)
    copy = sample.image.with_name("copy.nii.gz")
    copy.write_bytes(sample.image.read_bytes())
    os.utime(copy, ns=(0, 0))
    assert digest(replace(sample, image=copy)) != before
    monkeypatch.setattr(prediction_file, "__version__", "0.0.0")
    assert digest(sample) != before


def test_voxels_in_a_file_next_to_their_header_count(tmp_path):
    (tmp_path / "a.mhd").write_text("ElementDataFile = a.raw\n")
    (tmp_path / "a.raw").write_bytes(b"voxels")
    sample = Sample(
        sample_id="a", patient_id="a", image=tmp_path / "a.mhd", label=None, label_source=""
    )
    before = digest(sample)
    (tmp_path / "a.raw").write_bytes(b"other voxels")
    assert digest(sample) != before


def test_all_slices_of_a_series_count(tmp_path):
    for name in ("1.dcm", "2.dcm"):
        (tmp_path / name).write_bytes(b"slice")
    sample = Sample(
        sample_id="a", patient_id="a", image=tmp_path, label=None, label_source="", series_uid="1.2"
    )
    before = digest(sample)
    assert digest(replace(sample, series_uid="1.3")) != before
    (tmp_path / "2.dcm").unlink()
    assert digest(sample) != before


def test_a_scan_that_does_not_exist_has_a_digest(tmp_path):
    for name in ("gone.nii", "gone.mhd", "gone"):
        digest(
            Sample(
                sample_id="a", patient_id="a", image=tmp_path / name, label=None, label_source=""
            )
        )


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", json.dumps({"request": "x"}), json.dumps(RECORD), "[" * 10**5]
)
def test_other_content_is_no_finished_record(tmp_path, text):
    assert finished_record(tmp_path, "x", keys=KEYS) is None
    (tmp_path / "prediction.json").write_text(text)
    assert finished_record(tmp_path, "x", keys=KEYS) is None


def test_the_record_of_the_request_is_read(tmp_path):
    (tmp_path / "prediction.json").write_text(json.dumps(RECORD | {"request": "x", "more": 1}))
    assert finished_record(tmp_path, "x", keys=KEYS) == RECORD
    assert finished_record(tmp_path, "y", keys=KEYS) is None
