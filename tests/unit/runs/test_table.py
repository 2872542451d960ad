"""How a user's table of scans is read."""

import pytest

from lungcam.errors import InputError
from lungcam.runs.table import read_table


@pytest.fixture
def write(tmp_path):
    def make(text: str, encoding: str = "utf-8"):
        file = tmp_path / "scans.csv"
        file.write_bytes(text.encode(encoding))
        return file

    return make


def test_images_are_relative_to_the_table(write, tmp_path):
    one, two = read_table(write("image\nsub/a.nii.gz\n/elsewhere/b.mhd\n"))
    assert one.image == tmp_path / "sub" / "a.nii.gz"
    assert str(two.image) == "/elsewhere/b.mhd"


def test_what_is_missing_is_filled_in(write):
    one, two = read_table(write("image\nsub/a.nii.gz\nseries folder\n"))
    assert (one.sample_id, one.patient_id, one.label) == ("a", "a", None)
    assert two.sample_id == two.patient_id == "series_folder"
    assert two.label_source == "scans.csv, row 3"


def test_all_columns(write):
    header = "label,sample_id,image,patient_id,reader\n"
    text = header + "1,s 1,a.nii,p1,me\n0,s2,b.nii,p1,you\n,s3,c.nii,,\n"
    one, two, three = read_table(write(text))
    assert (one.sample_id, one.patient_id, one.label) == ("s_1", "p1", 1)
    assert (two.sample_id, two.patient_id, two.label) == ("s2", "p1", 0)
    assert (three.sample_id, three.patient_id, three.label) == ("s3", "s3", None)


def test_a_row_may_be_short_or_long(write):
    one, two = read_table(write("image,label\na.nii\nb.nii,1,more,and more\n"))
    assert (one.label, two.label) == (None, 1)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_as_spreadsheets_write_it(write, encoding, newline):
    text = newline.join(["image,label", '"Jürgen, 1.nii", 1 ', ""])
    (sample,) = read_table(write(text, encoding))
    assert sample.image.name == "Jürgen, 1.nii"
    assert sample.label == 1


def test_blank_lines_are_passed_over_and_counted(write):
    text = "image,label\n\na.nii,1\n\n\nb.nii,2\n"
    with pytest.raises(InputError, match="row 6: label 2"):
        read_table(write(text))
    first, second = read_table(write(text.replace("b.nii,2", "b.nii,0")))
    assert (first.label_source, second.label_source) == ("scans.csv, row 3", "scans.csv, row 6")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no rows with a column `image`"),
        ("image\n", "no rows with a column `image`"),
        ("scan,label\na.nii,1\n", "no rows with a column `image`"),
        ("image;label\na.nii;1\n", "no rows with a column `image`"),
        ("image,label\na.nii,yes\n", "row 2: label yes is neither 0 nor 1"),
        ("image,label\na.nii,1\nb.nii,2\n", "row 3: label 2 is neither"),
        ("image,label\na.nii,-1\n", "row 2: label -1 is neither"),
        ("image,label\n,1\n", "row 2 names no image"),
        ("image,label\na.nii,1\n  ,0\n", "row 3 names no image"),
        ("image\none/a.nii\ntwo/a.nii\n", "row 3: sample_id a stands twice"),
        ("image,sample_id\na.nii,x 1\nb.nii,x_1\n", "row 3: sample_id x_1 stands twice"),
        ("image,sample_id\na.nii,..\n", "row 2: sample_id .. cannot name a folder"),
    ],
)
def test_what_is_wrong_is_named_with_its_row(write, text, says):
    with pytest.raises(InputError) as error:
        read_table(write(text))
    assert str(error.value).startswith(str(write(text)))
    assert says in str(error.value)


@pytest.mark.parametrize("name", ["../../etc", "a/b", "/abs", "a\\b"])
def test_a_sample_id_cannot_leave_the_output_folder(write, name):
    (sample,) = read_table(write(f"image,sample_id\na.nii,{name}\n"))
    assert "/" not in sample.sample_id
    assert "\\" not in sample.sample_id
    assert sample.sample_id not in ("", ".", "..")


def test_what_is_no_table_is_refused(write, tmp_path):
    with pytest.raises(InputError, match="cannot be read as a CSV table in UTF-8"):
        read_table(write("image\nJürgen.nii\n", "latin-1"))
    with pytest.raises(InputError, match=r"gone\.csv: cannot be read"):
        read_table(tmp_path / "gone.csv")
    with pytest.raises(InputError, match="cannot be read"):
        read_table(tmp_path)
