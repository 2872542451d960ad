"""Commands of `python -m lungcam`: help, parsing and dispatch."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from lungcam.cli.commands import HELP, SETTINGS, main
from lungcam.errors import InputError


@pytest.mark.parametrize("arguments", [[], ["-h"], ["--help"], ["help"], ["cache", "--help"]])
def test_help_is_printed(arguments, capsys):
    assert main(arguments) == 0
    assert capsys.readouterr().out == f"{HELP}\n"


@pytest.mark.parametrize("command", SETTINGS)
def test_every_command_has_a_module_and_all_its_settings_in_the_help(command):
    assert callable(import_module(f"lungcam.cli.{command}").run)
    for name in SETTINGS[command]:
        assert f"{name}=" in HELP


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["chekc"], "^chekc: there is no such command; the commands are: check, cache, compare"),
        (["compare", "a", "b", "splits=val"], "^splits: there is no such setting; it takes split"),
        (["cache", "info", "-v"], "^-v: there is no such option; settings are KEY=VALUE"),
        (["cache", "empty"], "^cache: say what to do"),
        (["cache", "clear", "stale=yes"], "^stale=yes: clear takes true or false"),
        (["check"], "^check: name the scans to check"),
    ],
)
def test_a_wrong_command_line_is_refused(arguments, message):
    with pytest.raises(InputError, match=message):
        main(arguments)


def test_a_path_with_an_equals_sign_is_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a=b").mkdir()
    with pytest.raises(InputError, match=r"^a=b: no predictions\.csv in it"):
        main(["compare", "a=b", "c"])


def test_help_loads_nothing_heavy():
    code = (
        "import sys; from lungcam.cli.commands import main; main([]); "
        "print([name for name in ('torch', 'torchio', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("\n[]\n")
