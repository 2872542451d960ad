"""Texts of headers, from any place, are in no file that is written, and not on the terminal."""

import base64
import csv
import gzip
import io
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from pydicom.uid import generate_uid

from lungcam.phantom import phantom_cohort
from lungcam.phantom.layouts.dicom import Series, write_slices

from ..integration.conftest import _process_ended, command
from .conftest import ROOT
from .marks import HEADER, NAME, Marks, mark_itk, mark_nifti, mark_series, marks_in

__all__ = ["_process_ended"]

FILES = ("a.nii.gz", "b.nii", "c.nrrd", "d.nhdr", "e.mha", "f.mhd")
FORMS = (*FILES, "series", "read", "archive.zip")
PHANTOMS = 18
# files that list scans, or what is wrong with them, by path, as the user has given it
LISTS = (
    *("predictions.csv", "samples.csv", "quality.csv", "check.json"),
    *("hashes.json", "config.yaml", "overrides.yaml"),
)


def write_scan(path: Path, sample, marks: Marks) -> None:
    """Write a phantom in one of the forms, with marks everywhere."""
    volume = nib.load(sample.image)
    hu = np.asarray(volume.dataobj).astype(np.int16)
    if path.name in FILES:
        write = mark_nifti if ".nii" in path.name else mark_itk
        write(path, hu, affine=volume.affine, marks=marks)
        return
    folder = path.with_name("unpacked") if path.suffix == ".zip" else path
    series = Series(
        patient_id="p", study_uid=generate_uid(), series_uid=generate_uid(), number=1,
        frame_uid=generate_uid(), description="", kernel="STANDARD", date="19990102",
    )  # fmt: skip
    names = [f"{k}.dcm" for k in range(hu.shape[2])]
    write_slices(
        folder,
        series,
        hu=hu,
        affine=volume.affine,
        sop_uid=lambda k: generate_uid(),
        names=names,
    )
    mark_series(folder, marks=marks, read=path.name == "read")
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.comment = marks.new("comment of an archive").encode()
            for file in folder.iterdir():
                archive.write(file, f"{marks.new('folder in an archive', NAME)}/{file.name}")
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def marks() -> Marks:
    return Marks()


@pytest.fixture(scope="module")
def scans(tmp_path_factory, marks) -> Path:
    """Return a folder with a table of marked scans of all forms, and one of damaged ones."""
    root = tmp_path_factory.mktemp("marked")
    cohort = phantom_cohort(root / "phantoms", n=PHANTOMS, difficulty=0.3, matrix=64)
    rows = []
    for number, sample in enumerate(cohort.samples):
        place = root / "scans" / f"{number:02d}" / FORMS[number % len(FORMS)]
        place.parent.mkdir(parents=True)
        write_scan(place, sample, marks)
        center = sample.center_mm or ("", "", "")
        if sample.center_mm:
            center = (-center[0], -center[1], center[2])
        keys = ("coordX", "coordY", "coordZ")
        rows.append(
            {
                "image": place.relative_to(root),
                "label": sample.label,
                "diameter_mm": sample.diameter_mm or "",
                "PatientName": marks.new("column of a table"),
                **dict(zip(keys, center, strict=True)),
            }
        )
    with (root / "table.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    damage(root, marks)
    return root


def damage(root: Path, marks: Marks) -> None:
    """Write copies that are cut short, and some with marks where a number should be."""
    for number, name in enumerate(FORMS):
        whole, place = root / "scans" / f"{number:02d}" / name, root / "damaged" / name
        place.parent.mkdir(exist_ok=True)
        if whole.is_dir():
            shutil.copytree(whole, place)
            for file in sorted(place.iterdir())[::2]:
                file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        else:
            place.write_bytes(whole.read_bytes()[: whole.stat().st_size // 3])
    for name, field in (("g.nrrd", "sizes"), ("h.nrrd", "type"), ("i.nrrd", "space origin")):
        text = marks.new(f"{name}: {field} that is none")
        (root / "damaged" / name).write_text(f"NRRD0004\ndimension: 3\n{field}: {text}\n\n")
    for name, field in (("j.mha", "DimSize"), ("k.mha", "ElementType"), ("l.mha", "Offset")):
        text = marks.new(f"{name}: {field} that is none")
        (root / "damaged" / name).write_text(f"NDims = 3\n{field} = {text}\n")


def check(*arguments: object, cwd: Path) -> str:
    """Run `python -m lungcam check`; return all that it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "lungcam", "check", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return _printed(done, bad="damaged" in arguments)


def _printed(done: subprocess.CompletedProcess, *, bad: bool = False) -> str:
    assert done.returncode == (2 if bad else 0), done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def written(scans) -> tuple[Path, str]:
    """Return the folder of everything that the commands write, and all that they print."""
    pytest.importorskip("highdicom", reason="needs the extra dicom")
    place, printed = scans / "place", []
    place.mkdir()
    shutil.move(scans / "damaged", place / "damaged")
    net = (
        *("split.val=0.25", "split.test=0.25", "trainer.max_epochs=1", "render.size=64"),
        *("explain.benchmark=true", "explain.erase=true", "logger=[tensorboard,csv]"),
        *("view.shape=[24,18,24]", "view.spacing_mm=15"),
    )
    table = ("data=table", f"data.table={scans / 'table.csv'}")
    printed.append(check(*table, "out=cohort", cwd=place))
    printed.append(_printed(command("train.py", *table, *net, "hydra.run.dir=run", cwd=place)))
    infer = ("infer.py", "ckpt=run", "report=true", "picture=true", "render.size=64")
    for name in ("series", "read"):
        (scan,) = (scans / "scans" / f"{FORMS.index(name):02d}").iterdir()
        outputs = ("dicom=true", "turntable=true", f"out=single_{name}")
        printed.append(_printed(command(*infer, *outputs, f"scan={scan}", cwd=place)))
    lines = (scans / "table.csv").read_text().splitlines(keepends=True)
    (scans / "each.csv").write_text("".join(lines[: len(FORMS) + 1]))
    many = (f"scan={scans / 'each.csv'}", "explain.benchmark=true", "out=many")
    printed.append(_printed(command(*infer, *many, cwd=place)))
    bad = command("infer.py", "ckpt=run", "scan=damaged", "out=bad", cwd=place)
    printed.append(_printed(bad, bad=True))
    printed.append(check(scans / "scans", "out=checked", cwd=place))
    printed.append(check("damaged", "out=bad_checked", cwd=place))
    shutil.rmtree(place / "damaged")
    return place, "\n".join(printed)


@pytest.mark.slow
def test_no_mark_of_a_header_is_written_or_printed(written, marks, record_property):
    place, printed = written
    files = [file for file in place.rglob("*") if file.is_file()]
    suffixes = {file.suffix for file in files}
    assert {".dcm", ".html", ".gif", ".png", ".gz", ".ckpt", ".csv", ".json"} <= suffixes
    assert any("tfevents" in file.name for file in files)
    for file in files:
        seen = marks_in(file.read_bytes()) | marks_in(str(file.relative_to(place)).encode())
        headers = {mark for mark in seen if mark.startswith(HEADER)}
        assert not headers, (file, marks.named(headers))
        if file.name not in LISTS:
            assert not seen, (file, marks.named(seen))
    seen = {mark for mark in marks_in(printed.encode()) if mark.startswith(HEADER)}
    assert not seen, marks.named(seen)
    count = sum(mark.startswith(HEADER) for mark in marks.places)
    assert count > 5_000
    record_property("attack", {"cases": count, "files": len(files)})


@pytest.mark.slow
def test_the_marks_are_where_they_should_be(scans, marks):
    seen = set()
    for file in (scans / "scans").rglob("*"):
        if file.is_file():
            seen |= marks_in(file.read_bytes()) | marks_in(file.name.encode())
    seen |= marks_in((scans / "table.csv").read_bytes())
    damaged = {mark for mark, place in marks.places.items() if "that is none" in place}
    assert marks.named(marks.places.keys() - seen - damaged) == {}


MARK = b"QZX00000"


def _zipped(content: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", content)
    return stream.getvalue()


def _deflated(content: bytes) -> bytes:
    data = pydicom.Dataset()
    data.file_meta = pydicom.dataset.FileMetaDataset()
    data.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1.99"
    data.file_meta.MediaStorageSOPClassUID = data.file_meta.MediaStorageSOPInstanceUID = "1.2"
    data.PatientName = content.decode()
    stream = io.BytesIO()
    data.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


@pytest.mark.parametrize(
    "packed",
    [
        MARK,
        MARK.lower(),
        MARK.decode().encode("utf-16"),
        gzip.compress(MARK),
        _zipped(MARK),
        _deflated(MARK),
        b"<img src='data:;base64," + base64.b64encode(gzip.compress(MARK * 20)) + b"'>",
        b"<p>" + base64.b64encode(bytes(30) + MARK + bytes(30)) + b"</p>",
        gzip.compress(_zipped(gzip.compress(MARK))),
    ],
    ids=["plain", "case", "wide", "gzip", "zip", "deflated", "page", "base64", "nested"],
)
def test_a_mark_is_found_however_it_is_packed(packed):
    assert marks_in(packed) == {"QZX00000"}
