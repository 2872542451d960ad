"""Process that has loaded torch and the other libraries, forked for each command of the tests.

Loading takes most of a small command's time. Otherwise a fork is like a new process: it has its own
working folder, output, arguments, exit code and exit handlers. tests/test_readme.py starts commands
in new processes.

Reads a JSON line for each command: script, arguments, cwd, out, err, environment; writes its exit
code.
"""

import atexit
import json
import os
import runpy
import sys
import threading
import traceback
from pathlib import Path


def load() -> None:
    """Load the modules that commands load late, of this checkout and not of an installed one."""
    sys.path.insert(0, str(Path(__file__).parents[2]))
    import lungcam.runs.infer
    import lungcam.runs.train  # noqa: F401


def become(
    script: str, arguments: list[str], cwd: str, out: str, err: str, environment: dict[str, str]
) -> int:
    """Run a command in this process as `python script arguments` would; return its exit code."""
    os.chdir(cwd)
    os.environ.update(environment)
    for stream, file in ((1, out), (2, err)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.argv[:] = [script, *arguments]
    sys.path[0] = os.path.dirname(script)
    code = 0
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:  # as Python treats an exception that is not caught
        traceback.print_exc()
        code = 1
    # in the order of an interpreter that ends: pools of processes are closed with the threads
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return code


def main() -> None:
    """Fork for each line of the standard input."""
    load()
    for line in sys.stdin:
        child = os.fork()
        if not child:
            os._exit(become(**json.loads(line)))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
