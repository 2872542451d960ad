"""Results in a PACS: Debian's Orthanc on the loopback stores them and gives them back the same."""

import json
import shlex
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest

from lungcam.phantom import make_phantom
from lungcam.phantom.layouts.dicom import Series, write_slices
from lungcam.runtime.atomic import write_text

from .conftest import ROOT, command

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("Orthanc") is None and not Path("/usr/sbin/Orthanc").is_file(),
        reason="no Orthanc: install Debian's orthanc",
    ),
]
pytest.importorskip("highdicom", reason="needs the extra dicom")
pynetdicom = pytest.importorskip("pynetdicom", reason="needs pynetdicom: '.[test]'")

STUDY = "1.2.826.0.1.3680043.8.498.1"
PATIENT = "LUNGCAM-PACS"
# the how-to's paths, by their keys
ELSEWHERE = {"ckpt": "ckpt=run", "scan": "scan=pacs"}
PIXELS = ("PixelData", "FloatPixelData")


def howto_line(start: str) -> str:
    """Return the line of the how-to's section that begins so."""
    text = (ROOT / "docs" / "how-to.md").read_text(encoding="utf-8")
    section = text.partition("\n## Send the results to a PACS\n")[2].partition("\n## ")[0]
    (line,) = (line for line in section.splitlines() if line.startswith(start))
    return line


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Archive:
    """Orthanc, by its REST interface and by C-STORE."""

    def __init__(self, http: int, dicom: int):
        self.url, self.dicom = f"http://127.0.0.1:{http}", dicom

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"{self.url}/{path}", timeout=60) as answer:
            return answer.read()

    def find(self, level: str, **query: str) -> list[str]:
        body = json.dumps({"Level": level, "Query": query}).encode()
        request = urllib.request.Request(f"{self.url}/tools/find", body, method="POST")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    def store(self, files: list[Path]) -> list[int]:
        """Send files by C-STORE, and return the status of each."""
        items = [pydicom.dcmread(file) for file in files]
        entity = pynetdicom.AE(ae_title="LUNGCAM")
        # a machine that is busy with other tests may need long
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 600
        for kind in {(item.SOPClassUID, item.file_meta.TransferSyntaxUID) for item in items}:
            entity.add_requested_context(*kind)
        association = entity.associate("127.0.0.1", self.dicom, ae_title="ORTHANC")
        assert association.is_established
        statuses = [association.send_c_store(item).Status for item in items]
        association.release()
        return statuses


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Iterator[Archive]:
    folder = tmp_path_factory.mktemp("orthanc")
    http, dicom = free_port(), free_port()
    settings = {
        "Name": "lungcam's test",
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "HttpPort": http,
        "DicomPort": dicom,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomAlwaysAllowStore": True,
        "Plugins": [],
    }
    write_text(folder / "orthanc.json", json.dumps(settings))
    program = shutil.which("Orthanc") or "/usr/sbin/Orthanc"
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen([program, str(folder / "orthanc.json")], stdout=log, stderr=log)
        try:
            archive = Archive(http, dicom)
            for _ in range(120):
                try:
                    archive.get("system")
                    break
                except OSError:
                    assert process.poll() is None, (folder / "log.txt").read_text()
                    time.sleep(0.5)
            yield archive
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture(scope="module")
def results(workplace, trained) -> list[Path]:
    """Files of a phantom's series, and of its results with the patient kept."""
    phantom = make_phantom(5, "malignant", matrix=96)
    series = Series(
        patient_id=PATIENT,
        study_uid=STUDY,
        series_uid=f"{STUDY}.1",
        frame_uid=f"{STUDY}.2",
        number=1,
        description="Thorax",
        kernel="STANDARD",
        date="20000102",
    )
    hu = np.asarray(phantom.hu).astype(np.int16)
    write_slices(
        workplace / "pacs",
        series,
        hu=hu,
        affine=phantom.affine,
        sop_uid=lambda k: f"{STUDY}.3.{k + 1}",
        names=[f"{k:03d}.dcm" for k in range(hu.shape[2])],
    )
    program, script, *arguments = shlex.split(howto_line("python infer.py"))
    assert (program, script) == ("python", "infer.py")
    arguments = [ELSEWHERE.get(text.partition("=")[0], text) for text in arguments]
    done = command(script, *arguments, "out=to_pacs", "picture=false", cwd=workplace)
    assert done.returncode == 0, done.stderr
    scan = sorted((workplace / "pacs").glob("*.dcm"))
    return [*scan, *sorted((workplace / "to_pacs" / "pacs").rglob("*.dcm"))]


@pytest.mark.skipif(shutil.which("storescu") is None, reason="no storescu: install dcmtk")
def test_the_line_of_the_howto_stores_the_results(archive, results, workplace):
    before = json.loads(archive.get("statistics"))["CountInstances"]
    words = shlex.split(howto_line("storescu"))
    assert words[-3:-1] == ["localhost", "4242"]
    folder = workplace / "to_pacs" / "pacs"
    done = subprocess.run(
        [*words[:-3], "127.0.0.1", str(archive.dicom), str(folder)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    stored = json.loads(archive.get("statistics"))["CountInstances"]
    assert stored - before == len(list(folder.rglob("*.dcm")))


def test_results_are_stored_under_the_study_and_read_back_the_same(archive, results):
    names = {file.name for file in results}
    assert {"heatmap.dcm", "mask.dcm", "lungs.dcm"} <= names
    assert set(archive.store(results)) == {0}
    # the patient's only study holds the scan and its results
    (study,) = archive.find("Study", PatientID=PATIENT)
    assert json.loads(archive.get(f"studies/{study}"))["MainDicomTags"]["StudyInstanceUID"] == STUDY
    modalities = [
        json.loads(archive.get(f"series/{series}"))["MainDicomTags"]["Modality"]
        for series in json.loads(archive.get(f"studies/{study}"))["Series"]
    ]
    assert sorted(modalities) == ["CT", "CT", "OT", "SEG", "SEG"]
    for file in results:
        sent = pydicom.dcmread(file)
        (instance,) = archive.find("Instance", SOPInstanceUID=sent.SOPInstanceUID)
        content = archive.get(f"instances/{instance}/file")
        copy = file.with_suffix(".back")
        copy.write_bytes(content)
        back = pydicom.dcmread(copy)
        assert back.PatientID == PATIENT
        for keyword in PIXELS:
            assert (keyword in sent) == (keyword in back)
            if keyword in sent:
                assert back[keyword].value == sent[keyword].value, file.name
        copy.unlink()


def test_a_second_storage_changes_nothing(archive, results):
    archive.store(results)
    before = json.loads(archive.get("statistics"))["CountInstances"]
    assert set(archive.store(results)) == {0}
    assert json.loads(archive.get("statistics"))["CountInstances"] == before == len(results)
