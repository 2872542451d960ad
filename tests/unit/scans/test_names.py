"""Names of scans can name folders everywhere, and none takes another's place."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lungcam.scans import discover, scan_name
from lungcam.scans.names import DEVICES, MOST_BYTES, name_key, safe_name, unique_name


@given(st.text(max_size=300))
@example("..")
@example("a/../../b")
@example("CON")
@example("con.txt")
@example("COM¹")
@example(".hidden")
@example("-rf")
@example("肺" * 300)
@example("predictions.csv")
@example("METRICS.JSON")
@example("a\udcff")
def test_every_name_is_safe(text):
    name = safe_name(text)
    assert not set(name) & set('/\\:*?"<>|\0\n\r\t =@+')
    assert name[:1] not in (".", "-")
    assert not name.endswith((".", " "))
    assert len(name.encode()) <= MOST_BYTES
    assert name_key(name).partition(".")[0] not in DEVICES
    assert not name.lower().endswith((".csv", ".json", ".log"))
    # a second time nothing changes
    assert safe_name(name) == name


@pytest.mark.parametrize("name", ["phantom-0001", "1.3.6.1.4", "Müller_1", "site_a", "肺"])
def test_ordinary_names_stay(name):
    assert safe_name(name) == name


@pytest.mark.parametrize(
    ("first", "second"), [("Scan", "scan"), ("é", "e\u0301"), ("ﬁ", "fi"), ("STRASSE", "straße")]
)
def test_names_that_are_one_on_some_file_system_are_numbered(first, second):
    taken: set[str] = set()
    names = [unique_name(name, taken) for name in (first, second, first)]
    assert len({name_key(name) for name in names}) == 3


@pytest.mark.parametrize("name", ["...nii", "..nii.gz", ".nii", "-.mha"])
def test_no_name_leads_out_of_the_folder_of_results(tmp_path, name):
    (tmp_path / name).write_bytes(b"x")
    assert (tmp_path / "out" / scan_name(tmp_path / name)).resolve().parent == tmp_path / "out"


@pytest.mark.parametrize(
    "names",
    [
        ("Chest.nii", "chest.nii"),
        ("e\u0301.nii", "\u00e9.nii"),
        ("con.nii", "CON.mha"),
        (f"{'a' * 200}1.nii", f"{'a' * 200}2.nii"),
        ("a\udcff.nii", "a\udcfe.nii"),
    ],
    ids=lambda names: names[0][:10].encode(errors="replace").decode(),
)
def test_scans_of_a_folder_get_folders_of_their_own(tmp_path, names):
    for name in names:
        (tmp_path / name).write_bytes(b"x")
    found_names = [source.name for source in discover(tmp_path)]
    assert len({name_key(name) for name in found_names}) == len(names)
    for name in found_names:
        assert (tmp_path / "out" / name).resolve().parent == tmp_path / "out"
        Path(tmp_path / "out" / name).mkdir(parents=True)
