"""The catalogue lists every finding of the code, and the documentation holds the catalogue."""

import ast
from pathlib import Path

import lungcam.scans
from lungcam.scans.acquisitions import LOOK_AT_RATIO, REFUSED_RATIO
from lungcam.scans.catalogue import FAULTS, FORMS, faults_table, forms_table
from lungcam.scans.discover import VOLUME_SUFFIXES
from lungcam.scans.hounsfield import MOST_METAL, WRAPPED
from lungcam.scans.slice_checks import HEADER_FAULTS
from lungcam.scans.slice_geometry import UNEVEN_MM

FOLDER = Path(lungcam.scans.__file__).parent
ROOT = FOLDER.parents[1]
KINDS = (
    "mixed_series", "mixed_size", "mixed_orientation", "mixed_spacing", "mixed_kernel",
    "wrong_modality", "localizer", "projection", "screen_save", "multi_frame", "colour",
)  # fmt: skip


def codes_in_code() -> set[str]:
    """Return the codes of all findings that the package can make."""
    codes = {*HEADER_FAULTS, *KINDS}
    for file in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            first = node.args[:1] + [k.value for k in node.keywords if k.arg == "code"]
            if name in ("add", "Finding", "refuse", "append"):
                values = [v.elts[0] if isinstance(v, ast.Tuple) else v for v in first]
                codes |= {v.value for v in values if isinstance(v, ast.Constant)}
    return {code for code in codes if isinstance(code, str)}


def test_every_code_is_in_the_catalogue():
    listed = [fault.code for fault in FAULTS]
    assert len(listed) == len(set(listed))
    source = "".join(file.read_text() for file in FOLDER.glob("*.py") if file.stem != "catalogue")
    assert {code for code in listed if f'"{code}"' not in source} == set()
    assert codes_in_code() - set(listed) - faults_of_header() == set()


def faults_of_header() -> set[str]:
    """Return names that `add` of a set receives and that are listed by `HEADER_FAULTS`."""
    return set(HEADER_FAULTS)


def test_the_documentation_holds_the_catalogue():
    text = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    assert forms_table() in text
    assert faults_table() in text


def test_the_catalogue_states_the_numbers_of_the_code():
    text = forms_table() + faults_table()
    for number in (f"{UNEVEN_MM:g} mm", f"{MOST_METAL:.1%}".replace("%", " %"), str(WRAPPED)):
        assert number in text
    assert f"flagged from {LOOK_AT_RATIO} times, refused from {REFUSED_RATIO}" in text
    names = " ".join(form.name for form in FORMS)
    assert all(suffix.removesuffix(".gz") in names for suffix in VOLUME_SUFFIXES)
    assert all(fault.remedy for fault in FAULTS if set(fault.outcomes) & {"refused", "flagged"})
