"""Tables that the tests write."""

import pytest


@pytest.fixture
def write(tmp_path):
    """Function of (text, name) that writes a table."""

    def make(text: str, name: str = "scans.csv"):
        file = tmp_path / name
        file.write_text(text, encoding="utf-8")
        return file

    return make
