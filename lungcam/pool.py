"""Work in several processes, with a progress bar, that can be stopped at any moment."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from typing import TypeVar

from tqdm import tqdm

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
