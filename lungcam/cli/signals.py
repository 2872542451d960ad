"""SIGTERM, by which schedulers and containers end a process."""

import signal
import threading
from types import FrameType

TERMINATED = 128 + signal.SIGTERM


def end_on_sigterm() -> None:
    """Let SIGTERM unwind the process, so that nothing is left half-written, and end it with 143.

    A second signal ends it at once.
    """
    in_main = threading.current_thread() is threading.main_thread()
    if in_main and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _end)


def _end(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    raise SystemExit(TERMINATED)
