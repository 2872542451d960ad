"""Commands of `lungcam`: help, parsing and dispatch."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from lungcam.cli.command_help import HELP, SUMMARIES, command_help, overview
from lungcam.cli.commands import HYDRAS, SETTINGS, main
from lungcam.errors import InputError


@pytest.mark.parametrize("arguments", [[], ["-h"], ["--help"], ["help"]])
def test_the_commands_are_listed(arguments, capsys):
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert printed == f"{overview()}\n"
    for command in SUMMARIES:
        assert f"\n  {command} " in printed


@pytest.mark.parametrize("command", SETTINGS)
def test_every_command_has_a_help_of_its_own(command, capsys):
    assert main([command, "--help"]) == 0
    printed = capsys.readouterr().out
    assert printed == f"{command_help(command)}\n"
    assert printed.startswith(f"lungcam {command}")
    others = set(SETTINGS) - {command}
    assert not [name for name in others if f"lungcam {name} " in printed]
    assert callable(import_module(f"lungcam.cli.{command}").run)
    for name in SETTINGS[command]:
        assert f"{name}=" in printed


def test_every_command_has_a_summary():
    assert set(SUMMARIES) == {*SETTINGS, *HYDRAS}
    assert set(HELP) == set(SETTINGS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["chekc"], r"^chekc: there is no such command; the commands are: .* mean check\?"),
        (["compare", "a", "b", "splits=val"], "^splits: there is no such setting; it takes split"),
        (["cache", "info", "-v"], "^-v: there is no such option; settings are KEY=VALUE"),
        (["cache", "empty"], "^cache: say what to do"),
        (["cache", "clear", "stale=yes"], "^stale=yes: clear takes true or false"),
        (["check"], "^check: name the scans to check"),
        (["completion", "fish"], "^completion: name your shell"),
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


@pytest.mark.parametrize(
    ("arguments", "script"), [(["train", "modle=x"], "train"), (["infer", "scans=x"], "infer")]
)
def test_training_and_inference_are_commands_too(tmp_path, arguments, script):
    done = subprocess.run(
        [sys.executable, "-m", "lungcam", *arguments],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(__file__).parents[3]), "PATH": ""},
    )
    assert done.returncode == 2
    assert f"`lungcam {script} --help`" in done.stderr
    assert "Did you mean" in done.stderr
