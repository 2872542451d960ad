"""The lock of a folder names its owner, and is taken over when that has ended."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from lungcam.errors import InputError
from lungcam.runtime import lock
from lungcam.runtime.lock import NAME, clear_abandoned, locked

HOLDS = """
import sys, time
from pathlib import Path
from lungcam.runtime.lock import locked

with locked(Path(sys.argv[1]), key="out"):
    print("held", flush=True)
    time.sleep(60)
"""


def write(folder, **changes) -> None:
    """Write the lock of this process, with other values."""
    owner = replace(lock._this_process(), **changes)
    (folder / NAME).write_text(json.dumps(asdict(owner)))


def test_the_lock_is_given_back_and_a_folder_that_stays_empty_is_removed(tmp_path):
    with locked(tmp_path / "a" / "b", key="out"):
        assert (tmp_path / "a" / "b" / NAME).exists()
        with locked(tmp_path / "a" / "b", key="out"):
            pass
        assert (tmp_path / "a" / "b" / NAME).exists()
    assert list(tmp_path.iterdir()) == []
    with locked(tmp_path / "a" / "b", key="out"):
        (tmp_path / "a" / "b" / "result").touch()
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["result"]


def test_another_process_is_named_and_its_lock_is_taken_over_when_it_is_killed(tmp_path):
    job = subprocess.Popen([sys.executable, "-c", HOLDS, str(tmp_path)], stdout=subprocess.PIPE)
    assert job.stdout.readline() == b"held\n"
    with (
        pytest.raises(
            InputError, match=rf"process {job.pid} on .* is writing into it .* give out="
        ),
        locked(tmp_path, key="out"),
    ):
        pass
    job.send_signal(signal.SIGKILL)
    # ended, and not yet asked about: a zombie
    time.sleep(0.2)
    with locked(tmp_path, key="out"):
        assert json.loads((tmp_path / NAME).read_text())["pid"] == os.getpid()
    job.communicate()


@pytest.mark.parametrize(
    "changes", [{"started": "1"}, {"boot": "another"}, {"pid": 2**22 + 1}], ids=str
)
def test_a_process_id_that_was_given_to_another_process_is_no_owner(tmp_path, changes):
    write(tmp_path, **changes)
    with locked(tmp_path, key="out"):
        pass


def test_a_signal_while_the_lock_is_given_back_leaves_none(tmp_path, monkeypatch):
    unlink, calls = Path.unlink, []

    def interrupted(path, *arguments, **named):
        if path.name == NAME and not calls:
            calls.append(path)
            raise SystemExit(143)
        unlink(path, *arguments, **named)

    monkeypatch.setattr(Path, "unlink", interrupted)
    with pytest.raises(SystemExit), locked(tmp_path, key="out"):
        pass
    assert calls
    assert not (tmp_path / NAME).exists()


def test_locks_of_processes_that_are_gone_are_cleared(tmp_path):
    living = lock._this_process()
    for name, owner in (("living", living), ("gone", replace(living, pid=4194305))):
        (tmp_path / name).mkdir()
        (tmp_path / name / NAME).write_text(json.dumps(asdict(owner)))
    clear_abandoned(tmp_path)
    assert [file.parent.name for file in tmp_path.glob(f"*/{NAME}")] == ["living"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x"}', "null"])
def test_a_damaged_lock_is_taken_over(tmp_path, content):
    (tmp_path / NAME).write_text(content)
    with locked(tmp_path, key="out"):
        pass


def test_a_lock_of_another_machine_is_abandoned_once_it_is_not_touched(tmp_path):
    write(tmp_path, host="elsewhere")
    with pytest.raises(InputError, match="on elsewhere"), locked(tmp_path, key="out"):
        pass
    then = time.time() - lock.ABANDONED_S - 10
    os.utime(tmp_path / NAME, (then, then))
    with locked(tmp_path, key="out"):
        assert json.loads((tmp_path / NAME).read_text())["host"] == socket.gethostname()


def test_a_lock_is_touched_while_it_is_held(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "TOUCH_S", 0.01)
    with locked(tmp_path, key="out"):
        os.utime(tmp_path / NAME, (0, 0))
        end = time.monotonic() + 30
        while (tmp_path / NAME).stat().st_mtime == 0 and time.monotonic() < end:
            time.sleep(0.01)
        assert (tmp_path / NAME).stat().st_mtime > 0


RACES = """
import sys
from pathlib import Path
from lungcam.errors import InputError
from lungcam.runtime.lock import locked

sys.stdin.readline()
try:
    with locked(Path(sys.argv[1]), key="out"):
        print("held", flush=True)
        sys.stdin.readline()
except InputError:
    print("refused", flush=True)
"""


def test_of_several_processes_that_find_an_abandoned_lock_a_single_one_takes_it(tmp_path):
    jobs = [
        subprocess.Popen(
            [sys.executable, "-c", RACES, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    write(tmp_path, started="1")
    for job in jobs:
        print(file=job.stdin, flush=True)
    answers = sorted(job.stdout.readline().strip() for job in jobs)
    for job in jobs:
        job.communicate("\n")
    assert answers == ["held", "refused", "refused", "refused"]


class Signalled(BaseException):
    """Raised in place of a signal's handler."""


def signalled_at(line: int, folder: Path) -> bool:
    """Lock a folder, with a signal before a line that this executes; return True if it came."""
    lines = iter(range(line + 1))

    def trace(frame, event, _):
        if frame.f_code.co_filename != lock.__file__:
            return None
        if event == "line" and next(lines, None) == line:
            raise Signalled
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        with lock.locked(folder, key="out"):
            pass
    except Signalled:
        return True
    finally:
        sys.settrace(before)
    return False


@pytest.mark.parametrize("abandoned", [False, True])
def test_a_signal_at_any_moment_leaves_nothing(tmp_path, abandoned):
    gone = replace(lock._this_process(), started="0")
    line, came = 0, True
    while came:
        folder = tmp_path / str(line)
        folder.mkdir()
        if abandoned:
            (folder / lock.NAME).write_text(json.dumps(asdict(gone)))
        came = signalled_at(line, folder)
        left = list(folder.iterdir())
        # that of the process that has gone, before it is taken over
        assert left in ([], [folder / lock.NAME])
        assert not left or lock._read(left[0]) == gone
        line += 1
    assert line > 40


def test_files_of_processes_that_were_killed_while_locking_are_removed(tmp_path):
    gone = replace(lock._this_process(), started="0")
    file = tmp_path / f"{lock.NAME}-0-1.2"
    file.write_text(json.dumps(asdict(gone)))
    # another process is just about to take the lock
    other = tmp_path / f"{lock.NAME}-0-1.3"
    other.write_text(json.dumps(asdict(lock._this_process())))
    with lock.locked(tmp_path, key="out"):
        assert sorted(tmp_path.iterdir()) == [tmp_path / lock.NAME, other]
