"""Lock of a folder: one process writes into it, and another learns which.

The lock is a file that names the process: host, process id, the time at which it started, and the
boot of the machine. On one machine a process is looked up: the lock of one that has ended is taken
over. On another machine none can be looked up. There the lock counts as abandoned once its file has
not been touched for ten minutes by the file system's own clock; the owner touches it every minute.
So on a shared file system a lock holds as far as the server makes files exclusively (NFS from
version 3 on) and times are its own; a machine that sleeps for ten minutes loses its lock.
"""

import json
import os
import secrets
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lungcam.errors import InputError

NAME = ".lungcam-lock"
TOUCH_S, ABANDONED_S = 60.0, 600.0
TRIES = 10
# part of the names of this process's own temporary files
PROCESS = secrets.token_hex(4)

# folders that this process has locked: a run inside a sweep, a fold inside a run
_held: set[Path] = set()


@dataclass(frozen=True, kw_only=True)
class Owner:
    """Process that holds a lock.

    Attributes:
        host: Name of its machine.
        pid: Its process id.
        started: Time at which it started, in the kernel's units; empty where it is unknown.
        boot: Identity of the machine's boot; empty where it is unknown.
        command: What it runs.
    """

    host: str
    pid: int
    started: str
    boot: str
    command: str

    def is_alive(self) -> bool | None:
        """Return True if the process runs, None if it cannot be known: it is another machine's."""
        if self.host != socket.gethostname():
            return None
        if self.boot != _boot():
            return False
        return _is_running(self.pid) and self.started == _started(self.pid)


@contextmanager
def locked(folder: Path, *, key: str) -> Iterator[None]:
    """Keep other processes of lungcam from writing into a folder during the block.

    Args:
        folder: Folder, which is made, and removed again if it stays empty.
        key: Setting that names it, for the message.

    Raises:
        InputError: Another process holds the lock; the message names it.
        OSError: The folder cannot be written.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    file = folder.resolve() / NAME
    if file in _held:
        yield
        return
    content = json.dumps(asdict(_this_process())).encode()
    done = threading.Event()
    try:
        try:
            _acquire(file, content, key=key)
            _held.add(file)
            threading.Thread(target=_touch, args=(file, done), daemon=True).start()
            _clear_temporaries(file)
            yield
        finally:
            _give_back(file, content, done, missing)
    except BaseException:
        # a signal may have come while the lock was taken or given back
        _give_back(file, content, done, missing)
        raise


def _give_back(file: Path, content: bytes, done: threading.Event, missing: Sequence[Path]) -> None:
    """Remove a lock, and the folders that were made for it, where nothing was written."""
    done.set()
    _held.discard(file)
    with suppress(OSError):
        # after a long sleep it may be another's
        if file.read_bytes() == content:
            file.unlink()
    for temporary in file.parent.glob(f"{_temporary(file).stem}.*"):
        temporary.unlink(missing_ok=True)
    with suppress(OSError):
        for path in missing:
            path.rmdir()


def _temporary(file: Path) -> Path:
    """Return a new name for a file of this process next to a lock."""
    return file.with_name(f"{NAME}-{PROCESS}-{os.getpid()}.{secrets.token_hex(4)}")


def _clear_temporaries(file: Path) -> None:
    """Remove what processes that were killed while they took the lock have left."""
    for temporary in file.parent.glob(f"{NAME}-*"):
        with suppress(OSError):
            owner = _read(temporary)
            age = file.stat().st_mtime - temporary.stat().st_mtime
            if age > ABANDONED_S or (owner is not None and owner.is_alive() is False):
                temporary.unlink()


def clear_abandoned(folder: Path) -> None:
    """Remove the locks of folders in a folder that processes have left which are gone."""
    for file in folder.glob(f"*/{NAME}"):
        owner = _read(file)
        if owner is not None and _is_abandoned(file, owner):
            _remove(file, owner)


def refuse_if_locked(folder: Path, *, key: str) -> None:
    """Refuse a folder into which another process is writing, without locking it.

    Args:
        folder: Folder, which may be missing.
        key: Setting that names it, for the message.

    Raises:
        InputError: Names the process.
    """
    file = folder.resolve() / NAME
    owner = _read(file)
    if file not in _held and owner is not None and not _is_abandoned(file, owner):
        raise _held_by(owner, folder, key=key)


def _held_by(owner: Owner, folder: Path, *, key: str) -> InputError:
    return InputError(
        f"{folder}: process {owner.pid} on {owner.host} is writing into it ({owner.command}); wait "
        f"for it, or give {key}= another folder."
    )


def _acquire(file: Path, content: bytes, *, key: str) -> None:
    """Make the file of the lock."""
    for _ in range(TRIES):
        if _make(file, content):
            return
        owner = _read(file)
        # it may just have been given back
        if owner is not None and not _is_abandoned(file, owner):
            raise _held_by(owner, file.parent, key=key)
        _remove(file, owner)
    raise InputError(
        f"{file}: the lock cannot be taken; delete this file if no process of lungcam runs."
    )


def _make(file: Path, content: bytes) -> bool:
    """Make a file that was not there; return False if it was. It is never seen half-written."""
    temporary = _temporary(file)
    try:
        temporary.write_bytes(content)
        os.link(temporary, file)
    except FileExistsError:
        return False
    except OSError:
        # a file system without hard links
        try:
            with file.open("xb") as stream:
                stream.write(content)
        except FileExistsError:
            return False
    finally:
        temporary.unlink(missing_ok=True)
    return True


def _remove(file: Path, owner: Owner | None) -> None:
    """Remove an abandoned lock, unless another process was faster and has its own there."""
    aside = _temporary(file)
    try:
        os.rename(file, aside)
        if _read(aside) != owner:
            with suppress(OSError):
                os.link(aside, file)
    except FileNotFoundError:
        return
    finally:
        aside.unlink(missing_ok=True)


def _is_abandoned(file: Path, owner: Owner) -> bool:
    alive = owner.is_alive()
    if alive is not None:
        return not alive
    probe = _temporary(file)
    try:
        probe.touch()
        now = probe.stat().st_mtime
    finally:
        probe.unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        return now - file.stat().st_mtime > ABANDONED_S
    return True


def _read(file: Path) -> Owner | None:
    """Read the owner of a lock; None if the file is gone or damaged."""
    with suppress(OSError, ValueError, TypeError, RecursionError):
        values: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        owner = Owner(**values)
        texts = (owner.host, owner.started, owner.boot, owner.command)
        if isinstance(owner.pid, int) and all(isinstance(text, str) for text in texts):
            return owner
    return None


def _this_process() -> Owner:
    pid = os.getpid()
    script = Path(sys.argv[0]).name if sys.argv and sys.argv[0] else "python"
    return Owner(
        host=socket.gethostname(),
        pid=pid,
        started=_started(pid),
        boot=_boot(),
        command=script,
    )


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _started(pid: int) -> str:
    """Return the time at which a process started, in ticks since the boot; empty if unknown.

    A process that has ended, and that its parent has not yet asked about, has none.
    """
    with suppress(OSError, IndexError):
        # the command's name in brackets may hold blanks
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "ended" if fields[0] in "ZX" else fields[19]
    return ""


def _boot() -> str:
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return ""


def _touch(file: Path, done: threading.Event) -> None:
    """Touch a lock from time to time, so that other machines see that it is held."""
    while not done.wait(TOUCH_S):
        with suppress(OSError):
            os.utime(file)
