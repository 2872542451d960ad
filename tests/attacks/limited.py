"""Process that does jobs under limits of memory and processor time, each in a child of its own.

A job is a line of JSON on standard input: `kind` and `path`. The answer is a line of JSON with the
outcome, or with the signal that ended the child. Everything slow is loaded once.
"""

import json
import os
import resource
import sys
from importlib import import_module
from pathlib import Path

MEMORY = 500 << 20
PROCESSOR_S = 5


def examine(path: str) -> dict:
    """Check a scan."""
    from lungcam.scans import check_scan

    check, scan = check_scan(path, whole_chest=False)
    return {
        "codes": [finding.code for finding in check.with_outcome("refused")],
        "line": check.line,
        "usable": scan is not None,
    }


def load(path: str) -> dict:
    """Load a checkpoint."""
    import torch

    from lungcam.errors import InputError
    from lungcam.evaluation.predictor import load_predictor

    try:
        load_predictor(Path(path), torch.device("cpu"))
    except InputError as error:
        return {"line": str(error), "usable": False}
    return {"line": "", "usable": True}


KINDS = {"scan": examine, "checkpoint": load}


def main() -> None:
    """Do the jobs that arrive until standard input ends."""
    import_module("lungcam.scans")
    if "checkpoint" in sys.argv[1:]:
        import_module("lungcam.evaluation.predictor")
        import_module("monai.networks.nets")
    for line in sys.stdin:
        job = json.loads(line)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            _limit()
            try:
                answer = KINDS[job["kind"]](job["path"])
            except BaseException as error:
                answer = {"line": f"{type(error).__name__}: {error}", "crash": True}
            answer["peak_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)
            answer["seconds"] = round(sum(os.times()[:2]), 2)
            os.write(writing, json.dumps(answer).encode())
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as stream:
            content = stream.read()
        _, status = os.waitpid(child, 0)
        answer = json.loads(content) if content else {"crash": True, "line": f"status {status}"}
        print(json.dumps(answer), flush=True)


def _limit() -> None:
    """Allow so much memory and processor time in addition to what is used already."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    used = pages * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_S, PROCESSOR_S))


if __name__ == "__main__":
    main()
