"""Plain English: no private dialect in code, tests, configuration and documentation."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("lungcam", "hydra_plugins", "conf", "docs", "benchmarks", "scripts", "tests")
FILES = sorted(
    path
    for path in [*ROOT.glob("*.py"), *ROOT.glob("*.md"), *ROOT.glob("*.toml")]
    + [file for folder in FOLDERS for file in (ROOT / folder).rglob("*.*")]
    if path.suffix in {".py", ".md", ".yaml", ".toml", ".html", ".js"}
    and "__pycache__" not in path.parts
)
# a docstring begins with a verb or a noun
OPENINGS = ("And", "How", "Of", "That", "What", "Where", "Whether", "Which", "Whose")
WORDS = (
    r"told",
    r"anew",
    r"mend(s|ed|ing)?",
    r"hangs? on",
    r"of which",
    r"is laid",
    r"beside",
    r"whose",
)
NAMES = ("one", "told", "found", "at", "of", "law", "said", "made", "asked")
# a file that must name what is banned, or a name that is not ours
EXCEPTIONS = {
    # the name from which the first version derived its UIDs
    "lungcam/dicom/description.py": ("told",),
    "tests/test_english.py": (*WORDS, *NAMES),
}


def dialect(source: str, suffix: str, allowed: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield each banned word, opening and variable of a file, with its line."""
    for pattern in set(WORDS) - set(allowed):
        for match in re.finditer(rf"\b{pattern}\b", source, re.IGNORECASE):
            yield f"{source.count(chr(10), 0, match.start()) + 1}: {match.group()!r}"
    if suffix != ".py":
        return
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            first = (ast.get_docstring(node) or "").split(maxsplit=1)[:1]
            if first and first[0] in OPENINGS:
                yield f"{getattr(node, 'lineno', 1)}: docstring begins with {first[0]!r}"
        name = getattr(node, "arg", None) if isinstance(node, ast.arg) else None
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            name = node.id
        if name in set(NAMES) - set(allowed):
            yield f"{node.lineno}: variable {name!r}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_file_is_written_in_plain_english(file):
    allowed = EXCEPTIONS.get(str(file.relative_to(ROOT)), ())
    assert list(dialect(file.read_text(encoding="utf-8"), file.suffix, allowed)) == []


@pytest.mark.parametrize(
    "source",
    [
        '"""Whether a scan is whole."""',
        'def f():\n    """What is left."""',
        "# the user is told",
        "for one in range(3):\n    pass",
        "def f(at):\n    pass",
        "x = 'what hangs on it'",
    ],
)
def test_dialect_is_seen(source):
    assert len(list(dialect(source, ".py"))) == 1


@pytest.mark.parametrize(
    "source",
    ['"""Return the lung mask."""', "# one of the three", "value = 'recommended'", "f(at=1)"],
)
def test_plain_english_is_not_refused(source):
    assert list(dialect(source, ".py")) == []
