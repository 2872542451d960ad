"""Samples and cohorts from a table of the user."""

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from lungcam.cohorts.table import read_samples, table_cohort
from lungcam.errors import InputError
from lungcam.scans import read_scan

LINE = "image,patient_id,label\n"


def read(file):
    samples, faults = read_samples(file, {})
    assert faults == []
    return samples


def refusal(read_table, *arguments, **settings) -> str:
    with pytest.raises(InputError) as error:
        read_table(*arguments, **settings)
    assert "\n" not in str(error.value)
    return str(error.value)


# fields of a row


def test_images_are_relative_to_the_table(write, tmp_path):
    first, second, third = read(write("image\nsub/a.nii.gz\n/elsewhere/b.mhd\n../c.nii\n"))
    assert first.image == tmp_path / "sub" / "a.nii.gz"
    assert str(second.image) == "/elsewhere/b.mhd"
    assert third.image == tmp_path.parent / "c.nii"


def test_missing_ids_are_taken_from_the_image(write):
    first, second = read(write("image\nsub/a.nii.gz\nseries folder\n"))
    assert (first.sample_id, first.patient_id, first.label) == ("a", "a", None)
    assert second.sample_id == second.patient_id == "series_folder"
    assert second.label_source == "scans.csv, row 3"


def test_all_columns_are_read(write, tmp_path):
    header = (
        "label,sample_id,image,patient_id,study_uid,series_uid,coordX,coordY,coordZ,diameter_mm,"
        "mask,fold,time_days,event,reader\n"
    )
    full = "1,s 1,a.nii,p1,1.2,1.2.3,10,-20,30.5,7.25,m/a.nii,3,365.5,1,me\n"
    first, second, third = read(write(header + full + "0,s2,b.nii,p1\n,s3,c.nii,,,,1,2,,,,,,0,\n"))
    assert (first.sample_id, first.patient_id, first.label) == ("s_1", "p1", 1)
    assert (first.study_uid, first.series_uid, first.fold) == ("1.2", "1.2.3", 3)
    assert first.center_mm == (-10, 20, 30.5)
    assert (first.diameter_mm, first.lesion_mask) == (7.25, tmp_path / "m" / "a.nii")
    assert (first.time_days, first.event) == (365.5, True)
    assert first.label_source == "scans.csv, row 2: label 1"
    assert (second.sample_id, second.patient_id, second.label) == ("s2", "p1", 0)
    assert second.center_mm is second.diameter_mm is second.lesion_mask is None
    assert second.fold is second.event is None
    assert (third.sample_id, third.patient_id, third.label) == ("s3", "s3", None)
    # two of three coordinates are no centre
    assert (third.center_mm, third.event) == (None, False)
    assert third.label_source == "scans.csv, row 4: label empty"


def test_the_series_replaces_a_missing_patient(write):
    first, second = read(write("image,series_uid\na.nii,1.2.3\nb.nii,1.2.3\n"))
    assert first.patient_id == second.patient_id == "1.2.3"


def test_a_short_first_row_hides_no_column(write):
    first, second = read(write("image,label\na.nii\nb.nii,1,more,and more\n"))
    assert (first.label, second.label) == (None, 1)
    cohort = table_cohort(str(write(LINE + "a.nii\nb.nii,p,1\n")), {})
    assert [sample.label for sample in cohort.samples] == [None, 1]


def test_ids_from_shared_images_are_numbered(write):
    samples = read(write("image\none/a.nii\ntwo/a.nii.gz\none/a.nii\nb.nii\n"))
    assert [sample.sample_id for sample in samples] == ["a", "a_2", "a_3", "b"]


@pytest.mark.parametrize("name", ["../../etc", "a/b", "/abs", "a\\b", "a b", "ä:b*?"])
def test_a_sample_id_cannot_leave_the_output_folder(write, name):
    (sample,) = read(write(f"image,sample_id\na.nii,{name}\n"))
    assert not set(sample.sample_id) & set("/\\: *?")
    assert sample.sample_id not in ("", ".", "..")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no row"),
        ("image\n", "no row"),
        ("scan,label\na.nii,1\n", "no column `image`"),
        ("image,label\na.nii,yes\n", "row 2: label is 'yes', not a number"),
        ("image,label\na.nii,-1\n", "row 2: label is -1, neither"),
        ("image,label\n,1\n", "row 2 names no image"),
        ("image,sample_id\na.nii,..\n", "row 2: sample_id .. cannot name a folder"),
        ("image,coordX,coordY,coordZ\na.nii,1,2,three\n", "row 2: coordZ is 'three', not a number"),
        ("image,diameter_mm\na.nii,inf\n", "row 2: diameter_mm is 'inf', not a number"),
        ("image,fold\na.nii,first\n", "row 2: fold is 'first', not a number"),
        ("image,fold\na.nii,1.5\n", "row 2: fold is "),
        ("image,event\na.nii,2\n", "row 2: event is "),
    ],
)
def test_a_fault_is_named_with_its_row(write, text, message):
    file = write(text)
    error = refusal(read, file)
    assert error.startswith(str(file))
    assert message in error


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("image,label\na.nii,1\n\nb.nii,2\n", "row_4", "row 4: label is 2, neither"),
        ("image,label\na.nii,1\n  ,0\n", "row_3", "row 3 names no image"),
        ("image,sample_id\na.nii,x 1\nb.nii,x_1\n", "x_1", "row 3: sample_id x_1 occurs twice"),
        ("image,diameter_mm\na.nii,5\nb.nii,big\n", "row_3", "row 3: diameter_mm is 'big'"),
    ],
)
def test_an_invalid_row_among_valid_ones_is_left_out(write, text, name, message):
    file = write(text)
    (sample,), (fault,) = read_samples(file, {})
    assert sample.image.name == "a.nii"
    assert fault.sample_id == name
    assert fault.reason.startswith(str(file))
    assert message in fault.reason


def test_a_cohorts_note_on_invalid_rows_names_no_folder(write):
    file = write(LINE + "a.nii,p,1\nb.nii,q,2\n,r,0\n")
    cohort = table_cohort(str(file), {})
    assert [sample.patient_id for sample in cohort.samples] == ["p"]
    (note,) = cohort.notes
    assert note.startswith("2 row(s) of scans.csv are left out, the first since scans.csv: row 3")
    assert str(file.parent) not in note


@pytest.mark.parametrize("word", ["", "NA", "nan", "N/A", "None", "null"])
def test_words_for_missing_values_are_empty(write, word):
    (sample,) = read(write(f"image,label,diameter_mm\na.nii,{word},{word}\n"))
    assert sample.label is None
    assert sample.diameter_mm is None


# coordinates of the centre


def test_lps_and_ras_differ_in_the_signs_of_x_and_y(write):
    """Check by hand: 10 mm to the person's left is -10 in RAS and +10 in LPS."""
    file = write("image,coordX,coordY,coordZ\na.nii,10,-20,30\n")
    (lps,), (ras,) = (read_samples(file, {}, coordinates=name)[0] for name in ("LPS", "RAS"))
    assert lps.center_mm == (-10, 20, 30)
    assert ras.center_mm == (10, -20, 30)
    error = refusal(read_samples, file, {}, coordinates="lps")
    assert "data.coordinates=lps: choose LPS or RAS" in error


@pytest.mark.parametrize("suffix", ["nii.gz", "mhd", "nrrd"])
def test_a_physical_point_of_simpleitk_is_at_its_voxel(write, tmp_path, suffix):
    image = sitk.GetImageFromArray(np.arange(-900, -780, dtype=np.int16).reshape(6, 5, 4))
    image.SetSpacing((0.7, 0.9, 2.5))
    image.SetOrigin((-31.0, 12.5, -200.0))
    cos, sin = np.cos(0.2), np.sin(0.2)
    image.SetDirection((cos, -sin, 0, -sin, -cos, 0, 0, 0, -1))
    if suffix == "nii.gz":
        image.SetDirection((cos, -sin, 0, sin, cos, 0, 0, 0, 1))
    sitk.WriteImage(image, str(tmp_path / f"scan.{suffix}"))
    x, y, z = image.TransformIndexToPhysicalPoint((3, 1, 4))
    (sample,) = read(write(f"image,coordX,coordY,coordZ\nscan.{suffix},{x},{y},{z}\n"))
    scan = read_scan(sample.image, whole_chest=False)
    index = scan.grid.to_index(np.array(sample.center_mm))
    assert index == pytest.approx([3, 1, 4], abs=1e-3)
    assert scan.hu[3, 1, 4] == image.GetPixel(3, 1, 4)
    if suffix == "nii.gz":
        affine = nib.load(sample.image).affine
        assert affine @ [3, 1, 4, 1] == pytest.approx([*sample.center_mm, 1], abs=1e-3)


# a table for training


def test_a_cohort_states_its_rule_and_missing_patients(write):
    cohort = table_cohort(str(write("image,malignancy\na.nii,5\nb.nii,3\nc.nii,1\n")), {})
    assert [sample.label for sample in cohort.samples] == [1, None, 0]
    assert cohort.label_rule == "label 1: malignancy 4 to 5; 0: 1 to 2; others left out"
    (note,) = cohort.notes
    assert "3 row(s) of scans.csv name no patient: each row counts as one" in note
    assert table_cohort(str(write(LINE + "a.nii,p,1\n")), {}).notes == []


def test_columns_words_and_features_of_the_user_are_read(write):
    header = "path,who,finding,x,y,z,age,pack_years\n"
    cohort = table_cohort(
        str(write(header + "a.nii,p1,cancer,1,2,3,61,\nb.nii,p2,scar,4,5,6,50,30\nc.nii,p3,?\n")),
        {"image": "path", "patient_id": "who", "label": "finding", "center": ["x", "y", "z"]},
        coordinates="RAS",
        negative=["scar"],
        positive=["cancer"],
        features=["age", "pack_years"],
    )
    assert [sample.label for sample in cohort.samples] == [1, 0, None]
    assert cohort.samples[1].center_mm == (4, 5, 6)
    assert [dict(sample.features) for sample in cohort.samples] == [
        {"age": 61},
        {"age": 50, "pack_years": 30},
        {},
    ]
    assert "finding cancer; 0: scar" in cohort.label_rule


def test_several_tables_form_one_cohort(write):
    first = write(LINE + "a.nii,p1,1\n", "one.csv")
    second = write("image,patient_id,malignancy\na.nii,p2,5\n", "two.csv")
    cohort = table_cohort([str(first), str(second)], {})
    assert [sample.sample_id for sample in cohort.samples] == ["a", "a_2"]
    assert [sample.label_source for sample in cohort.samples] == [
        "one.csv, row 2: label 1",
        "two.csv, row 2: malignancy 5",
    ]
    assert "label 1: label 1; 0: 0; and: label 1: malignancy 4 to 5" in cohort.label_rule
    assert "Labels follow 2 rules; metrics over all samples mix them." in cohort.notes


def test_a_written_table_keeps_its_rule_and_sources(write):
    header = "image,patient_id,label,label_source,label_rule\n"
    file = write(header + "a.nii,p,1,reader 1,by readers\nb.nii,q,0,reader 2,by readers\n")
    cohort = table_cohort(str(file), {})
    assert cohort.label_rule == "by readers"
    assert [sample.label_source for sample in cohort.samples] == [
        "scans.csv, row 2: reader 1",
        "scans.csv, row 3: reader 2",
    ]
    # values of the user replace the stored rule
    cohort = table_cohort(str(file), {}, negative=[1, 1], positive=[0, 0])
    assert "label 1: label 0" in cohort.label_rule


def test_rows_without_a_patient_are_counted(write):
    header = "image,patient_id,series_uid,study_uid,label\n"
    text = header + "a.nii,p,1.1,1.2,1\nb.nii,,1.3,1.2,0\nc.nii,,1.4,,0\nd.nii,,,,0\n"
    cohort = table_cohort(str(write(text)), {})
    assert [sample.patient_id for sample in cohort.samples] == ["p", "1.2", "1.4", "d"]
    (note,) = cohort.notes
    assert "3 row(s) of scans.csv name no patient" in note


def test_a_series_in_the_place_of_a_patient_is_replaced_by_the_patient(write):
    header = "image,patient_id,series_uid,label\n"
    named = write(header + "a.nii,p,1.1,1\n", "lidc.csv")
    unnamed = write(header + "b.mhd,1.1,1.1,1\nc.mhd,1.2,1.2,0\n", "luna.csv")
    for tables in ([named, unnamed], [unnamed, named]):
        cohort = table_cohort([str(file) for file in tables], {})
        assert {sample.image.name: sample.patient_id for sample in cohort.samples} == {
            "a.nii": "p",
            "b.mhd": "p",
            "c.mhd": "1.2",
        }
        assert cohort.notes == ["1 sample(s) of an unnamed patient take that of the same series"]


def test_a_value_off_its_scale_is_refused(write):
    file = write("image,patient_id,malignancy\na.nii,p,1\nb.nii,q,0\n")
    error = refusal(table_cohort, str(file), {})
    assert error.startswith(f"{file}: row 3: malignancy is 0, not on the scale from 1 to 5")
    cohort = table_cohort(str(file), {}, negative=0, positive=1)
    assert [sample.label for sample in cohort.samples] == [1, 0]


def test_a_table_unfit_for_training_is_named(write):
    file = write("image,patient_id\na.nii,p1\n")
    error = refusal(table_cohort, str(file), {})
    assert error.startswith(f"{file}: there is no column `label`")
    assert "data.table" in refusal(table_cohort, [], {})
    labelled = str(write(LINE + "a.nii,p1,1\n"))
    assert "there is no column age" in refusal(table_cohort, labelled, {}, features=["age"])
    error = refusal(
        table_cohort, str(write("image,label,cancyr\na.nii,1,0\n")), {}, features=["cancyr"]
    )
    assert "cancyr" in error
    error = refusal(table_cohort, labelled, {}, features=["label"])
    assert "data.features: label is read already" in error


def test_a_single_feature_is_a_list_of_length_1(write):
    cohort = table_cohort(str(write("image,label,age\na.nii,1,60\n")), {}, features="age")
    assert cohort.samples[0].features == {"age": 60}


# the public crops


def test_the_public_crops_have_the_documented_counts(sample_data):
    cohort = table_cohort(str(sample_data / "lidc_nodules" / "nodules.csv"), {})
    labelled = [sample for sample in cohort.samples if sample.label is not None]
    assert len(cohort.samples) == 665
    assert len({sample.patient_id for sample in cohort.samples}) == 370
    assert (len(labelled), sum(sample.label for sample in labelled)) == (424, 160)
    assert len({sample.sample_id for sample in cohort.samples}) == 665
    assert all(sample.image.is_file() and sample.lesion_mask.is_file() for sample in cohort.samples)
    # the masks' centres of mass are an independent reference
    distances = []
    for sample in cohort.samples[::40]:
        mask = nib.load(sample.lesion_mask)
        center = np.argwhere(np.asarray(mask.dataobj) > 0).mean(axis=0)
        distances.append(np.linalg.norm(mask.affine[:3] @ [*center, 1] - sample.center_mm))
    assert np.median(distances) < 2


# identifiers that mean none, and lookalikes


@pytest.mark.parametrize("none", ["nan", "NA", "N/A", "None", "null", "-", "unknown"])
def test_patients_without_a_name_are_never_one_patient(write, none):
    table = write(LINE + f"a.nii,{none},1\nb.nii,{none},0\nc.nii,p,0\n")
    cohort = table_cohort(str(table), {})
    assert [sample.patient_id for sample in cohort.samples] == ["a", "b", "p"]
    assert any("2 row(s) of scans.csv name no patient" in note for note in cohort.notes)


@pytest.mark.parametrize("field", ["sample_id", "study_uid", "series_uid"])
def test_other_identifiers_that_mean_none_are_missing(write, field):
    first, second = read(write(f"image,{field}\na.nii,nan\nb.nii,N/A\n"))
    assert (first.sample_id, second.sample_id) == ("a", "b")
    assert first.study_uid is first.series_uid is None
    assert (first.patient_id, second.patient_id) == ("a", "b")


def test_image_and_mask_that_mean_none_are_missing(write):
    samples, faults = read_samples(write("image,mask\nnan,\na.nii,None\n"), {})
    assert [fault.sample_id for fault in faults] == ["row_2"]
    assert samples[0].lesion_mask is None


def test_patients_that_differ_only_in_how_they_are_written_are_named(write):
    first = write(LINE + "a.nii,007,1\nb.nii,8,0\n", "first.csv")
    second = write(LINE + "c.nii,7.0,1\nd.nii,9,0\n", "second.csv")
    cohort = table_cohort([str(first), str(second)], {})
    assert any("007 and 7.0" in note for note in cohort.notes)
    assert len({sample.patient_id for sample in cohort.samples}) == 4


# separators, decimal commas, TRUE and FALSE


@pytest.mark.parametrize("separator", [";", "\t"])
def test_table_of_a_country_with_a_decimal_comma(write, separator):
    lines = ["image,coordX,coordY,coordZ,diameter_mm,label".replace(",", separator)]
    lines += [separator.join(["a,b.nii", "-1,5", "2", "3,25", "7,5", "TRUE"])]
    lines += [separator.join(["c.nii", "", "", "", "NA", "FALSE"])]
    cohort = table_cohort(str(write("\n".join(lines) + "\n")), {}, coordinates="RAS")
    first, second = cohort.samples
    assert first.image.name == "a,b.nii"
    assert first.center_mm == (-1.5, 2, 3.25)
    assert (first.diameter_mm, first.label, second.label) == (7.5, 1, 0)


def test_decimal_comma_in_a_table_with_commas_is_refused(write):
    _, faults = read_samples(write('image,diameter_mm\na.nii,7.5\nb.nii,"7,5"\n'), {})
    assert "not a number" in faults[0].reason


def test_words_that_match_nothing_are_listed_with_their_counts(write):
    rows = "".join(f"{k}.nii,{k},{word}\n" for k, word in enumerate(["cancer"] + ["Benign"] * 3))
    table = write(LINE + "z.nii,z,benign\n" + rows)
    cohort = table_cohort(str(table), {}, negative="benign", positive="malignant")
    (note,) = (note for note in cohort.notes if "neither" in note)
    assert note.startswith("scans.csv: 4 row(s) have no label")
    assert "'Benign' (3), 'cancer' (1)" in note


def test_tilde_is_the_home_unless_a_file_has_this_name(write, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "~b").mkdir()
    first, second, third = read(write("image\n~/a.nii\n~b/c.nii\n~nobody-here/d.nii\n"))
    assert first.image == tmp_path / "home" / "a.nii"
    assert second.image == tmp_path / "~b" / "c.nii"
    assert third.image == tmp_path / "~nobody-here" / "d.nii"


# masks of other programs, and settings of the reader


def test_masks_with_their_segments_and_the_volume_of_a_file_are_read(write, tmp_path):
    first, second = read(
        write(
            "image,mask,roi,lungs_mask,lungs_segment,scan_time\n"
            'a.nii,rt.dcm,GTV 1,lungs.nii.gz,"3,4",2\n'
            "b.nii,,GTV 1,NA,3,\n"
        )
    )
    assert (first.lesion_mask, first.lesion_segment) == (tmp_path / "rt.dcm", "GTV 1")
    assert (first.lungs_mask, first.lungs_segment) == (tmp_path / "lungs.nii.gz", "3,4")
    assert (first.time, first.tilt, first.lesion_checked) == (2, "straighten", False)
    # a segment without a mask chooses nothing
    assert (second.lesion_mask, second.lesion_segment) == (None, None)
    assert (second.lungs_mask, second.lungs_segment, second.time) == (None, None, None)


@pytest.mark.parametrize("time", ["-1", "0.5"])
def test_a_volume_that_cannot_be_is_refused(write, time):
    error = refusal(read_samples, write(f"image,scan_time\na.nii,{time}\n"), {})
    assert f"scan_time is {time}; give the number of a volume, from 0." in error


def test_a_tilt_applies_to_all_rows(write):
    file = write("image,label\na.nii,1\nb.nii,0\n")
    samples, _ = read_samples(file, {}, tilt="refuse")
    assert [sample.tilt for sample in samples] == ["refuse", "refuse"]
    assert {sample.tilt for sample in table_cohort(str(file), {}, tilt="refuse").samples} == {
        "refuse"
    }
    assert "choose straighten or refuse" in refusal(read_samples, file, {}, tilt="turn")


BAD = {
    "a zero": b"a\0b.nii,x,,,\n",
    "bytes that are no text": b"a\xff.nii,\xfe,,,\n",
    "a long path": b"a" * 5000 + b".nii,,,,\n",
    "a long cell": b"a.nii," + b"b" * 200_000 + b",,,\n",
    "a centre far away": b"a.nii,,1e300,1,1\n",
    "a centre that is none": b"a.nii,,inf,nan,x\n",
    "a name of dots": b"a.nii,..,,,\n",
    "nothing": b",x,,,\n",
    "control codes": b"\x1b[2J.nii,\x1b]0;x\x07,,,\n",
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_row_costs_itself_alone(tmp_path, case):
    table = tmp_path / "t.csv"
    head, good = b"image,sample_id,coordX,coordY,coordZ\n", b"good.nii,good,1,2,3\n"
    table.write_bytes(head + good + BAD[case] + good.replace(b",good", b",other"))
    samples, faults = read_samples(table, {})
    assert [s.sample_id for s in samples if s.image.name == "good.nii"] == ["good", "other"]
    assert len(samples) + len(faults) == 3
    for fault in faults:
        assert fault.reason.isprintable()
        assert "row 3" in fault.reason
