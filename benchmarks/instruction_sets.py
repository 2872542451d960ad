"""Measurements on all that the processor has, and held to AVX2, as most laptops are.

`python -m benchmarks.instruction_sets MODULE FUNCTION ARGUMENTS` measures in its own process, since
libraries choose their instructions when they are loaded, and prints JSON.
"""

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict

import numpy as np
import torch

from benchmarks.measure import ROOT, Results, Times, say

# torch's names of what it computes with
AVX512, AVX2 = "AVX512", "AVX2"
NAMES = {AVX512: "AVX-512", "DEFAULT": "the baseline"}


def on_each_set(measure: Callable[..., Mapping[str, Times]], **arguments: object) -> Results:
    """Measure on the processor's own instruction set, and on AVX2 if it has more.

    Args:
        measure: Function of a module below `benchmarks`.
        arguments: Its arguments, plain or paths.

    Returns:
        Its results by the name of the instruction set.
    """
    results = {}
    for name, limits in instruction_sets().items():
        say(f"{measure.__name__}: {name}")
        results[name] = measure_apart(measure, limits, **arguments)
    return results


def instruction_sets() -> dict[str, dict[str, str]]:
    """Return environment variables by the instruction set to which they hold a process."""
    own = torch.backends.cpu.get_cpu_capability()
    sets: dict[str, dict[str, str]] = {NAMES.get(own, own): {}}
    return sets | {AVX2: avx2_limits()} if own == AVX512 else sets


def avx2_limits() -> dict[str, str]:
    """Return the environment variables that hold torch, oneDNN, MKL, OpenBLAS and numpy to AVX2."""
    found = np.show_config("dicts")["SIMD Extensions"]["found"]
    beyond = [name for name in found if name == "X86_V4" or name.startswith(AVX512)]
    return {
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": AVX2,
        "DNNL_MAX_CPU_ISA": AVX2,
        "MKL_ENABLE_INSTRUCTIONS": AVX2,
        "OPENBLAS_CORETYPE": "Haswell",
        "NPY_DISABLE_CPU_FEATURES": " ".join(beyond),
    }


def measure_apart(
    measure: Callable[..., Mapping[str, Times]], limits: Mapping[str, str], **arguments: object
) -> dict[str, Times]:
    """Measure in a process of its own, with these environment variables."""
    # a module that was started with -m has another name
    module = measure.__globals__["__spec__"].name
    job = [module, measure.__name__, json.dumps(arguments, default=str)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.instruction_sets", *job],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | limits,
    )
    results = json.loads(done.stdout.splitlines()[-1])
    return {name: Times(**times) for name, times in results.items()}


def main(module: str, function: str, arguments: str) -> None:
    """Measure, and print the results as the last line."""
    measure = getattr(importlib.import_module(module), function)
    results = measure(**json.loads(arguments))
    print("\n" + json.dumps({name: asdict(times) for name, times in results.items()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
