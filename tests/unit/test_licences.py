"""Every dependency is listed with its licence."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_list_of_licences_holds_every_dependency():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    text = (ROOT / "docs" / "licences.md").read_text()
    listed = re.findall(r"^\| (\S+) \|", text, re.MULTILINE)[1:]
    needed = [re.match(r"[\w.-]+", entry)[0] for entry in project["dependencies"]]
    assert listed == needed
    extras = project["optional-dependencies"]
    for name in [entry for extra in extras if extra != "test" for entry in extras[extra]]:
        package = re.match(r"[\w.-]+", name)[0]
        assert package in text or package.startswith("hydra-"), package
