"""CSV tables as spreadsheets and people write them."""

import csv

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lungcam.cohorts.csv_rows import Row, read_rows
from lungcam.errors import InputError


@pytest.fixture
def write(tmp_path):
    """Return a function of (text) that writes a table."""

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
def test_tables_of_spreadsheets_are_read(write, encoding, newline):
    text = newline.join([" image ,label", '"Jürgen, 1.nii", 1 ', ""])
    (row,) = read_rows(write(text, encoding))
    assert row.values == {"image": "Jürgen, 1.nii", "label": "1"}
    assert row.number == 2


def test_blank_lines_are_skipped_but_counted(write):
    rows = read_rows(write("a,b\n\n1,2\n\n,\n3,4\n"))
    assert [(row.number, row.text("a")) for row in rows] == [(3, "1"), (6, "3")]


def test_a_row_over_two_lines_ends_on_the_second(write):
    first, second = read_rows(write('a,b\n"one\ntwo",2\n3,4\n'))
    assert (first.text("a"), first.number, second.number) == ("one\ntwo", 3, 4)


def test_short_rows_are_padded_and_long_rows_cut(write):
    short, long = read_rows(write("a,b,c\n1\n1,2,3,4\n"))
    assert [short.text(name) for name in "abcd"] == ["1", "", "", ""]
    assert long.values == {"a": "1", "b": "2", "c": "3"}
    assert short.number_in("b") is None
    assert short.numbers_in("ab") is None
    assert long.numbers_in("abc") == (1, 2, 3)


@pytest.mark.parametrize(("text", "value"), [("1", 1), ("-2.5e1", -25), (" 0.5 ", 0.5), ("", None)])
def test_numbers_are_parsed(write, text, value):
    (row,) = read_rows(write(f"a,b\n{text},x\n"))
    assert row.number_in("a") == value


@pytest.mark.parametrize("text", ["one", "-nan", "inf", "-Infinity", "1,5", "0x10", "1 2", "."])
def test_an_invalid_number_is_named_with_file_row_and_column(write, text):
    file = write(f'a,b\n1,2\n"{text}",x\n')
    _, row = read_rows(file)
    with pytest.raises(InputError) as error:
        row.number_in("a")
    assert str(error.value) == f"{file}: row 3: a is {text!r}, not a number; correct it."


def test_place_names_the_folder_and_source_does_not(write, tmp_path):
    (row,) = read_rows(write("a\n1\n"))
    assert row.place == f"{tmp_path}/table.csv: row 2"
    assert row.source == "table.csv, row 2"


def test_missing_columns_are_named_with_the_existing_ones(write):
    file = write("a,b\n1,2\n")
    assert refusal(file, ("b", "c", "d")) == f"{file}: there is no column c, d; it has a, b."
    assert len(read_rows(file, ("b",))) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no row"),
        ("a,b\n", "no row"),
        ("a,b\n\n,\n", "no row"),
        ("a,b,a\n1,2,3\n", "there are two columns a;"),
        ("a, a\n1,2\n", "there are two columns a;"),
    ],
)
def test_a_table_without_rows_or_with_a_duplicate_column_is_refused(write, text, message):
    file = write(text)
    error = refusal(file)
    assert error.startswith(f"{file}: ")
    assert message in error


def test_several_columns_without_a_name_are_allowed(write):
    (row,) = read_rows(write("a,,\n1,2,3\n"))
    assert row.text("a") == "1"


def test_a_file_that_is_no_table_is_refused(write, tmp_path):
    assert "cannot be read as a CSV table in UTF-8" in refusal(write("a\nJürgen\n", "latin-1"))
    assert "there is no such file" in refusal(tmp_path / "gone.csv")
    assert "cannot be read" in refusal(tmp_path)
    assert "cannot be read" in refusal(write("a\n" + "x" * 200_000 + "\n"))


cells = st.text(st.characters(exclude_categories=("C", "Z")), max_size=6)


def is_plain(name):
    """Return True for the name of a column that holds no separator of another kind of table."""
    return bool(name) and not set(name) & {";", "\t"}


@settings(deadline=None)
@given(
    st.lists(cells.filter(is_plain), min_size=1, max_size=4, unique=True).flatmap(
        lambda names: st.tuples(
            st.just(names),
            st.lists(st.lists(cells, min_size=len(names), max_size=len(names)), min_size=1),
        )
    )
)
def test_a_written_table_reads_back(tmp_path_factory, table):
    names, rows = table
    file = tmp_path_factory.mktemp("rows") / "table.csv"
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([names, *rows])
    expected = [row for row in rows if any(row)]
    if not expected:
        return
    result = read_rows(file)
    assert all(isinstance(row, Row) for row in result)
    assert [[row.text(name) for name in names] for row in result] == expected
