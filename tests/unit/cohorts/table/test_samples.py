"""A user's table of scans as samples."""

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


# what stands in a row


def test_images_are_relative_to_the_table(write, tmp_path):
    one, two, three = read(write("image\nsub/a.nii.gz\n/elsewhere/b.mhd\n../c.nii\n"))
    assert one.image == tmp_path / "sub" / "a.nii.gz"
    assert str(two.image) == "/elsewhere/b.mhd"
    assert three.image == tmp_path.parent / "c.nii"


def test_what_is_missing_is_filled_in(write):
    one, two = read(write("image\nsub/a.nii.gz\nseries folder\n"))
    assert (one.sample_id, one.patient_id, one.label) == ("a", "a", None)
    assert two.sample_id == two.patient_id == "series_folder"
    assert two.label_source == "scans.csv, row 3"


def test_all_columns(write, tmp_path):
    header = (
        "label,sample_id,image,patient_id,study_uid,series_uid,coordX,coordY,coordZ,diameter_mm,"
        "mask,fold,time_days,event,reader\n"
    )
    full = "1,s 1,a.nii,p1,1.2,1.2.3,10,-20,30.5,7.25,m/a.nii,3,365.5,1,me\n"
    one, two, three = read(write(header + full + "0,s2,b.nii,p1\n,s3,c.nii,,,,1,2,,,,,,0,\n"))
    assert (one.sample_id, one.patient_id, one.label) == ("s_1", "p1", 1)
    assert (one.study_uid, one.series_uid, one.fold) == ("1.2", "1.2.3", 3)
    assert one.center_mm == (-10, 20, 30.5)
    assert (one.diameter_mm, one.lesion_mask) == (7.25, tmp_path / "m" / "a.nii")
    assert (one.time_days, one.event) == (365.5, True)
    assert one.label_source == "scans.csv, row 2: label 1"
    assert (two.sample_id, two.patient_id, two.label) == ("s2", "p1", 0)
    assert two.center_mm is two.diameter_mm is two.lesion_mask is two.fold is two.event is None
    assert (three.sample_id, three.patient_id, three.label) == ("s3", "s3", None)
    # two of three coordinates are no place
    assert (three.center_mm, three.event) == (None, False)
    assert three.label_source == "scans.csv, row 4: label empty"


def test_a_series_stands_in_for_the_patient(write):
    one, two = read(write("image,series_uid\na.nii,1.2.3\nb.nii,1.2.3\n"))
    assert one.patient_id == two.patient_id == "1.2.3"


def test_a_short_first_row_hides_no_column(write):
    first, second = read(write("image,label\na.nii\nb.nii,1,more,and more\n"))
    assert (first.label, second.label) == (None, 1)
    cohort = table_cohort(str(write(LINE + "a.nii\nb.nii,p,1\n")), {})
    assert [one.label for one in cohort.samples] == [None, 1]


def test_images_that_rows_share_are_counted(write):
    found = read(write("image\none/a.nii\ntwo/a.nii.gz\none/a.nii\nb.nii\n"))
    assert [one.sample_id for one in found] == ["a", "a_2", "a_3", "b"]


@pytest.mark.parametrize("name", ["../../etc", "a/b", "/abs", "a\\b", "a b", "ä:b*?"])
def test_a_sample_id_cannot_leave_the_output_folder(write, name):
    (sample,) = read(write(f"image,sample_id\na.nii,{name}\n"))
    assert not set(sample.sample_id) & set("/\\: *?")
    assert sample.sample_id not in ("", ".", "..")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no row"),
        ("image\n", "no row"),
        ("scan,label\na.nii,1\n", "no column `image`"),
        ("image;label\na.nii;1\n", "no column `image`"),
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
def test_what_is_wrong_is_named_with_its_row(write, text, says):
    file = write(text)
    told = refusal(read, file)
    assert told.startswith(str(file))
    assert says in told


@pytest.mark.parametrize(
    ("text", "name", "says"),
    [
        ("image,label\na.nii,1\n\nb.nii,2\n", "row_4", "row 4: label is 2, neither"),
        ("image,label\na.nii,1\n  ,0\n", "row_3", "row 3 names no image"),
        ("image,sample_id\na.nii,x 1\nb.nii,x_1\n", "x_1", "row 3: sample_id x_1 stands twice"),
        ("image,diameter_mm\na.nii,5\nb.nii,big\n", "row_3", "row 3: diameter_mm is 'big'"),
    ],
)
def test_a_bad_row_among_good_ones_is_told_and_left_out(write, text, name, says):
    file = write(text)
    (sample,), (fault,) = read_samples(file, {})
    assert sample.image.name == "a.nii"
    assert fault.sample_id == name
    assert fault.reason.startswith(str(file))
    assert says in fault.reason


def test_bad_rows_are_left_out_of_a_cohort_and_told_without_a_path(write):
    file = write(LINE + "a.nii,p,1\nb.nii,q,2\n,r,0\n")
    cohort = table_cohort(str(file), {})
    assert [one.patient_id for one in cohort.samples] == ["p"]
    (note,) = cohort.notes
    assert note.startswith("2 row(s) of scans.csv are left out, the first since scans.csv: row 3")
    assert str(file.parent) not in note


@pytest.mark.parametrize("word", ["", "NA", "nan", "N/A", "None", "null"])
def test_words_for_nothing_are_nothing(write, word):
    (sample,) = read(write(f"image,label,diameter_mm\na.nii,{word},{word}\n"))
    assert sample.label is None
    assert sample.diameter_mm is None


# where a centre lies


def test_lps_and_ras_differ_in_the_signs_of_x_and_y(write):
    """By hand: 10 mm to the person's left is -10 in RAS and +10 in LPS."""
    file = write("image,coordX,coordY,coordZ\na.nii,10,-20,30\n")
    (lps,), (ras,) = (read_samples(file, {}, frame)[0] for frame in ("LPS", "RAS"))
    assert lps.center_mm == (-10, 20, 30)
    assert ras.center_mm == (10, -20, 30)
    assert "data.coordinates=lps: choose LPS or RAS" in refusal(read_samples, file, {}, "lps")


@pytest.mark.parametrize("suffix", ["nii.gz", "mhd", "nrrd"])
def test_a_point_that_simpleitk_tells_is_the_voxel_it_was_asked_for(write, tmp_path, suffix):
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


# a table to train on


def test_a_cohort_has_its_rule_and_what_stands_in(write):
    cohort = table_cohort(str(write("image,malignancy\na.nii,5\nb.nii,3\nc.nii,1\n")), {})
    assert [one.label for one in cohort.samples] == [1, None, 0]
    assert cohort.label_rule == "label 1: malignancy 4 to 5; 0: 1 to 2; others left out"
    (note,) = cohort.notes
    assert "3 row(s) of scans.csv name no patient: each row counts as one" in note
    assert table_cohort(str(write(LINE + "a.nii,p,1\n")), {}).notes == []


def test_own_columns_words_and_features(write):
    header = "path,who,finding,x,y,z,age,pack_years\n"
    cohort = table_cohort(
        str(write(header + "a.nii,p1,cancer,1,2,3,61,\nb.nii,p2,scar,4,5,6,50,30\nc.nii,p3,?\n")),
        {"image": "path", "patient_id": "who", "label": "finding", "center": ["x", "y", "z"]},
        "RAS",
        ["scar"],
        ["cancer"],
        ["age", "pack_years"],
    )
    assert [one.label for one in cohort.samples] == [1, 0, None]
    assert cohort.samples[1].center_mm == (4, 5, 6)
    assert [dict(one.features) for one in cohort.samples] == [
        {"age": 61},
        {"age": 50, "pack_years": 30},
        {},
    ]
    assert "finding cancer; 0: scar" in cohort.label_rule


def test_several_tables_are_one_cohort(write):
    one = write(LINE + "a.nii,p1,1\n", "one.csv")
    two = write("image,patient_id,malignancy\na.nii,p2,5\n", "two.csv")
    cohort = table_cohort([str(one), str(two)], {})
    assert [sample.sample_id for sample in cohort.samples] == ["a", "a_2"]
    assert [sample.label_source for sample in cohort.samples] == [
        "one.csv, row 2: label 1",
        "two.csv, row 2: malignancy 5",
    ]
    assert "label 1: label 1; 0: 0; and: label 1: malignancy 4 to 5" in cohort.label_rule
    assert "Labels follow 2 rules; a figure of all together mixes them." in cohort.notes


def test_a_table_that_was_written_keeps_its_rule_and_sources(write):
    header = "image,patient_id,label,label_source,label_rule\n"
    file = write(header + "a.nii,p,1,reader 1,by readers\nb.nii,q,0,reader 2,by readers\n")
    cohort = table_cohort(str(file), {})
    assert cohort.label_rule == "by readers"
    assert [one.label_source for one in cohort.samples] == [
        "scans.csv, row 2: reader 1",
        "scans.csv, row 3: reader 2",
    ]
    # values of one's own make a rule of one's own
    assert "label 1: label 0" in table_cohort(str(file), {}, "LPS", [1, 1], [0, 0]).label_rule


def test_rows_without_a_patient_are_counted(write):
    header = "image,patient_id,series_uid,study_uid,label\n"
    text = header + "a.nii,p,1.1,1.2,1\nb.nii,,1.3,1.2,0\nc.nii,,1.4,,0\nd.nii,,,,0\n"
    cohort = table_cohort(str(write(text)), {})
    assert [one.patient_id for one in cohort.samples] == ["p", "1.2", "1.4", "d"]
    (note,) = cohort.notes
    assert "3 row(s) of scans.csv name no patient" in note


def test_a_series_in_the_place_of_its_patient_gives_way_to_the_patient(write):
    header = "image,patient_id,series_uid,label\n"
    named = write(header + "a.nii,p,1.1,1\n", "lidc.csv")
    unnamed = write(header + "b.mhd,1.1,1.1,1\nc.mhd,1.2,1.2,0\n", "luna.csv")
    for tables in ([named, unnamed], [unnamed, named]):
        cohort = table_cohort([str(one) for one in tables], {})
        assert {one.image.name: one.patient_id for one in cohort.samples} == {
            "a.nii": "p",
            "b.mhd": "p",
            "c.mhd": "1.2",
        }
        assert cohort.notes == ["1 sample(s) of an unnamed patient take that of the same series"]


def test_a_column_that_is_not_on_its_scale_is_refused(write):
    file = write("image,patient_id,malignancy\na.nii,p,1\nb.nii,q,0\n")
    told = refusal(table_cohort, str(file), {})
    assert told.startswith(f"{file}: row 3: malignancy is 0, not on the scale from 1 to 5")
    cohort = table_cohort(str(file), {}, "LPS", 0, 1)
    assert [one.label for one in cohort.samples] == [1, 0]


def test_what_cannot_be_trained_on_is_named(write):
    file = write("image,patient_id\na.nii,p1\n")
    told = refusal(table_cohort, str(file), {})
    assert told.startswith(f"{file}: there is no column `label`")
    assert "data.table" in refusal(table_cohort, [], {})
    labelled = str(write(LINE + "a.nii,p1,1\n"))
    assert "there is no column age" in refusal(table_cohort, labelled, {}, features=["age"])
    told = refusal(
        table_cohort, str(write("image,label,cancyr\na.nii,1,0\n")), {}, features=["cancyr"]
    )
    assert "cancyr" in told
    told = refusal(table_cohort, labelled, {}, features=["label"])
    assert "data.features: label is read already" in told


def test_one_feature_is_a_list_of_one(write):
    cohort = table_cohort(str(write("image,label,age\na.nii,1,60\n")), {}, features="age")
    assert cohort.samples[0].features == {"age": 60}


# the public crops


def test_the_public_crops_are_read_as_their_page_says(sample_data):
    cohort = table_cohort(str(sample_data / "lidc_nodules" / "nodules.csv"), {})
    labelled = [one for one in cohort.samples if one.label is not None]
    assert len(cohort.samples) == 665
    assert len({one.patient_id for one in cohort.samples}) == 370
    assert (len(labelled), sum(one.label for one in labelled)) == (424, 160)
    assert len({one.sample_id for one in cohort.samples}) == 665
    assert all(one.image.is_file() and one.lesion_mask.is_file() for one in cohort.samples)
    # the masks' centres of mass are an oracle of their own
    apart = []
    for sample in cohort.samples[::40]:
        mask = nib.load(sample.lesion_mask)
        middle = np.argwhere(np.asarray(mask.dataobj) > 0).mean(axis=0)
        apart.append(np.linalg.norm(mask.affine[:3] @ [*middle, 1] - sample.center_mm))
    assert np.median(apart) < 2
