"""Catalogue of a DICOM tree: series by UID, from few headers, with an index on disk."""

import hashlib
import os
import re
import shutil
import signal
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from lungcam.cohorts.dicom_index import Series, catalogue, read_catalogue
from lungcam.errors import InputError

LONG_AGO = 1_000_000_000 * 10**9


def slice_of(series="1.2.3", study="1.2", syntax=ExplicitVRLittleEndian, **tags) -> Dataset:
    """Return a slice; a tag that is None is deleted."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = CTImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = "1.9"
    dataset.ImageType, dataset.Modality = ["ORIGINAL", "PRIMARY", "AXIAL"], "CT"
    dataset.PatientID, dataset.StudyDate = "LIDC-IDRI-0001", "20000101"
    dataset.SliceThickness, dataset.ConvolutionKernel = "2.5", "STANDARD"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, series
    dataset.Rows = dataset.Columns = 4
    for name, value in tags.items():
        if value is None:
            delattr(dataset, name)
        else:
            setattr(dataset, name, value)
    return dataset


def write(folder: Path, count=3, begin=0, name="1-{:03d}.dcm", **tags) -> list[Path]:
    """Write equal slices of one series."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / name.format(i) for i in range(begin, begin + count)]
    slice_of(**tags).save_as(files[0], enforce_file_format=True)
    for file in files[1:]:
        shutil.copyfile(files[0], file)
    return files


def write_numbered(folder: Path, numbers, name="1-{:03d}.dcm", **tags) -> list[Path]:
    """Write slices with different InstanceNumbers and SOPInstanceUIDs."""
    folder.mkdir(parents=True, exist_ok=True)
    dataset = slice_of(**tags)
    series = dataset.SeriesInstanceUID
    files = []
    for k, number in enumerate(numbers):
        dataset.InstanceNumber, dataset.SOPInstanceUID = number, f"{series}.{number}"
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        files.append(folder / name.format(k))
        dataset.save_as(files[-1], enforce_file_format=True)
    return files


def settle(root: Path) -> None:
    """Set the folders' times long ago: a folder that has just changed is read again."""
    for folder, _, _ in os.walk(root):
        os.utime(folder, ns=(LONG_AGO, LONG_AGO))


def poison(file: Path) -> None:
    """Damage a file's bytes and keep its size and times."""
    status = file.stat()
    file.write_bytes(b"\xff" * status.st_size)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.fixture
def root(tmp_path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def cache(tmp_path) -> Path:
    return tmp_path / "cache"


def test_series_are_identified_by_uid_and_not_by_folder_names(root, cache):
    write(root / "z" / "CT Thorax 5.0", series="1.5", study="1.1", count=2)
    write(root / "a", series="1.4", study="1.2", SliceThickness="1.25", ConvolutionKernel="B30f")
    write(root / "b", 1, series="1.7", PatientID="LIDC-IDRI-0000", Modality="SEG")
    series = catalogue(root, cache)
    assert [item.series_uid for item in series] == ["1.7", "1.5", "1.4"]
    assert series[2] == Series(
        folder=root / "a",
        patient_id="LIDC-IDRI-0001",
        study_uid="1.2",
        series_uid="1.4",
        modality="CT",
        localizer=False,
        slices=3,
        thickness_mm=1.25,
        kernel="B30f",
        timepoint=None,
    )
    assert series[0].modality == "SEG"


@pytest.mark.parametrize("name", ["{}", "IM-{}", "1.3.6.1.4.1.{}", "{}.IMA", "{}.DCM"])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_file_names_and_encodings_of_all_kinds_are_read(root, cache, name, syntax):
    write(root, 7, name=name, syntax=syntax)
    (series,) = catalogue(root, cache)
    assert (series.folder, series.slices, series.series_uid) == (root, 7, "1.2.3")


def test_files_that_are_no_images_are_skipped(root, cache):
    write(root / "s", 12)
    (root / "empty").mkdir()
    for name in ("LICENSE", "069.xml", "README.md", "DICOMDIR", ".hidden", "notes", "x.npy"):
        (root / "s" / name).write_bytes(b"no image " * 30)
    (root / "s" / "void").touch()
    result = read_catalogue(root, cache)
    assert [item.slices for item in result.series] == [12]
    assert result.notes == []


SAMPLED = {0, 24, 49, 74, 99}


@pytest.mark.parametrize(
    ("numbers", "folder", "name"),
    [
        (range(1, 101), "a", "1-{:03d}.dcm"),
        (range(300, 200, -1), "a", "IM{:04d}"),
        # in the order 1, 10, 100, 11 ...: even by value
        (range(1, 101), "a", "IM{}"),
        # in no order, as from TCIA and IDC: the folder is named after the series
        (np.random.default_rng(0).permutation(100) + 1, "1.2.34567", "{:06d}.dcm"),
        (np.random.default_rng(0).permutation(100) + 1, "CT_1.2.34567", "{:06d}.dcm"),
        (np.random.default_rng(0).permutation(100) + 1, "3.000000-Lung-34567", "1-{:03d}.dcm"),
    ],
)
def test_few_files_of_a_folder_with_one_series_are_opened(root, cache, numbers, folder, name):
    files = sorted(write_numbered(root / folder, map(int, numbers), name, series="1.2.34567"))
    for k in set(range(100)) - SAMPLED:
        poison(files[k])
    (series,) = catalogue(root, cache)
    assert series.slices == 100


@pytest.mark.parametrize(
    ("numbers", "folder"),
    [
        # a slice is missing
        ([*range(1, 30), *range(31, 102)], "1.2.3"),
        # not named after the series, in no order
        (np.random.default_rng(0).permutation(100) + 1, "a"),
        # numbers too large for 100 files
        (3 * np.random.default_rng(0).permutation(100) + 1, "1.2.3"),
        ([1] * 100, "1.2.3"),
    ],
)
def test_all_files_are_read_if_few_do_not_represent_them(root, cache, numbers, folder):
    files = write_numbered(root / folder, map(int, numbers))
    poison(files[10])
    assert catalogue(root, cache)[0].slices == 99


@pytest.mark.parametrize("folder", ["both", "1.3"])
@pytest.mark.parametrize("position", [5, 20, 40])
def test_a_short_series_among_the_files_of_a_long_one_is_detected(root, cache, folder, position):
    write_numbered(root / "x", range(1, 58), series="1.3")
    long = sorted((root / "x").iterdir())
    short = write_numbered(root / "y", range(1, 8), series="1.4")
    (root / folder).mkdir()
    for k, file in enumerate([*long[:position], *short, *long[position:]]):
        file.rename(root / folder / f"{k:03d}.dcm")
    series = catalogue(root, cache)
    assert [(item.series_uid, item.slices) for item in series] == [("1.3", 57), ("1.4", 7)]


def test_all_files_of_a_mixed_folder_are_read(root, cache):
    write(root, 30, series="1.3")
    write(root, 20, begin=30, series="1.4", SliceThickness="5")
    files = write(root, 5, begin=50, series="1.5")
    files[2].write_bytes(files[2].read_bytes()[:200])
    result = read_catalogue(root, cache)
    assert [(item.series_uid, item.slices) for item in result.series] == [
        ("1.3", 30),
        ("1.4", 20),
        ("1.5", 4),
    ]
    assert [item.thickness_mm for item in result.series] == [2.5, 5.0, 2.5]
    assert result.notes == ["1 DICOM file(s) cannot be read or name no series and are left out."]


def test_localizers_are_marked_and_do_not_count_among_images(root, cache):
    scout = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    write(root / "scout", 2, series="1.3", ImageType=scout)
    write(root / "both", 9, series="1.4")
    write(root / "both", 1, begin=9, series="1.4", ImageType=scout)
    both, alone = sorted(catalogue(root, cache), key=lambda item: item.slices, reverse=True)
    assert (alone.localizer, alone.slices) == (True, 2)
    assert (both.localizer, both.slices) == (False, 9)


def test_a_repeated_series_is_listed_once_with_most_slices(root, cache):
    write(root / "a", 3)
    write(root / "b", 6)
    write(root / "c", 6)
    result = read_catalogue(root, cache)
    assert [(item.folder.name, item.slices) for item in result.series] == [("b", 6)]
    assert result.notes == [
        "2 folder(s) repeat a series that lies in another; the one with most slices counts."
    ]


@pytest.mark.parametrize("cut", [28, 29, 55])
def test_a_series_in_parts_is_left_out_and_named(root, cache, cut):
    write_numbered(root / "p1", range(1, cut + 1))
    write_numbered(root / "deep" / "p2", range(cut + 1, 58))
    write_numbered(root / "whole", range(1, 58), series="1.4")
    for _ in range(2):
        result = read_catalogue(root, cache)
        assert [(item.series_uid, item.slices) for item in result.series] == [("1.4", 57)]
        assert result.notes == [
            "1 series are left out: 1.2.3 lies in parts in 2 folders (deep/p2, p1); put the files "
            "of each into one folder."
        ]


def test_parts_of_a_complete_series_are_copies(root, cache):
    write_numbered(root / "p1", range(1, 29))
    write_numbered(root / "p2", range(29, 58))
    write_numbered(root / "whole", range(1, 58))
    result = read_catalogue(root, cache)
    assert [(item.folder.name, item.slices) for item in result.series] == [("whole", 57)]
    assert len(result.notes) == 1
    assert result.notes[0].startswith("2 folder(s) repeat a series")


def test_copies_with_other_file_names_are_recognised(root, cache):
    write_numbered(root / "a", range(1, 58))
    write_numbered(root / "b", range(57, 0, -1), "x{}")
    write_numbered(root / "c", [5, 9, 2, 44, 31, 17, 8, 50])
    result = read_catalogue(root, cache)
    assert [(item.folder.name, item.slices) for item in result.series] == [("a", 57)]


def test_a_localizer_in_a_separate_folder_is_no_part(root, cache):
    write_numbered(root / "images", range(2, 20))
    write_numbered(root / "scout", [1], ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    (series,) = catalogue(root, cache)
    assert (series.folder.name, series.localizer, series.slices) == ("images", False, 18)


def test_the_catalogue_of_a_random_tree_agrees_with_reading_every_file(root, cache):
    rng = np.random.default_rng(0)
    for i in range(25):
        depth = "/".join(str(n) for n in rng.integers(0, 3, rng.integers(0, 4)))
        kind = {} if i % 2 else {"ConvolutionKernel": "LUNG", "SliceThickness": None}
        begin = 10 * i
        write(root / depth, int(rng.integers(1, 9)), begin=begin, series=f"1.8.{i}", **kind)
    plain: dict[str, list] = {}
    for file in root.rglob("*.dcm"):
        header = pydicom.dcmread(file)
        plain.setdefault(header.SeriesInstanceUID, []).append((file.parent, header))
    series = catalogue(root, cache)
    assert {item.series_uid for item in series} == set(plain)
    for item in series:
        folder, header = plain[item.series_uid][0]
        assert item.folder == folder
        assert item.slices == len(plain[item.series_uid])
        assert item.kernel == header.ConvolutionKernel
        assert item.thickness_mm == header.get("SliceThickness")
    settle(root)
    assert catalogue(root, cache) == catalogue(root, cache) == series


def test_an_unchanged_tree_is_not_opened_again(root, cache):
    files = write(root / "a" / "b", 4) + write(root / "c", 1, series="1.4")
    settle(root)
    first = read_catalogue(root, cache)
    for file in files:
        poison(file)
    assert read_catalogue(root, cache) == first
    # the same damaged files, read without the index
    assert catalogue(root, cache / "other") == []


def test_changed_files_and_folders_are_read_again(root, cache):
    write(root / "a", 3)
    other = write(root / "b" / "deep", 2, series="1.4")
    settle(root)
    assert len(catalogue(root, cache)) == 2
    write(root / "a", 1, begin=3)
    assert catalogue(root, cache)[0].slices == 4
    settle(root)
    slice_of(series="1.44444").save_as(other[0], enforce_file_format=True)
    assert [item.series_uid for item in catalogue(root, cache)] == ["1.2.3", "1.4", "1.44444"]
    write(root / "b" / "new", 1, series="1.5")
    assert len(catalogue(root, cache)) == 4
    shutil.rmtree(root / "b" / "deep")
    assert [item.series_uid for item in catalogue(root, cache)] == ["1.2.3", "1.5"]


def test_a_folder_that_has_just_changed_is_read_again(root, cache):
    write(root, 1)
    assert catalogue(root, cache)[0].slices == 1
    before = root.stat().st_mtime_ns
    write(root, 1, begin=1)
    os.utime(root, ns=(before, before))  # as on a disk with a coarse clock
    assert catalogue(root, cache)[0].slices == 2


def test_links_are_followed_once_per_folder(root, cache):
    write(root / "real", 2)
    (root / "real" / "up").symlink_to(root)
    (root / "again").symlink_to(root / "real")
    (root / "nowhere").symlink_to(root / "gone")
    (root / "round").symlink_to(root / "round")
    elsewhere = root.parent / "elsewhere"
    write(elsewhere, 1, series="1.4")
    (root / "linked").symlink_to(elsewhere)
    result = read_catalogue(root, cache)
    assert [item.series_uid for item in result.series] == ["1.2.3", "1.4"]
    assert result.notes == []


@contextmanager
def without_root_rights():
    """Drop the rights of root, to whom every folder is open."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no POSIX rights here")
def test_closed_folders_and_files_are_noted():
    with tempfile.TemporaryDirectory() as scratch:
        os.chmod(scratch, 0o777)
        root = Path(scratch) / "data"
        write(root / "open", 3)
        closed = root / "closed"
        write(closed, 3, series="1.4")
        (file,) = write(root / "file", 1, series="1.5")
        closed.chmod(0)
        file.chmod(0)
        with without_root_rights():
            result = read_catalogue(root, Path(scratch) / "cache")
        assert [item.series_uid for item in result.series] == ["1.2.3"]
        assert result.notes == [
            "1 DICOM file(s) cannot be read or name no series and are left out.",
            "1 folder(s) could not be opened and are left out, such as closed.",
        ]
        closed.chmod(0o755)
        file.chmod(0o644)
        with without_root_rights():
            assert len(catalogue(root, Path(scratch) / "cache")) == 3


@pytest.mark.parametrize("number", ["LIDC-IDRI-0123", "person-0007"])
def test_research_numbers_are_kept(root, cache, number):
    write(root, 1, PatientID=number)
    assert catalogue(root, cache)[0].patient_id == number


@pytest.mark.parametrize("number", ["MUSTERMANN-4711", "LIDC-IDRI-12", "123456", "Lung_Dx-A0002"])
def test_other_numbers_are_replaced_by_a_pseudonym(root, cache, number):
    write(root / "a", 1, series="1.3", PatientID=number)
    write(root / "b", 1, series="1.4", study="1.7", PatientID=f" {number} ", StudyDate="20150102")
    first, second = catalogue(root, cache)
    digest = hashlib.sha256(number.encode()).hexdigest()[:12]
    assert second.patient_id == f"patient-{digest}"
    # six digits count as NLST's only in NLST's years
    assert first.patient_id == ("123456" if number == "123456" else second.patient_id)


def test_no_identifying_tag_is_stored(root, cache):
    secrets = {
        "PatientID": "MRN0815",
        "PatientName": "MUSTERMANN^ERIKA",
        "PatientBirthDate": "19640812",
        "AccessionNumber": "ACC4711",
        "StudyDate": "20170331",
        "InstitutionName": "KLINIKUM",
    }
    write(root, 3, **secrets)
    result = read_catalogue(root, cache)
    (index,) = cache.iterdir()
    for secret in secrets.values():
        assert secret not in repr(result)
        assert secret not in index.read_text()


def test_patients_without_a_number_are_distinguished_by_study(root, cache):
    write(root / "a", 1, series="1.3", study="1.1", PatientID=None)
    write(root / "b", 1, series="1.4", study="1.1", PatientID="")
    write(root / "c", 1, series="1.5", study="1.2", PatientID=None)
    result = read_catalogue(root, cache)
    people = {item.series_uid: item.patient_id for item in result.series}
    assert people["1.3"] == people["1.4"] != people["1.5"]
    assert result.notes == ["3 series name no patient; each study of theirs counts as a person."]


@pytest.mark.parametrize(
    ("date", "trial", "year"),
    [
        ("19990102", "T0", 0),
        ("20000102", None, 1),
        ("20010102", "T2", 2),
        ("", "T1", 1),
        ("19990102", "T2", 0),
    ],
)
def test_nlst_screening_years_are_read_from_date_or_time_point(root, cache, date, trial, year):
    tags = {} if trial is None else {"ClinicalTrialTimePointID": trial}
    write(root, 1, PatientID="100012", StudyDate=date, **tags)
    result = read_catalogue(root, cache)
    assert [(item.patient_id, item.timepoint) for item in result.series] == [("100012", year)]
    assert any("disagree" in note or "different" in note for note in result.notes) == (
        (date, trial) == ("19990102", "T2")
    )


def test_other_data_sets_have_no_screening_year(root, cache):
    write(root, 1, StudyDate="19990102")
    assert catalogue(root, cache)[0].timepoint is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: data.replace(b'"CT"', b'"MR"'),
        lambda data: b"[1]\n" + data,
        lambda data: re.sub(rb'"version": \d+', b'"version": 0', data),
        lambda data: os.urandom(500),
    ],
)
def test_a_damaged_index_is_rebuilt(root, cache, damage):
    write(root / "a", 3)
    settle(root)
    first = catalogue(root, cache)
    (index,) = cache.iterdir()
    content = index.read_bytes()
    index.write_bytes(damage(content))
    assert catalogue(root, cache) == first
    assert index.read_bytes() == content


def many(root: Path, count: int) -> None:
    """Write many series folders of one slice quickly."""
    (file,) = write(root / "0", 1, series="1.2.1000000")
    data = file.read_bytes()
    for i in range(1, count):
        (root / str(i)).mkdir()
        uid = f"1.2.{1_000_000 + i}".encode()
        (root / str(i) / "x.dcm").write_bytes(data.replace(b"1.2.1000000", uid))
    settle(root)


def test_several_processes_give_the_same_catalogue(root, cache):
    many(root, 1100)
    series = read_catalogue(root, cache, workers=2).series
    assert len(series) == 1100
    assert read_catalogue(root, cache / "alone", workers=1).series == series


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no interval timer here")
def test_indexing_can_be_interrupted_and_resumed(root, cache):
    many(root, 400)

    def stop(number, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, stop)
    try:
        for seconds in (0.01, 0.05, 0.1, 0.15):
            signal.setitimer(signal.ITIMER_REAL, seconds)
            try:
                catalogue(root, cache)
            except KeyboardInterrupt:
                pass
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert catalogue(root, cache) == catalogue(root, cache / "new")
    assert not [file for file in cache.iterdir() if file.name.startswith(".")]


def test_a_tree_without_dicom_has_no_series(root, cache):
    (root / "a.txt").write_text("nothing")
    assert catalogue(root, cache) == []


def test_wrong_folders_are_refused_in_one_line(root, cache):
    with pytest.raises(InputError, match="no such folder; give"):
        catalogue(root / "gone", cache)
    cache.write_text("a file in place of the folder")
    write(root, 1)
    with pytest.raises(InputError, match="cannot be written"):
        catalogue(root, cache)


def test_genuine_scans_are_listed(sample_data, cache):
    by_patient = {item.folder.parts[-3]: item for item in catalogue(sample_data, cache)}
    lidc, other = by_patient["LIDC-IDRI-0001"], by_patient["Lung_Dx-A0002"]
    assert (lidc.patient_id, lidc.slices, lidc.thickness_mm) == ("LIDC-IDRI-0001", 133, 2.5)
    assert lidc.series_uid == lidc.folder.name
    assert lidc.study_uid == lidc.folder.parent.name
    assert other.patient_id.startswith("patient-")
    assert (other.slices, other.kernel, other.thickness_mm) == (30, "B70f", 8.0)
