"""A block in isolation reaches neither files nor network nor programs."""

import importlib
import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from lungcam.errors import InputError
from lungcam.runtime.isolation import isolated

ATTEMPTS = {
    "write": lambda folder: (folder / "new").write_text("x"),
    "read": lambda folder: (folder / "secret").read_text(),
    "copy": lambda folder: shutil.copy(folder / "secret", folder / "copy"),
    "file address": lambda folder: urllib.request.urlopen((folder / "secret").as_uri()),
    "socket": lambda folder: socket.create_connection(("127.0.0.1", 9), timeout=1),
    "name": lambda folder: socket.getaddrinfo("localhost", 80),
    "program": lambda folder: subprocess.run(["touch", folder / "new"]),
    "shell": lambda folder: os.system(f"touch {folder / 'new'}"),
    "remove": lambda folder: (folder / "secret").unlink(),
    "rename": lambda folder: (folder / "secret").rename(folder / "new"),
    "folder": lambda folder: (folder / "new").mkdir(),
    "link": lambda folder: (folder / "new").symlink_to(folder / "secret"),
}


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "secret").write_text("secret")
    return tmp_path


@pytest.mark.parametrize("name", ATTEMPTS)
def test_it_is_refused_and_nothing_changes(folder, name):
    message = r"^a net: it reaches for .*; refused\.$"
    with pytest.raises(InputError, match=message), isolated("a net"):
        ATTEMPTS[name](folder)
    assert [path.name for path in folder.iterdir()] == ["secret"]


def test_afterwards_all_is_allowed(folder):
    with isolated("a net"):
        assert sum(range(3)) == 3
    assert (folder / "secret").read_text() == "secret"
    with pytest.raises(InputError), isolated("a net"):
        (folder / "secret").read_text()
    assert (folder / "secret").read_text() == "secret"


def test_a_module_may_be_imported(folder, monkeypatch):
    (folder / "late.py").write_text("value = 3\n")
    monkeypatch.syspath_prepend(folder)
    with isolated("a net"):
        assert importlib.import_module("late").value == 3
    del sys.modules["late"]
