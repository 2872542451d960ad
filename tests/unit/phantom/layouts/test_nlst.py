"""Tests of the layout of NLST: exams with their reconstructions, and consistent tables."""

import csv
import re
from collections import defaultdict
from pathlib import Path

import numpy as np
import pydicom
import pytest

from lungcam.phantom import make_phantom
from lungcam.phantom.layouts import write_layout
from lungcam.phantom.layouts.layout import lobe_at
from lungcam.scans import check_scan

MISSING = {".N", ".M"}
RIGHT_LOBES, LEFT_LOBES = {1, 2, 3}, {4, 5, 6}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("nlst") / "tree"
    return root, write_layout(root, "nlst", n=4, seed=3, difficulty=0.3, matrix=64, workers=1)


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))


def table(root: Path, name: str) -> list[dict[str, str]]:
    return rows(root / f"tables/nlst_780_{name}_idc_20210527.csv")


def people(root: Path, name: str = "restricted/participant.csv") -> dict[str, dict[str, str]]:
    return {row["pid"]: row for row in rows(root / name)}


def kind_of(sample) -> str:
    return sample.label_source.split()[-1]


def exams(root: Path) -> dict[tuple[str, str], dict[str, list[pydicom.Dataset]]]:
    """Return headers by participant and timepoint, then by series folder."""
    headers_of = defaultdict(dict)
    for folder in sorted(root.glob("NLST/*/*/*")):
        headers = [pydicom.dcmread(file) for file in sorted(folder.iterdir())]
        first = headers[0]
        headers_of[first.PatientID, first.ClinicalTrialTimePointID][folder.name] = headers
    return headers_of


def test_an_exam_has_a_localizer_and_two_reconstructions(tree):
    root, _ = tree
    for (pid, year), series in exams(root).items():
        localizer, thin, thick = series.values()
        assert re.fullmatch(r"1\d{5}", pid)
        assert [name[:9] for name in series] == ["1.000000-", "2.000000-", "3.000000-"]
        assert (len(localizer), list(localizer[0].ImageType)[2]) == (1, "LOCALIZER")
        assert len(thin) > len(thick) >= 10
        assert thick[0].SliceThickness >= max(5, 2 * thin[0].SliceThickness)
        assert thin[0].ConvolutionKernel != thick[0].ConvolutionKernel
        for header in (*localizer, *thin, *thick):
            assert header.StudyDate == {"T0": "19990102", "T1": "20000102"}[year]
            assert header.StudyInstanceUID == thin[0].StudyInstanceUID
        assert len({headers[0].SeriesInstanceUID for headers in series.values()}) == 3


def test_folders_are_named_by_date_and_description(tree):
    for sample in tree[1]:
        *_, pid, exam, series = sample.image.parts
        assert pid == sample.patient_id
        assert re.fullmatch(r"01-02-1999-NLST-LSS-\d{5}", exam)
        assert re.fullmatch(r"2\.000000-0OPAPHANTOMLUNG\w+(\.\w+)?-\d{5}", series)


def test_every_reconstruction_is_usable_and_the_localizer_is_refused(tree):
    root, _ = tree
    for folder in sorted(root.glob("NLST/*/*/*")):
        check, scan = check_scan(folder)
        if "LOCALIZER" in folder.name:
            assert [finding.code for finding in check.with_outcome("refused")] == ["localizer"]
        else:
            assert check.with_outcome("refused", "flagged", "skipped") == []
            assert scan is not None


def test_thick_slices_are_means_of_thin_ones(tree):
    sample = tree[1][0]
    thin = check_scan(sample.image)[1]
    (folder,) = (path for path in sample.image.parent.iterdir() if path.name.startswith("3."))
    thick = check_scan(folder)[1]
    count = round(thick.grid.spacing_mm[2] / thin.grid.spacing_mm[2])
    middle = thick.hu.shape[2] // 2
    mean = thin.hu[:, :, middle * count : (middle + 1) * count].mean(axis=2)
    assert np.abs(thick.hu[:, :, middle] - mean).max() <= 0.5
    above = thick.grid.to_world([0, 0, middle])[2]
    heights = [thin.grid.to_world([0, 0, middle * count + k])[2] for k in range(count)]
    assert above == pytest.approx(np.mean(heights), abs=1e-4)


def test_t1_shows_the_same_person_with_other_noise(tree):
    root, samples = tree
    returned = [pid for pid, year in exams(root) if year == "T1"]
    benign = [sample.patient_id for sample in samples[:4] if kind_of(sample) == "benign"]
    assert returned == benign
    folders = [sorted(root.glob(f"NLST/{returned[0]}/01-02-{y}-*/2.*"))[0] for y in (1999, 2000)]
    before, after = (check_scan(folder)[1].hu.astype(int) for folder in folders)
    assert 4 < np.std(after - before) < 8
    assert abs(np.mean(after - before)) < 1


def test_columns_are_those_of_the_public_tables(tree, sample_data):
    root, _ = tree
    for name in ("prsn", "screen", "ctab", "ctabc", "canc"):
        page = sample_data / f"nlst/columns/bigquery-public-data.idc_v15.nlst_{name}.md"
        public = re.findall(r"^\* \[\w+\] +`(\w+)`", page.read_text(), re.M)
        assert list(table(root, name)[0]) == public
    dictionary = (sample_data / "nlst/nlst_data_dictionary.csv").read_text()
    for name in people(root)[tree[1][0].patient_id].keys() - {"lung_cancer", "last_screen_studyyr"}:
        assert re.search(rf"^{re.sub('[0-2]$', '', name)}", dictionary, re.M), name


def test_the_rule_of_those_screened_at_t0_gives_the_labels(tree):
    root, samples = tree
    persons = people(root)
    for sample in samples:
        person = persons[sample.patient_id]
        cancer = [person[name] for name in ("lung_cancer", "canc_rpt_link", "can_scr", "cancyr")]
        assert person["rndgroup"] == "1"
        label = None
        if cancer == ["1", "1", "1", "0"]:
            label = 1
        elif cancer[0] == "0" and person["last_screen_studyyr"] == "0":
            label = 0
        assert label == sample.label
        assert (label == 1) == (kind_of(sample) == "malignant")


def test_days_are_consistent(tree):
    root, samples = tree
    series = exams(root)
    for sample in samples:
        person = people(root)[sample.patient_id]
        screened = int(person["scr_days0"])
        assert (person["scr_days1"] not in MISSING) == ((sample.patient_id, "T1") in series)
        assert (int(person["scr_res1"]) in (1, 2, 4, 5)) == ((sample.patient_id, "T1") in series)
        if kind_of(sample) == "malignant":
            assert screened < int(person["candx_days"]) < screened + 200
            assert screened <= int(person["canc_free_days"]) < int(person["candx_days"])
            assert int(person["fup_days"]) > int(person["candx_days"])
        else:
            assert person["candx_days"] == person["cancyr"] == person["lesionsize"] == ".N"
            assert int(person["fup_days"]) >= int(person["canc_free_days"]) >= 300
            if person["scr_days1"] != ".N":
                assert int(person["canc_free_days"]) > int(person["scr_days1"]) > 350


def test_both_folders_agree(tree):
    root, _ = tree
    public, restricted = people(root, "tables/nlst_780_prsn_idc_20210527.csv"), people(root)
    hidden = {"rndgroup", "conflc", "lung_cancer", "last_screen_studyyr", "fup_days"}
    for pid, person in public.items():
        assert not hidden & person.keys()
        assert hidden < restricted[pid].keys()
        assert person.items() <= restricted[pid].items()
    for file in (root / "tables").glob("nlst_780_[!p]*.csv"):
        assert (root / "restricted" / file.name).read_text() == file.read_text()


def test_nodules_are_in_the_table_of_abnormalities(tree):
    root, samples = tree
    by_pid = defaultdict(list)
    for row in table(root, "ctab"):
        by_pid[row["pid"], row["study_yr"]].append(row)
    for sample in samples:
        nodules = [row for row in by_pid[sample.patient_id, "0"] if row["sct_ab_desc"] == "51"]
        if sample.center_mm is None:
            assert not nodules
            continue
        (row,) = nodules
        assert int(row["sct_long_dia"]) == round(sample.diameter_mm)
        lobes = RIGHT_LOBES if side_of(sample) == "right" else LEFT_LOBES
        assert int(row["sct_epi_loc"]) in lobes
        # the slice with that number is the nearest to the nodule's centre
        headers = [
            pydicom.dcmread(file, stop_before_pixels=True) for file in sample.image.iterdir()
        ]
        nearest = min(
            headers, key=lambda h: abs(float(h.ImagePositionPatient[2]) - sample.center_mm[2])
        )
        assert nearest.InstanceNumber == int(row["sct_slice_num"])
    others = [row for row in table(root, "ctab") if row["sct_ab_desc"] != "51"]
    assert others
    assert all(row["sct_long_dia"] == ".N" for row in others)


def side_of(sample) -> str:
    """Return the side of the scan's middle on which a nodule lies."""
    scan = check_scan(sample.image)[1]
    middle = scan.grid.to_world((np.array(scan.hu.shape) - 1) / 2)[0]
    return "right" if sample.center_mm[0] > middle else "left"


def test_each_cancer_and_each_screen_has_a_row(tree):
    root, samples = tree
    positive = [sample.patient_id for sample in samples if sample.label == 1]
    cancers = table(root, "canc")
    assert [row["pid"] for row in cancers] == positive
    for row in cancers:
        assert row["candx_days"] == people(root)[row["pid"]]["candx_days"]
    screens = [(row["pid"], f"T{row['study_yr']}") for row in table(root, "screen")]
    assert sorted(screens) == sorted(exams(root))


def test_lobes_are_on_their_side_and_at_their_height():
    phantoms = [make_phantom(seed, "malignant", matrix=64) for seed in range(14)]
    lobes = [lobe_at(phantom, phantom.center_mm) for phantom in phantoms]
    assert {1, 3, 4, 6} <= set(lobes)
    for lobe, phantom in zip(lobes, phantoms, strict=True):
        slices = np.flatnonzero(phantom.lungs.any(axis=(0, 1)))
        index = np.linalg.solve(phantom.affine, [*phantom.center_mm, 1])
        assert (index[0] < 31.5) == (lobe in RIGHT_LOBES)
        rise = (index[2] - slices[0]) / (slices[-1] - slices[0])
        # no upper lobe reaches the lowest fifth, no lower lobe the apex
        assert lobe not in (1, 4) or rise > 0.5
        assert lobe not in (3, 6) or rise < 0.85
