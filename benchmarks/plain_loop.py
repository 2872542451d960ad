"""Plain loop over scans: `python -m benchmarks.plain_loop CKPT FOLDER_OR_TABLE OUT`."""

import sys
from pathlib import Path

import torch

from lungcam.cohorts import Sample
from lungcam.cohorts.table import read_samples
from lungcam.config.paths import find_checkpoint
from lungcam.errors import InputError
from lungcam.evaluation.ensemble import load_ensemble
from lungcam.inference.prepare import prepare_scan
from lungcam.inference.requested_outputs import RequestedOutputs
from lungcam.inference.scan import predict_scan
from lungcam.scans import discover


def main(ckpt: Path, scan: Path, out: Path) -> None:
    """Read, predict and write one scan after the other."""
    net = load_ensemble([find_checkpoint(ckpt)], torch.device("cpu"))
    if scan.suffix == ".csv":
        samples, _ = read_samples(scan, **net.table)
    else:
        samples = [
            Sample(
                sample_id=source.name,
                patient_id=source.name,
                image=source.path,
                label=None,
                label_source="",
            )
            for source in discover(scan)
        ]
    for sample in samples:
        try:
            predict_scan(
                net,
                prepare_scan(sample, net.transforms),
                sample=sample,
                folder=out / sample.sample_id,
                outputs=RequestedOutputs(masks=False, picture=False),
                request="",
            )
        except InputError as error:
            print(error)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
