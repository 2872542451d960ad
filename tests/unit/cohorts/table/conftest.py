"""Fixture that writes a table."""

import pytest


@pytest.fixture
def write(tmp_path):
    """Return a function of (text, name) that writes a table."""

    def make(text: str, name: str = "scans.csv"):
        file = tmp_path / name
        file.write_text(text, encoding="utf-8")
        return file

    return make
