"""Rows of a CSV table as spreadsheets and people write it."""

import csv

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lungcam.cohorts.csv_rows import Row, read_rows
from lungcam.errors import InputError


@pytest.fixture
def write(tmp_path):
    """Function of (text) that writes a table."""

    def make(text: str, encoding: str = "utf-8"):
        file = tmp_path / "table.csv"
        file.write_bytes(text.encode(encoding))
        return file

    return make


def refusal(file, needed=()) -> str:
    with pytest.raises(InputError) as error:
        read_rows(file, needed)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_as_spreadsheets_write_it(write, encoding, newline):
    text = newline.join([" image ,label", '"Jürgen, 1.nii", 1 ', ""])
    (row,) = read_rows(write(text, encoding))
    assert row.values == {"image": "Jürgen, 1.nii", "label": "1"}
    assert row.number == 2


def test_blank_lines_are_passed_over_and_counted(write):
    rows = read_rows(write("a,b\n\n1,2\n\n,\n3,4\n"))
    assert [(row.number, row.text("a")) for row in rows] == [(3, "1"), (6, "3")]


def test_a_row_over_two_lines_ends_on_the_second(write):
    first, second = read_rows(write('a,b\n"one\ntwo",2\n3,4\n'))
    assert (first.text("a"), first.number, second.number) == ("one\ntwo", 3, 4)


def test_a_row_may_be_short_or_long(write):
    short, long = read_rows(write("a,b,c\n1\n1,2,3,4\n"))
    assert [short.text(name) for name in "abcd"] == ["1", "", "", ""]
    assert long.values == {"a": "1", "b": "2", "c": "3"}
    assert short.number_in("b") is None
    assert short.numbers_in("ab") is None
    assert long.numbers_in("abc") == (1, 2, 3)


@pytest.mark.parametrize(("text", "value"), [("1", 1), ("-2.5e1", -25), (" 0.5 ", 0.5), ("", None)])
def test_numbers(write, text, value):
    (row,) = read_rows(write(f"a,b\n{text},x\n"))
    assert row.number_in("a") == value


@pytest.mark.parametrize("text", ["one", "-nan", "inf", "-Infinity", "1,5", "0x10", "1 2", "."])
def test_what_is_no_finite_number_is_named_with_file_row_and_column(write, text):
    file = write(f'a,b\n1,2\n"{text}",x\n')
    _, row = read_rows(file)
    with pytest.raises(InputError) as error:
        row.number_in("a")
    assert str(error.value) == f"{file}: row 3: a is {text!r}, not a number; correct it."


def test_file_and_row_are_named_with_and_without_the_folder(write, tmp_path):
    (row,) = read_rows(write("a\n1\n"))
    assert row.place == f"{tmp_path}/table.csv: row 2"
    assert row.source == "table.csv, row 2"


def test_missing_columns_are_named_with_those_that_are_there(write):
    file = write("a,b\n1,2\n")
    assert refusal(file, ("b", "c", "d")) == f"{file}: there is no column c, d; it has a, b."
    assert len(read_rows(file, ("b",))) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no row"),
        ("a,b\n", "no row"),
        ("a,b\n\n,\n", "no row"),
        ("a,b,a\n1,2,3\n", "column a stands twice"),
        ("a, a\n1,2\n", "column a stands twice"),
    ],
)
def test_what_is_wrong_with_the_table_is_said(write, text, says):
    file = write(text)
    told = refusal(file)
    assert told.startswith(f"{file}: ")
    assert says in told


def test_columns_without_a_name_may_be_several(write):
    (row,) = read_rows(write("a,,\n1,2,3\n"))
    assert row.text("a") == "1"


def test_what_is_no_table_is_refused(write, tmp_path):
    assert "cannot be read as a CSV table in UTF-8" in refusal(write("a\nJürgen\n", "latin-1"))
    assert "there is no such file" in refusal(tmp_path / "gone.csv")
    assert "cannot be read" in refusal(tmp_path)
    assert "cannot be read" in refusal(write("a\n" + "x" * 200_000 + "\n"))


cells = st.text(st.characters(exclude_categories=("C", "Z")), max_size=6)


@settings(deadline=None)
@given(
    st.lists(cells.filter(bool), min_size=1, max_size=4, unique=True).flatmap(
        lambda names: st.tuples(
            st.just(names),
            st.lists(st.lists(cells, min_size=len(names), max_size=len(names)), min_size=1),
        )
    )
)
def test_what_csv_writes_reads_back(tmp_path_factory, table):
    names, rows = table
    file = tmp_path_factory.mktemp("rows") / "table.csv"
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([names, *rows])
    wanted = [row for row in rows if any(row)]
    if not wanted:
        return
    found = read_rows(file)
    assert all(isinstance(row, Row) for row in found)
    assert [[row.text(name) for name in names] for row in found] == wanted
