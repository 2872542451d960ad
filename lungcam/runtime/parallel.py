"""Work that other processes do ahead of this one; each result is given when its turn comes.

Work in several processes, with a progress bar, that can be stopped at any moment.
"""

import multiprocessing
import os
import pickle
import signal
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TypeVar

from tqdm import tqdm

from lungcam.errors import InputError

Result = TypeVar("Result")
# read by OpenMP and by numpy's OpenBLAS when they are loaded
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def processors() -> int:
    """Processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_all(
    work: Callable[..., Result],
    jobs: Sequence[tuple],
    *,
    label: str,
    workers: int | None = None,
) -> list[Result]:
    """Call a function once for each job.

    On Ctrl-C or an error, what has begun is finished and the rest is left for the next time.

    Args:
        work: A module's function.
        jobs: Its arguments, a tuple a job.
        label: Stands beside the progress bar.
        workers: Processes; None for as many as there are processors, 1 for none beside this one.

    Returns:
        What `work` gave, in the jobs' order.

    Raises:
        Exception: The first one that `work` raised.
    """
    workers = min(workers or processors(), len(jobs))
    if workers <= 1:
        return [work(*job) for job in tqdm(jobs, desc=label, disable=not jobs)]
    # children of a server of their own: one forked here would inherit the locks of torch's threads
    context = multiprocessing.get_context("forkserver")
    with one_thread_each(), ProcessPoolExecutor(workers, context, _begin) as pool:
        futures = [pool.submit(work, *job) for job in jobs]
        try:
            for future in tqdm(as_completed(futures), desc=label, total=len(jobs)):
                future.result()
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Let new processes compute on one thread: there is a process for each processor."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _begin() -> None:
    """Leave Ctrl-C, which reaches every process of a terminal, to the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


Result = TypeVar("Result")
DIED = (
    "the process that read it ended at once: the file is damaged in a way that its decoder does "
    "not survive, or the memory was not enough; check the file, or give it alone."
)
NO_MEMORY = "the memory is not enough for it; close other programs, or give it alone."


@dataclass(frozen=True)
class Failure:
    """A job without a result.

    Attributes:
        reason: In one line.
        trace: The traceback, where it is a defect of ours; None where the input is at fault.
    """

    reason: str
    trace: str | None = None


def attempt(
    work: Callable[..., Result], *job: object, fatal: tuple[type[Exception], ...] = ()
) -> Result | Failure:
    """Call a function; whatever goes wrong is told, so that the jobs behind it go on.

    Args:
        work: The function.
        *job: Its arguments.
        fatal: What is raised all the same, as it would meet the jobs behind it too.
    """
    try:
        return work(*job)
    except fatal:
        raise
    except InputError as error:
        return Failure(str(error))
    except MemoryError:
        return Failure(NO_MEMORY)
    except Exception as error:
        if isinstance(error, OSError) and error.filename is not None:
            return Failure(f"{error.filename}: {error.strerror}; check the path and its disk.")
        # torch has errors of its own for that
        if "OutOfMemory" in type(error).__name__ or "can't allocate memory" in str(error):
            return Failure(NO_MEMORY)
        first = (str(error).strip().splitlines() or [""])[0]
        return Failure(f"{type(error).__name__}: {first}".rstrip(": "), traceback.format_exc())


def work_ahead(
    work: Callable[..., Result], jobs: Iterable[tuple], *, workers: int
) -> Iterator[Result | Failure]:
    """Do jobs in other processes, one each, and give what became of them in the jobs' order.

    A process begins its next job when its last result has been taken: no more than one result for
    each process waits, however long the caller takes. One that ends in the middle of a job (a
    decoder's crash, the system's want of memory) costs this job alone, and another takes its place.
    When the caller is killed, they end too.

    Args:
        work: A module's function, or a `partial` of one; it and its results can be pickled.
        jobs: Its arguments, a tuple a job.
        workers: Processes, one thread each; 0: in this process, when the turn comes.

    Yields:
        What `work` gave, or a `Failure`.
    """
    if not workers:
        for job in jobs:
            yield attempt(work, *job)
        return
    waiting = iter(jobs)
    # as in `lungcam.runtime.parallel`; what all need is loaded once, by the server that
    # they come from
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([getattr(work, "func", work).__module__])
    packed = pickle.dumps(work)
    line: deque[_Worker] = deque()
    try:
        with one_thread_each():
            # the range first: else a job too many would be drawn
            for _, job in zip(range(workers), waiting, strict=False):
                line.append(_Worker(context, packed, job=job))
        while line:
            worker = line.popleft()
            result = worker.take()
            following = next(waiting, None)
            if following is None:
                worker.end()
            elif result is None:
                worker.end()
                line.append(_Worker(context, packed, job=following))
            else:
                worker.begin(following)
                line.append(worker)
            yield Failure(DIED) if result is None else result
    finally:
        for worker in line:
            worker.end()


class _Worker:
    """A process that does one job after the other.

    It has a pipe of its own, so that it is known in which job it died.
    """

    def __init__(self, context: multiprocessing.context.BaseContext, packed: bytes, *, job: tuple):
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, packed), daemon=True)
        self.process.start()
        theirs.close()
        self.begin(job)

    def begin(self, job: tuple) -> None:
        # where it is dead already, `take` finds that out
        with suppress(OSError):
            self.pipe.send_bytes(pickle.dumps(job))

    def take(self) -> object | None:
        """Wait for the result; None if the process died."""
        try:
            return pickle.loads(self.pipe.recv_bytes())
        except (EOFError, OSError):
            return None

    def end(self) -> None:
        self.pipe.close()
        self.process.kill()
        self.process.join()


def _serve(pipe: Connection, packed: bytes) -> None:
    """Do what the pipe asks for until nobody is at its other end."""
    # Ctrl-C reaches every process of a terminal, and is the parent's to answer
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    work = pickle.loads(packed)
    while True:
        try:
            job = pickle.loads(pipe.recv_bytes())
        except (EOFError, OSError):
            return
        result = attempt(work, *job)
        # plain pickling: torch's own would share memory, of which containers have little, and a
        # process that dies would take it along
        try:
            pipe.send_bytes(pickle.dumps(result, pickle.HIGHEST_PROTOCOL))
        except OSError:
            return
        del job, result
