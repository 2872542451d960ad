"""Streams of a command: control codes, closed streams and readers that have gone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SCRIPT = """
import sys
sys.path.insert(0, {root!r})
from lungcam.cli.app import exit_codes
with exit_codes("train.py"):
    {body}
"""


def run(body: str, *, shell: str = "{command}") -> subprocess.CompletedProcess:
    script = SCRIPT.format(root=str(ROOT), body=body)
    command = shell.format(command='"$PYTHON" -c "$SCRIPT"')
    return subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHON": sys.executable, "SCRIPT": script},
    )


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_control_codes_are_written_out(stream):
    text = r"'\x1b[31mred\x07\x1b]0;title\x07 \u202eabc\udcff\n'"
    done = run(f"print({text}, file=sys.{stream}, end='')")
    assert done.returncode == 0
    written = r"\x1b[31mred\x07\x1b]0;title\x07 \u202eabc\udcff" + "\n"
    assert getattr(done, stream) == written


def test_progress_bars_keep_what_they_need():
    done = run(r"print('a\rb\t\x1b[A\n', end='')")
    # read as text, a carriage return is a line break
    assert done.stdout == "a\nb\t\x1b[A\n"


def test_a_reader_that_has_gone_ends_the_command_quietly():
    body = "[print('x' * 100) for _ in range(10_000)]"
    done = run(body, shell="{command} | head -1; echo ${{PIPESTATUS[0]}}")
    assert done.stdout.splitlines() == ["x" * 100, "141"]
    (line,) = done.stderr.splitlines()
    assert "the program that read the output has ended" in line
    # a short output is only written at the end
    done = run("print('x')", shell="{command} | (exec 0<&-; sleep 3); echo ${{PIPESTATUS[0]}}")
    assert done.stdout == "141\n"
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


@pytest.mark.parametrize("closed", ["2>&-", "2> >(exec 0<&-)", "0<&- 2>&-"])
def test_a_closed_error_stream_costs_nothing_but_its_lines(closed):
    done = run("print('a', file=sys.stderr); print('done')", shell="{command} " + closed)
    assert (done.returncode, done.stdout) == (0, "done\n")
    done = run("raise __import__('lungcam.errors').errors.InputError('x')", shell="{command} 2>&-")
    assert (done.returncode, done.stdout) == (2, "")


def test_a_closed_output_gives_its_number_to_no_file(tmp_path):
    file = tmp_path / "a.txt"
    body = f"f = open({str(file)!r}, 'w'); print('text'); f.write('content'); f.close()"
    done = run(body, shell="{command} >&-")
    assert done.returncode == 0
    assert file.read_text() == "content"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux' /dev/full")
def test_an_output_that_cannot_be_written_is_one_line():
    done = run("print('x')", shell="{command} > /dev/full")
    assert done.returncode == 2
    assert done.stderr == (
        "lungcam: the output: No space left on device; check path, rights and space.\n"
    )


@pytest.mark.parametrize(("error", "shown"), [("OSError(28, 'full')", 0), ("ValueError", 1)])
def test_a_thread_without_space_costs_no_traceback(error, shown):
    body = f"import threading\n    def fail(): raise {error}\n    "
    done = run(f"{body}thread = threading.Thread(target=fail); thread.start(); thread.join()")
    assert done.returncode == 0
    assert done.stderr.count("Traceback") == shown
