"""A failed run of a sweep says so at once."""

import sys
import traceback
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig

from lungcam.files import write_text
from lungcam.sweeps.trial import one_line


class TellFailure(Callback):
    """Tells a sweep's failed run in one line and keeps its traceback as error.txt in its folder.

    It runs where the run does: a launcher's workers bring back the error, but not its traceback.
    """

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Tell and keep what went wrong, if anything did."""
        if config.hydra.mode != RunMode.MULTIRUN or job_return.status is not JobStatus.FAILED:
            return
        error = job_return._return_value  # its property raises it
        file = Path(config.hydra.runtime.output_dir) / "error.txt"
        write_text(file, "".join(traceback.format_exception(error)))
        print(f"job {config.hydra.job.num} failed: {one_line(error)}", file=sys.stderr, flush=True)
