"""Training steps on a device: by setting, in larger batches, and how busy they keep it."""

import time
from collections.abc import Callable

import torch

from benchmarks import training_steps
from benchmarks.device import Plan
from benchmarks.markdown import digits, ratio_table, table
from benchmarks.measure import alternate

# larger batches than those configured, as multiples
FACTORS = (1, 4, 16)
# steps in a row on a card
STEPS = 20
HOW = """\
## Training steps

A step (forward, backward, AdamW) on a batch in the device's memory, by precision and memory format;
{count} in a row, then a wait for the device. Alternately; median (least-most).
"""
LARGER = """\
Samples a second in larger batches than those configured, at the default setting, and the peak of
the card's memory. *Computing*: share of the time in which the card runs a kernel; on the CPU, in
which it runs an operation.
"""


def section(plan: Plan) -> str:
    """Measure training steps at each setting, and in larger batches.

    Returns:
        Markdown.
    """
    count = STEPS if plan.gpus else 1
    device = plan.device.type
    results = {device: training_steps.measure(plan.rounds, device, count, plan.small)}
    peers = training_steps.peers()
    speeds = {name: digits(1 / results[device][name].median) for name in peers}
    rows = ratio_table(results, peers, ratio="times the default", more={"steps a second": speeds})
    head = ["", "samples a second", "peak, MiB", "computing"]
    larger = [
        _larger_batch(case.enlarged(factor), name, count, plan)
        for name, case in training_steps.cases(plan.small).items()
        for factor in (FACTORS[:1] if plan.small else FACTORS)
    ]
    verdict = training_steps.verdict(device, results)
    return f"{HOW.format(count=count)}\n{rows}\n\n{verdict}\n\n{LARGER}\n{table(head, larger)}\n"


def _larger_batch(case: training_steps.Case, name: str, count: int, plan: Plan) -> list[object]:
    setting = training_steps.default_setting(case, plan.device)
    steps = training_steps.Steps(case, *setting, device=plan.device, count=count)
    plan.reset_peak()
    seconds = alternate({name: steps}, plan.rounds)[name].divided(count).median
    peak, share = plan.peak_mib(), computing_share(steps, plan)
    return [f"{name}, {case.batch} in a batch", digits(case.batch / seconds), peak, f"{share:.0%}"]


def computing_share(call: Callable[[], object], plan: Plan) -> float:
    """Return the share of a call's time in which the device computes, by torch's profiler."""
    kinds = torch.profiler.ProfilerActivity
    with torch.profiler.profile(activities=[kinds.CUDA if plan.gpus else kinds.CPU]) as profile:
        begun = time.perf_counter()
        call()
        seconds = time.perf_counter() - begun
    total = "self_device_time_total" if plan.gpus else "self_cpu_time_total"
    return sum(getattr(event, total) for event in profile.key_averages()) / 1e6 / seconds
