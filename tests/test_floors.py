"""Imports go down only, the entry scripts stay short, and start-up stays light."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "lungcam"

# from the bottom up; "" is the root's __init__; packages in one row do not import each other
FLOORS = (
    ("",),
    ("errors",),
    ("runtime", "config", "findings"),
    ("grid", "heat_colors"),
    ("nets", "metrics", "lungs", "scans", "sweeps"),
    ("transforms", "explain", "render", "dicom", "cohorts", "masks"),
    ("phantom", "data", "report", "training"),
    ("tasks", "detection"),
    ("callbacks",),
    ("evaluation",),
    ("inference", "export"),
    ("runs", "api"),
    ("cli",),
    ("__main__",),
)
FLOOR_OF = {name: floor for floor, names in enumerate(FLOORS) for name in names}
FILES = sorted(path for path in PACKAGE.rglob("*.py") if "__pycache__" not in path.parts)
HEAVY = ("torch", "vtkmodules", "monai", "pytorch_lightning", "torchio")


def part_of(file: Path) -> str:
    """Return the package or module below lungcam that a file belongs to."""
    first = file.relative_to(PACKAGE).parts[0]
    return "" if first == "__init__.py" else first.removesuffix(".py")


def imported(source: str, file: Path) -> Iterator[tuple[int, str]]:
    """Yield line and dotted name of every import in a file."""
    package = ("lungcam", *file.relative_to(PACKAGE).parent.parts)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, *filter(None, [node.module])])
            if module == "lungcam":
                # a submodule, or a name of the root package
                for alias in node.names:
                    yield (
                        node.lineno,
                        f"lungcam.{alias.name}" if alias.name in FLOOR_OF else "lungcam",
                    )
            else:
                yield node.lineno, module


def arrows(source: str, file: Path) -> Iterator[tuple[int, str]]:
    """Yield line and target, such as `errors` or `render`, of every import from lungcam."""
    for line, name in imported(source, file):
        root, _, rest = name.partition(".")
        if root == "lungcam":
            yield line, rest.partition(".")[0]


def faults(source: str, file: Path) -> list[str]:
    here = part_of(file)
    return [
        f"{file.name}:{line} imports lungcam.{target}"
        for line, target in arrows(source, file)
        if target != here and FLOOR_OF.get(target, len(FLOORS)) >= FLOOR_OF[here]
    ]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_go_to_the_same_package_or_a_lower_floor(file):
    assert part_of(file) in FLOOR_OF, f"give {part_of(file)} a floor in {Path(__file__).name}"
    assert faults(file.read_text(), file) == []


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("scans/read.py", "from lungcam.transforms import prepare"),
        ("scans/read.py", "def f():\n    import lungcam.lungs.mask"),
        ("explain/geometry.py", "from lungcam import render"),
        ("explain/geometry.py", "from ..render import Scene"),
        ("scans/read.py", "from lungcam.data.cache_key import describe"),
        ("errors.py", "from lungcam.runtime.atomic import whole"),
        ("runtime/atomic.py", "from lungcam.grid import Grid"),
        ("runs/infer.py", "import lungcam.nowhere"),
    ],
)
def test_a_wrong_import_is_found(file, source):
    assert len(faults(source, PACKAGE / file)) == 1


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("scans/read.py", "from lungcam.grid import Grid"),
        ("scans/read.py", "from . import dicom\nfrom .dicom import read_series"),
        ("runs/infer.py", "from lungcam import RESEARCH_USE_ONLY, grid"),
        ("training/trainer.py", "from lungcam.config.options import TrainerOptions"),
    ],
)
def test_a_right_import_is_accepted(file, source):
    assert faults(source, PACKAGE / file) == []


@pytest.mark.parametrize("file", [*(PACKAGE / "config").glob("*.py")], ids=lambda file: file.name)
def test_the_configuration_imports_errors_only(file):
    assert {target for _, target in arrows(file.read_text(), file)} <= {"config", "errors"}


def test_contributing_shows_the_floors():
    rows = re.findall(
        r"^\| (\d+) \| (.*?) \|", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE
    )
    table = {int(number): set(re.findall(r"`(\w+)`", names)) for number, names in rows}
    assert table == {number: set(names) for number, names in enumerate(FLOORS) if number}


@pytest.mark.parametrize("name", ["train.py", "infer.py"])
def test_entry_scripts_are_short(name):
    assert len((ROOT / name).read_text().splitlines()) <= 40


def test_no_module_is_named_utils():
    names = {"utils", "util", "helpers", "helper", "misc", "common"}
    assert [path for path in FILES if names & {path.stem, *path.parent.parts}] == []


def test_start_up_loads_nothing_heavy():
    code = (
        "import sys, lungcam.cli.train, lungcam.cli.infer; "
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"
