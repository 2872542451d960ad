"""All that is to be learnt about lungcam on a graphics card, in five minutes.

`python -m benchmarks.gpu --out FOLDER` writes FOLDER/gpu.md part by part, so that what was measured
stays if the time runs out. `--device cpu --small` runs everything at small size without a card.
"""

import argparse
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks import device_epoch, device_equality, device_scan, device_training, explaining
from benchmarks.device import Plan
from benchmarks.machine import machine
from benchmarks.markdown import ratio_table
from benchmarks.measure import say
from lungcam.runtime.atomic import write_text

FILE = "gpu.md"
EXPLANATIONS = """\
## Explanations

Grad-CAMs of one scan at `view=lungs`, as in BENCHMARKS.md.
"""


def main(arguments: list[str] | None = None) -> None:
    """Run all parts; exit with 1 if one of them fails."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help=f"folder of {FILE}")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--small", action="store_true", help="small sizes, to see that it runs")
    parser.add_argument("--minutes", type=float, default=5, help="begin no part after these")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="gpu-") as name:
        plan = Plan(torch.device(given.device), given.small, Path(name))
        failures = run(plan, given.out / FILE, seconds=60 * given.minutes)
    sys.exit(1 if failures else 0)


def parts() -> dict[str, Callable[[Plan], str]]:
    """Return the parts by name, the most important first."""
    return {
        "Equality with the CPU": device_equality.section,
        "Training steps": device_training.section,
        "Epochs from the cache": device_epoch.section,
        "Explanations": explanations,
        "A whole scan": device_scan.section,
        "Commands": device_scan.commands,
    }


def run(plan: Plan, file: Path, *, seconds: float) -> int:
    """Write a file with a section for each part, after each; return the number of failures."""
    begun, sections, failures = time.perf_counter(), [head(plan)], 0
    for name, part in parts().items():
        spent = time.perf_counter() - begun
        if spent > seconds:
            sections.append(f"## {name}\n\nLeft out: {seconds:.0f} s were over.\n")
        else:
            try:
                sections.append(part(plan))
            except Exception:  # the other parts are worth having
                failures += 1
                error = traceback.format_exc(limit=-3)
                sections.append(f"## {name}\n\nFailed:\n\n```\n{error}```\n")
            took = time.perf_counter() - begun - spent
            sections[-1] += f"\nThis part took {took:.0f} s.\n"
        say(sections[-1])
        write_text(file, "\n".join(sections))
    return failures


def head(plan: Plan) -> str:
    """Describe machine and device."""
    device = "- Device: the CPU"
    if plan.gpus:
        card = torch.cuda.get_device_properties(0)
        device = (
            f"- Card: {card.name}, compute capability {card.major}.{card.minor}, "
            f"{card.multi_processor_count} multiprocessors, {card.total_memory / 2**30:.0f} GiB; "
            f"CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}"
        )
    return f"# lungcam on a device\n\n{machine()}\n{device}\n"


def explanations(plan: Plan) -> str:
    """Measure Grad-CAMs and forward passes.

    Returns:
        Markdown.
    """
    device = plan.device.type
    results = {device: explaining.measure(0 if plan.small else explaining.ROUNDS, device)}
    rows = ratio_table(results, explaining.peers(), ratio="times a forward pass")
    return f"{EXPLANATIONS}\n{rows}\n"


if __name__ == "__main__":
    main()
