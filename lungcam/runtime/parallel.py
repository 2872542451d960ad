"""Work in several processes, each on one thread."""

import multiprocessing
import os
import pickle
import signal
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from multiprocessing.connection import Connection, wait
from typing import TypeVar

from tqdm import tqdm

from lungcam.errors import InputError, plain_text

Result = TypeVar("Result")
# read by OpenMP and by numpy's OpenBLAS when they are loaded
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
DIED = (
    "the process that read it ended at once: the file is damaged in a way that its decoder does "
    "not survive, or the memory was not enough; check the file, or give it alone."
)
NO_MEMORY = "the memory is not enough for it; close other programs, or give it alone."


@dataclass(frozen=True)
class Failure:
    """A job without a result.

    Attributes:
        reason: One line of plain text.
        trace: Traceback of a defect of lungcam; None where the input is at fault.
    """

    reason: str
    trace: str | None = None


def run_all(
    work: Callable[..., Result],
    jobs: Sequence[tuple],
    *,
    label: str,
    workers: int | None = None,
    lenient: bool = False,
) -> list[Result | Failure]:
    """Call a function once for each job, with a progress bar.

    On Ctrl-C or an error, the jobs that have begun are finished and the others are not started.

    Args:
        work: Function of a module, or a `partial` of one; it and its results can be pickled.
        jobs: Its arguments, a tuple for each job.
        label: Text of the progress bar.
        workers: Number of processes; None for as many as there are processors, 1 to work in this
            process.
        lenient: True to continue after a job in which the process died, as by a crash of a decoder,
            or the memory was not enough; its result is a `Failure`.

    Returns:
        Results of `work`, in the order of the jobs.

    Raises:
        BrokenProcessPool: A process died in the middle of a job.
        Exception: The first one that `work` raised.
    """
    workers = min(workers or processors(), len(jobs))
    if lenient:
        work = partial(_within_memory, work)
    if workers <= 1:
        return [work(*job) for job in tqdm(jobs, desc=label, disable=not jobs)]
    results: dict[int, Result] = {}
    busy: dict[Connection, tuple[_Worker, int]] = {}
    remaining = iter(enumerate(jobs))

    def begin(worker: _Worker) -> None:
        for number, job in islice(remaining, 1):
            worker.begin(job)
            busy[worker.pipe] = worker, number

    with _worker_pool(work, workers, module=_module_of(work)) as pool:
        try:
            with tqdm(desc=label, total=len(jobs)) as bar:
                for worker in pool:
                    begin(worker)
                while busy:
                    for pipe in wait(list(busy)):
                        worker, number = busy.pop(pipe)
                        try:
                            results[number] = worker.take()
                        except BrokenProcessPool:
                            if not lenient:
                                raise
                            results[number] = Failure(DIED)
                        bar.update()
                        begin(worker)
        except BaseException:
            # let the jobs that have begun finish
            for pipe in busy:
                wait([pipe])
            raise
    return [results[number] for number in range(len(jobs))]


def work_ahead(
    work: Callable[..., Result], jobs: Iterable[tuple], *, workers: int
) -> Iterator[Result | Failure]:
    """Do jobs in other processes while the caller uses the results.

    A process begins its next job when its last result has been taken: no more than one result per
    process waits, however long the caller takes. A process that dies in the middle of a job (a
    crash of a decoder, memory that runs out) costs this job alone, and another takes its place.
    When the caller is killed, the processes end too.

    Args:
        work: Function of a module, or a `partial` of one; it and its results can be pickled.
        jobs: Its arguments, a tuple for each job.
        workers: Number of processes; 0 to do each job in this process when its result is taken.

    Yields:
        Result of `work` or a `Failure`, in the order of the jobs.
    """
    if not workers:
        for job in jobs:
            yield attempt(work, *job)
        return
    remaining = iter(jobs)
    queue: deque[_Worker] = deque()
    with _worker_pool(partial(attempt, work), workers, module=_module_of(work)) as pool:
        # the pool first: otherwise one job too many would be drawn
        for worker, job in zip(pool, remaining, strict=False):
            worker.begin(job)
            queue.append(worker)
        while queue:
            worker = queue.popleft()
            try:
                result = worker.take()
            except BrokenProcessPool:
                result = Failure(DIED)
            following = next(remaining, None)
            if following is None:
                worker.end()
            else:
                worker.begin(following)
                queue.append(worker)
            yield result


def _within_memory(work: Callable[..., Result], *job: object) -> Result | Failure:
    """Call a function; return a `Failure` if the memory is not enough."""
    try:
        return work(*job)
    except Exception as error:
        if _lacks_memory(error):
            return Failure(NO_MEMORY)
        raise


def _lacks_memory(error: Exception) -> bool:
    # torch raises errors of its own
    return (
        isinstance(error, MemoryError)
        or "OutOfMemory" in type(error).__name__
        or "can't allocate memory" in str(error)
    )


def attempt(
    work: Callable[..., Result], *job: object, fatal: tuple[type[Exception], ...] = ()
) -> Result | Failure:
    """Call a function and turn an error into a `Failure`, so that the next jobs continue.

    Args:
        work: Function to call.
        *job: Its arguments.
        fatal: Errors to raise all the same, because the next jobs would meet them too.
    """
    try:
        return work(*job)
    except fatal:
        raise
    except InputError as error:
        return Failure(str(error))
    except Exception as error:
        if _lacks_memory(error):
            return Failure(NO_MEMORY)
        if isinstance(error, OSError) and error.filename is not None:
            place = plain_text(os.fsdecode(error.filename))
            return Failure(f"{place}: {error.strerror}; check the path and its disk.")
        first = (str(error).strip().splitlines() or [""])[0]
        reason = plain_text(f"{type(error).__name__}: {first}".rstrip(": "))
        return Failure(reason, traceback.format_exc())


def processors() -> int:
    """Return the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def _worker_pool(work: Callable, count: int, *, module: str) -> Iterator[list["_Worker"]]:
    """Yield workers that call `work`, and end their processes after the block.

    Args:
        work: Function to call for each job.
        count: Number of workers.
        module: Module that each process needs; it is loaded once.
    """
    # a server's children: a fork of this process would inherit the locks of torch's threads
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([module])
    packed = pickle.dumps(work)
    pool = [_Worker(context, packed) for _ in range(count)]
    try:
        yield pool
    finally:
        for worker in pool:
            worker.end()


def _module_of(work: Callable) -> str:
    while isinstance(work, partial):
        # the last argument of a wrapper is what it wraps
        work = work.args[0] if work.func is _within_memory else work.func
    return work.__module__


class _Worker:
    """A process that does one job after the other.

    Its own pipe shows in which job it died.

    Args:
        context: Way in which the process is started.
        packed: Pickled function to call for each job.
    """

    def __init__(self, context: multiprocessing.context.BaseContext, packed: bytes) -> None:
        self.context, self.packed = context, packed
        self.process: multiprocessing.process.BaseProcess | None = None

    def begin(self, job: tuple) -> None:
        """Send a job to the process; start the process if there is none."""
        if self.process is None:
            self._start()
        # if it is dead already, `take` finds out
        with suppress(OSError):
            self.pipe.send_bytes(pickle.dumps(job))

    def take(self) -> object:
        """Wait for the result.

        Raises:
            BrokenProcessPool: The process died; the next job gets a new one.
            Exception: Raised by the job, with the traceback of the process as a note.
        """
        try:
            result, error = pickle.loads(self.pipe.recv_bytes())
        except (EOFError, OSError) as lost:
            self.end()
            raise BrokenProcessPool("A process ended in the middle of its job.") from lost
        if error is not None:
            raise error
        return result

    def end(self) -> None:
        """Stop the process, if there is one."""
        if self.process is not None:
            self.pipe.close()
            self.process.kill()
            self.process.join()
            self.process = None

    def _start(self) -> None:
        self.pipe, far_end = self.context.Pipe()
        process = self.context.Process(target=_serve, args=(far_end, self.packed), daemon=True)
        with _one_thread_each():
            process.start()
        self.process = process
        far_end.close()


@contextmanager
def _one_thread_each() -> Iterator[None]:
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


def _serve(pipe: Connection, packed: bytes) -> None:
    """Do the jobs that arrive at a pipe until its other end is closed."""
    # Ctrl-C reaches every process of a terminal; the parent handles it
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # and SIGTERM often every process of a job
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    work = pickle.loads(packed)
    while True:
        try:
            job = pickle.loads(pipe.recv_bytes())
        except (EOFError, OSError):
            return
        result = failure = None
        try:
            result = work(*job)
        except Exception as error:
            error.add_note(f"In another process:\n{traceback.format_exc()}")
            failure = error
        # plain pickling: torch's own would share memory, which containers have little of and
        # which a process that dies would take along
        answer = pickle.dumps((result, failure), pickle.HIGHEST_PROTOCOL)
        try:
            pipe.send_bytes(answer)
        except OSError:
            return
        del job, result, failure, answer
