"""SIGTERM and Ctrl-C end a command with the codes that schedulers know."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SCRIPT = """
import sys, time
from pathlib import Path
from lungcam.cli.app import exit_codes
from lungcam.runtime.atomic import atomic_write

with exit_codes("train.py"), atomic_write(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    print("begun", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_unwinds_the_command(tmp_path, number, code):
    job = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "a.txt")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert job.stdout.readline() == "begun\n"
    job.send_signal(number)
    _, errors = job.communicate()
    assert job.returncode == code
    assert "Traceback" not in errors
    assert list(tmp_path.iterdir()) == []


def test_lightnings_exit_after_ctrl_c_has_its_code():
    body = (
        "import sys\nfrom lungcam.cli.app import exit_codes\n"
        "with exit_codes('train.py'):\n"
        "    try:\n        raise KeyboardInterrupt\n    except KeyboardInterrupt:\n"
        "        sys.exit(1)\n"
    )
    done = subprocess.run([sys.executable, "-c", body], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stderr) == (130, "")
