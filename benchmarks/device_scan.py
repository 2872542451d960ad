"""A whole scan on a device: prediction, search and commands, and equality with the CPU."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks import sample, searching, startup
from benchmarks.brief_training import train_briefly
from benchmarks.device import Plan
from benchmarks.markdown import digits, ratio_table, table
from benchmarks.measure import Times, alternate
from lungcam.cohorts import Sample
from lungcam.config.paths import find_checkpoint
from lungcam.evaluation.ensemble import load_ensemble
from lungcam.explain import peak_mm
from lungcam.inference.predict import ScanPrediction, predict_prepared
from lungcam.inference.prepare import prepare_scan
from lungcam.inference.search import Candidate
from lungcam.runtime.stopwatch import Stopwatch

NETS = {"small3d": ("model=small3d",), "nodule": searching.SETTINGS}
# tolerated difference from the CPU: of a logit, of a map as a share of its peak, of places in mm
LOGIT, SHARE, MM = 0.05, 0.02, 1.0
HOW = f"""\
## A whole scan

A phantom of {{matrix}} x {{matrix}} voxels per slice, read and prepared on the CPU, then predicted
and explained by nets that `train.py` has trained for an epoch on this device: `small3d` sees the
lungs at once, `nodule` searches them. Differences from the CPU: of the logit (tolerated: {LOGIT}),
of the heat-map as a share of its peak ({SHARE}), and the distance of the highest peaks ({MM} mm);
and the candidates that lie within {MM} mm and {LOGIT} of one on the CPU.
"""
COMMANDS = """\
## Commands

`infer.py` on the same phantom by `small3d`, from the shell's call to its end, without a picture.
"""


@dataclass(frozen=True)
class Predicted:
    """Prediction of a scan on a device, the times that it took, and the peak of memory in MiB."""

    answer: ScanPrediction
    times: Times
    peak: str


def section(plan: Plan) -> str:
    """Predict a phantom with each net, on the device and on the CPU.

    Returns:
        Markdown.
    """
    scan, rows, times = phantom(plan), [], {}
    for net in NETS:
        ckpt, on_cpu = trained(net, plan), f"{net}, on the CPU"
        cpu = predict(ckpt, scan, Plan(torch.device("cpu"), True, plan.folder))
        device = predict(ckpt, scan, plan)
        rows.append([net, *differences(device.answer, cpu.answer), device.peak])
        times |= {net: device.times, on_cpu: cpu.times}
    ckpt = trained("nodule", plan)
    times |= searching.measure(str(ckpt), str(scan), plan.device.type, plan.rounds)
    peers = {name: f"{net}, on the CPU" for net in NETS for name in (net, f"{net}, on the CPU")}
    peers |= dict.fromkeys((searching.OURS, searching.PEER), searching.PEER)
    head = ["", "logit", "map", "peaks, mm", "candidates", "within the tolerance", "peak, MiB"]
    compared = ratio_table({plan.device.type: times}, peers, ratio="times the peer")
    return f"{HOW.format(matrix=_matrix(plan))}\n{table(head, rows)}\n\n{compared}\n"


def predict(ckpt: Path, scan: Path, plan: Plan) -> Predicted:
    """Predict a scan several times, prepared once."""
    net = load_ensemble([find_checkpoint(ckpt)], plan.device)
    case = Sample(sample_id="scan", patient_id="scan", image=scan, label=None, label_source="")
    prepared = prepare_scan(case, net.transforms)
    answers: list[ScanPrediction] = []
    plan.reset_peak()
    times = alternate(
        {"prediction": lambda: answers.append(predict_prepared(net, prepared, watch=Stopwatch()))},
        plan.rounds,
    )
    return Predicted(answers[-1], times["prediction"], plan.peak_mib())


def differences(ours: ScanPrediction, theirs: ScanPrediction) -> list[str]:
    """Return the differences of logit, map and peak, the equal candidates, and the verdict."""
    logit = float(np.abs(ours.logits - theirs.logits).max())
    heat, expected = ours.heat.values, theirs.heat.values
    share = float(np.abs(heat - expected).max() / max(np.abs(expected).max(), 1e-6))
    places = [np.nan_to_num(peak_mm(x.heat.values, x.heat.cells)) for x in (ours, theirs)]
    mm = float(np.linalg.norm(places[0] - places[1]))
    wanted = theirs.candidates or ()
    same = sum(_is_among(candidate, ours.candidates or ()) for candidate in wanted)
    is_equal = logit <= LOGIT and share <= SHARE and mm <= MM and same == len(wanted)
    verdict = "yes" if is_equal else "NO"
    return [digits(logit), digits(share), digits(mm), f"{same} of {len(wanted)}", verdict]


def _is_among(candidate: Candidate, others: Sequence[Candidate]) -> bool:
    return any(
        np.linalg.norm(np.subtract(candidate.center_mm, other.center_mm)) <= MM
        and abs(candidate.logit - other.logit) <= LOGIT
        for other in others
    )


def commands(plan: Plan) -> str:
    """Time `infer.py` from its call to its end, with and without the device.

    Returns:
        Markdown.
    """
    ckpt, scan, calls = trained("small3d", plan), phantom(plan), {}
    for gpus in sorted({0, plan.gpus}):
        command = ["infer.py", f"ckpt={ckpt}", f"scan={scan}", f"out={plan.folder / 'out'}"]
        command += [f"gpus={gpus}", "picture=false"]
        calls[f"infer.py gpus={gpus}"] = partial(startup.run, command, plan.folder)
    calls[startup.PEER] = partial(startup.run, ["-c", startup.PEER], plan.folder)
    times = alternate(calls, 0 if plan.small else 2)
    peers = dict.fromkeys(times, startup.PEER)
    rows = ratio_table({plan.device.type: times}, peers, ratio=f"times `{startup.PEER}`")
    return f"{COMMANDS}\n{rows}\n"


def phantom(plan: Plan) -> Path:
    """Return the folder of a phantom's slices."""
    folder = plan.folder / "scan"
    if not folder.exists():
        sample.write_phantom(folder, _matrix(plan))
    return folder


def trained(net: str, plan: Plan) -> Path:
    """Return the run folder of a net that was trained for an epoch on the device."""
    run = plan.folder / net / "run"
    if not run.exists():
        settings = list(NETS[net])
        train_briefly(run.parent, *settings, f"trainer.gpus={plan.gpus}")
    return run


def _matrix(plan: Plan) -> int:
    return 96 if plan.small else 512
