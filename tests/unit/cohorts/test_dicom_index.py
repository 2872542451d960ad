"""The catalogue of a DICOM tree: by UID, from few headers, kept on disk."""

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
    """Slices of one series."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / name.format(i) for i in range(begin, begin + count)]
    slice_of(**tags).save_as(files[0], enforce_file_format=True)
    for file in files[1:]:
        shutil.copyfile(files[0], file)
    return files


def write_numbered(folder: Path, numbers, name="1-{:03d}.dcm", **tags) -> list[Path]:
    """Slices with InstanceNumbers and SOPInstanceUIDs of their own, one file name after another."""
    folder.mkdir(parents=True, exist_ok=True)
    one = slice_of(**tags)
    series = one.SeriesInstanceUID
    files = []
    for k, number in enumerate(numbers):
        one.InstanceNumber, one.SOPInstanceUID = number, f"{series}.{number}"
        one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
        files.append(folder / name.format(k))
        one.save_as(files[-1], enforce_file_format=True)
    return files


def settle(root: Path) -> None:
    """Let the folders be old, as those of a data set are: what has just changed is not trusted."""
    for folder, _, _ in os.walk(root):
        os.utime(folder, ns=(LONG_AGO, LONG_AGO))


def poison(file: Path) -> None:
    """Spoil a file's bytes and leave its size and times."""
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


def test_series_are_known_by_uid_whatever_the_folders_are_called(root, cache):
    write(root / "z" / "CT Thorax 5.0", series="1.5", study="1.1", count=2)
    write(root / "a", series="1.4", study="1.2", SliceThickness="1.25", ConvolutionKernel="B30f")
    write(root / "b", 1, series="1.7", PatientID="LIDC-IDRI-0000", Modality="SEG")
    found = catalogue(root, cache)
    assert [one.series_uid for one in found] == ["1.7", "1.5", "1.4"]
    assert found[2] == Series(
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
    assert found[0].modality == "SEG"


@pytest.mark.parametrize("name", ["{}", "IM-{}", "1.3.6.1.4.1.{}", "{}.IMA", "{}.DCM"])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_names_and_encodings(root, cache, name, syntax):
    write(root, 7, name=name, syntax=syntax)
    (one,) = catalogue(root, cache)
    assert (one.folder, one.slices, one.series_uid) == (root, 7, "1.2.3")


def test_what_is_no_image_is_passed_over(root, cache):
    write(root / "s", 12)
    (root / "empty").mkdir()
    for name in ("LICENSE", "069.xml", "README.md", "DICOMDIR", ".hidden", "notes", "x.npy"):
        (root / "s" / name).write_bytes(b"no image " * 30)
    (root / "s" / "void").touch()
    found = read_catalogue(root, cache)
    assert [one.slices for one in found.series] == [12]
    assert found.notes == []


SAMPLED = {0, 24, 49, 74, 99}


@pytest.mark.parametrize(
    ("numbers", "folder", "name"),
    [
        (range(1, 101), "a", "1-{:03d}.dcm"),
        (range(300, 200, -1), "a", "IM{:04d}"),
        # in the order 1, 10, 100, 11 ...: even by value
        (range(1, 101), "a", "IM{}"),
        # in no order, as TCIA and IDC give them: the folder is named after the series
        (np.random.default_rng(0).permutation(100) + 1, "1.2.34567", "{:06d}.dcm"),
        (np.random.default_rng(0).permutation(100) + 1, "CT_1.2.34567", "{:06d}.dcm"),
        (np.random.default_rng(0).permutation(100) + 1, "3.000000-Lung-34567", "1-{:03d}.dcm"),
    ],
)
def test_of_a_folder_with_one_series_few_files_are_opened(root, cache, numbers, folder, name):
    files = sorted(write_numbered(root / folder, map(int, numbers), name, series="1.2.34567"))
    for k in set(range(100)) - SAMPLED:
        poison(files[k])
    (one,) = catalogue(root, cache)
    assert one.slices == 100


@pytest.mark.parametrize(
    ("numbers", "folder"),
    [
        # a slice is missing
        ([*range(1, 30), *range(31, 102)], "1.2.3"),
        # named after nothing, in no order
        (np.random.default_rng(0).permutation(100) + 1, "a"),
        # numbers beyond what 100 files can have
        (3 * np.random.default_rng(0).permutation(100) + 1, "1.2.3"),
        ([1] * 100, "1.2.3"),
    ],
)
def test_where_few_files_do_not_stand_for_all_every_one_is_read(root, cache, numbers, folder):
    files = write_numbered(root / folder, map(int, numbers))
    poison(files[10])
    assert catalogue(root, cache)[0].slices == 99


@pytest.mark.parametrize("folder", ["both", "1.3"])
@pytest.mark.parametrize("at", [5, 20, 40])
def test_a_short_series_among_the_files_of_a_long_one_is_seen(root, cache, folder, at):
    write_numbered(root / "x", range(1, 58), series="1.3")
    long = sorted((root / "x").iterdir())
    short = write_numbered(root / "y", range(1, 8), series="1.4")
    (root / folder).mkdir()
    for k, file in enumerate([*long[:at], *short, *long[at:]]):
        file.rename(root / folder / f"{k:03d}.dcm")
    found = catalogue(root, cache)
    assert [(one.series_uid, one.slices) for one in found] == [("1.3", 57), ("1.4", 7)]


def test_of_a_mixed_folder_all_are_read(root, cache):
    write(root, 30, series="1.3")
    write(root, 20, begin=30, series="1.4", SliceThickness="5")
    files = write(root, 5, begin=50, series="1.5")
    files[2].write_bytes(files[2].read_bytes()[:200])
    found = read_catalogue(root, cache)
    assert [(one.series_uid, one.slices) for one in found.series] == [
        ("1.3", 30),
        ("1.4", 20),
        ("1.5", 4),
    ]
    assert [one.thickness_mm for one in found.series] == [2.5, 5.0, 2.5]
    assert found.notes == ["1 DICOM file(s) cannot be read or name no series and are left out."]


def test_a_localizer_is_told_and_does_not_count_beside_images(root, cache):
    scout = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    write(root / "scout", 2, series="1.3", ImageType=scout)
    write(root / "both", 9, series="1.4")
    write(root / "both", 1, begin=9, series="1.4", ImageType=scout)
    both, alone = sorted(catalogue(root, cache), key=lambda one: one.slices, reverse=True)
    assert (alone.localizer, alone.slices) == (True, 2)
    assert (both.localizer, both.slices) == (False, 9)


def test_a_repeated_series_counts_once_where_it_has_most_slices(root, cache):
    write(root / "a", 3)
    write(root / "b", 6)
    write(root / "c", 6)
    found = read_catalogue(root, cache)
    assert [(one.folder.name, one.slices) for one in found.series] == [("b", 6)]
    assert found.notes == [
        "2 folder(s) repeat a series that lies in another; the one with most slices counts."
    ]


@pytest.mark.parametrize("cut", [28, 29, 55])
def test_a_series_in_parts_is_left_out_and_named(root, cache, cut):
    write_numbered(root / "p1", range(1, cut + 1))
    write_numbered(root / "deep" / "p2", range(cut + 1, 58))
    write_numbered(root / "whole", range(1, 58), series="1.4")
    for _ in range(2):
        found = read_catalogue(root, cache)
        assert [(one.series_uid, one.slices) for one in found.series] == [("1.4", 57)]
        assert found.notes == [
            "1 series are left out: 1.2.3 lies in parts in 2 folders (deep/p2, p1); put the files "
            "of each into one folder."
        ]


def test_parts_beside_the_whole_are_copies(root, cache):
    write_numbered(root / "p1", range(1, 29))
    write_numbered(root / "p2", range(29, 58))
    write_numbered(root / "whole", range(1, 58))
    found = read_catalogue(root, cache)
    assert [(one.folder.name, one.slices) for one in found.series] == [("whole", 57)]
    assert len(found.notes) == 1
    assert found.notes[0].startswith("2 folder(s) repeat a series")


def test_copies_under_other_names_are_copies(root, cache):
    write_numbered(root / "a", range(1, 58))
    write_numbered(root / "b", range(57, 0, -1), "x{}")
    write_numbered(root / "c", [5, 9, 2, 44, 31, 17, 8, 50])
    found = read_catalogue(root, cache)
    assert [(one.folder.name, one.slices) for one in found.series] == [("a", 57)]


def test_a_scout_in_a_folder_of_its_own_is_no_part(root, cache):
    write_numbered(root / "images", range(2, 20))
    write_numbered(root / "scout", [1], ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    (one,) = catalogue(root, cache)
    assert (one.folder.name, one.localizer, one.slices) == ("images", False, 18)


def test_random_trees_agree_with_reading_every_file(root, cache):
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
    found = catalogue(root, cache)
    assert {one.series_uid for one in found} == set(plain)
    for one in found:
        folder, header = plain[one.series_uid][0]
        assert one.folder == folder
        assert one.slices == len(plain[one.series_uid])
        assert one.kernel == header.ConvolutionKernel
        assert one.thickness_mm == header.get("SliceThickness")
    settle(root)
    assert catalogue(root, cache) == catalogue(root, cache) == found


def test_an_unchanged_tree_is_not_opened_again(root, cache):
    files = write(root / "a" / "b", 4) + write(root / "c", 1, series="1.4")
    settle(root)
    first = read_catalogue(root, cache)
    for file in files:
        poison(file)
    assert read_catalogue(root, cache) == first
    # the same spoilt files, seen with other eyes
    assert catalogue(root, cache / "other") == []


def test_what_has_changed_is_seen(root, cache):
    write(root / "a", 3)
    other = write(root / "b" / "deep", 2, series="1.4")
    settle(root)
    assert len(catalogue(root, cache)) == 2
    write(root / "a", 1, begin=3)
    assert catalogue(root, cache)[0].slices == 4
    settle(root)
    slice_of(series="1.44444").save_as(other[0], enforce_file_format=True)
    assert [one.series_uid for one in catalogue(root, cache)] == ["1.2.3", "1.4", "1.44444"]
    write(root / "b" / "new", 1, series="1.5")
    assert len(catalogue(root, cache)) == 4
    shutil.rmtree(root / "b" / "deep")
    assert [one.series_uid for one in catalogue(root, cache)] == ["1.2.3", "1.5"]


def test_a_tree_that_has_just_changed_is_looked_at_again(root, cache):
    write(root, 1)
    assert catalogue(root, cache)[0].slices == 1
    before = root.stat().st_mtime_ns
    write(root, 1, begin=1)
    os.utime(root, ns=(before, before))  # as on a disk whose clock is coarse
    assert catalogue(root, cache)[0].slices == 2


def test_links_are_followed_each_folder_once(root, cache):
    write(root / "real", 2)
    (root / "real" / "up").symlink_to(root)
    (root / "again").symlink_to(root / "real")
    (root / "nowhere").symlink_to(root / "gone")
    (root / "round").symlink_to(root / "round")
    elsewhere = root.parent / "elsewhere"
    write(elsewhere, 1, series="1.4")
    (root / "linked").symlink_to(elsewhere)
    found = read_catalogue(root, cache)
    assert [one.series_uid for one in found.series] == ["1.2.3", "1.4"]
    assert found.notes == []


@contextmanager
def nobody():
    """Act without the rights of root, whom no folder is closed to."""
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
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o777)
        root = Path(place) / "data"
        write(root / "open", 3)
        closed = root / "closed"
        write(closed, 3, series="1.4")
        (file,) = write(root / "file", 1, series="1.5")
        closed.chmod(0)
        file.chmod(0)
        with nobody():
            found = read_catalogue(root, Path(place) / "cache")
        assert [one.series_uid for one in found.series] == ["1.2.3"]
        assert found.notes == [
            "1 DICOM file(s) cannot be read or name no series and are left out.",
            "1 folder(s) could not be opened and are left out, such as closed.",
        ]
        closed.chmod(0o755)
        file.chmod(0o644)
        with nobody():
            assert len(catalogue(root, Path(place) / "cache")) == 3


@pytest.mark.parametrize("kept", ["LIDC-IDRI-0123", "person-0007"])
def test_research_numbers_stay(root, cache, kept):
    write(root, 1, PatientID=kept)
    assert catalogue(root, cache)[0].patient_id == kept


@pytest.mark.parametrize("number", ["MUSTERMANN-4711", "LIDC-IDRI-12", "123456", "Lung_Dx-A0002"])
def test_other_numbers_become_a_pseudonym(root, cache, number):
    write(root / "a", 1, series="1.3", PatientID=number)
    write(root / "b", 1, series="1.4", study="1.7", PatientID=f" {number} ", StudyDate="20150102")
    one, other = catalogue(root, cache)
    by_hand = hashlib.sha256(number.encode()).hexdigest()[:12]
    assert other.patient_id == f"patient-{by_hand}"
    # a hospital's six digits are taken for NLST's only in NLST's years
    assert one.patient_id == ("123456" if number == "123456" else other.patient_id)


def test_nothing_that_tells_of_a_person_is_kept(root, cache):
    secrets = {
        "PatientID": "MRN0815",
        "PatientName": "MUSTERMANN^ERIKA",
        "PatientBirthDate": "19640812",
        "AccessionNumber": "ACC4711",
        "StudyDate": "20170331",
        "InstitutionName": "KLINIKUM",
    }
    write(root, 3, **secrets)
    found = read_catalogue(root, cache)
    (index,) = cache.iterdir()
    for secret in secrets.values():
        assert secret not in repr(found)
        assert secret not in index.read_text()


def test_who_is_not_named_is_told_apart_by_study(root, cache):
    write(root / "a", 1, series="1.3", study="1.1", PatientID=None)
    write(root / "b", 1, series="1.4", study="1.1", PatientID="")
    write(root / "c", 1, series="1.5", study="1.2", PatientID=None)
    found = read_catalogue(root, cache)
    people = {one.series_uid: one.patient_id for one in found.series}
    assert people["1.3"] == people["1.4"] != people["1.5"]
    assert found.notes == ["3 series name no patient; each study of theirs counts as a person."]


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
def test_nlst_years(root, cache, date, trial, year):
    tags = {} if trial is None else {"ClinicalTrialTimePointID": trial}
    write(root, 1, PatientID="100012", StudyDate=date, **tags)
    found = read_catalogue(root, cache)
    assert [(one.patient_id, one.timepoint) for one in found.series] == [("100012", year)]
    assert any("disagree" in note or "different" in note for note in found.notes) == (
        (date, trial) == ("19990102", "T2")
    )


def test_others_have_no_nlst_year(root, cache):
    write(root, 1, StudyDate="19990102")
    assert catalogue(root, cache)[0].timepoint is None


@pytest.mark.parametrize(
    "harm",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: data.replace(b'"CT"', b'"MR"'),
        lambda data: b"[1]\n" + data,
        lambda data: re.sub(rb'"version": \d+', b'"version": 0', data),
        lambda data: os.urandom(500),
    ],
)
def test_a_damaged_index_is_made_anew(root, cache, harm):
    write(root / "a", 3)
    settle(root)
    first = catalogue(root, cache)
    (index,) = cache.iterdir()
    whole = index.read_bytes()
    index.write_bytes(harm(whole))
    assert catalogue(root, cache) == first
    assert index.read_bytes() == whole


def many(root: Path, count: int) -> None:
    """Series folders of one slice, fast."""
    (file,) = write(root / "0", 1, series="1.2.1000000")
    data = file.read_bytes()
    for i in range(1, count):
        (root / str(i)).mkdir()
        uid = f"1.2.{1_000_000 + i}".encode()
        (root / str(i) / "x.dcm").write_bytes(data.replace(b"1.2.1000000", uid))
    settle(root)


def test_several_processes_find_the_same(root, cache):
    many(root, 1100)
    found = read_catalogue(root, cache, workers=2).series
    assert len(found) == 1100
    assert read_catalogue(root, cache / "alone", workers=1).series == found


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no interval timer here")
def test_it_can_be_stopped_at_any_moment_and_goes_on(root, cache):
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
    assert catalogue(root, cache) == catalogue(root, cache / "afresh")
    assert not [file for file in cache.iterdir() if file.name.startswith(".")]


def test_without_dicom_the_list_is_empty(root, cache):
    (root / "a.txt").write_text("nothing")
    assert catalogue(root, cache) == []


def test_wrong_folders_are_refused_in_one_line(root, cache):
    with pytest.raises(InputError, match="no such folder; give"):
        catalogue(root / "gone", cache)
    cache.write_text("a file where the folder should be")
    write(root, 1)
    with pytest.raises(InputError, match="cannot be written"):
        catalogue(root, cache)


def test_real_scans_are_found(sample_data, cache):
    found = {one.folder.parts[-3]: one for one in catalogue(sample_data, cache)}
    lidc, other = found["LIDC-IDRI-0001"], found["Lung_Dx-A0002"]
    assert (lidc.patient_id, lidc.slices, lidc.thickness_mm) == ("LIDC-IDRI-0001", 133, 2.5)
    assert lidc.series_uid == lidc.folder.name
    assert lidc.study_uid == lidc.folder.parent.name
    assert other.patient_id.startswith("patient-")
    assert (other.slices, other.kernel, other.thickness_mm) == (30, "B70f", 8.0)
