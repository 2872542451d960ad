"""Work in several processes, with a progress bar, that can be stopped at any moment."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed

from tqdm import tqdm


def processors() -> int:
    """Processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_all(
    work: Callable[..., None],
    jobs: Sequence[tuple],
    label: str,
    workers: int | None = None,
) -> None:
    """Call a function once for each job.

    On Ctrl-C or an error, what has begun is finished and the rest is left for the next time.

    Args:
        work: A module's function.
        jobs: Its arguments, a tuple a job.
        label: Stands beside the progress bar.
        workers: Processes; None for as many as there are processors, 1 for none beside this one.

    Raises:
        Exception: The first one that `work` raised.
    """
    workers = min(workers or processors(), len(jobs))
    if workers <= 1:
        for job in tqdm(jobs, desc=label, disable=not jobs):
            work(*job)
        return
    # children of a server of their own: one forked here would inherit the locks of torch's threads
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(workers, context, _begin) as pool:
        futures = [pool.submit(work, *job) for job in jobs]
        try:
            for future in tqdm(as_completed(futures), desc=label, total=len(jobs)):
                future.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _begin() -> None:
    """Leave Ctrl-C, which reaches every process of a terminal, to the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
