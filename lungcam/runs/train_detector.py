"""Training of a detector, from the configuration to metrics.json."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
from pytorch_lightning.loggers import Logger

from lungcam import RESEARCH_USE_ONLY
from lungcam.cohorts import Sample
from lungcam.cohorts.compose import compose_cohort
from lungcam.config.instantiate import composed_targets, instantiate
from lungcam.data import series_hashes, write_manifest
from lungcam.data.annotated_lesions import annotated_lesions
from lungcam.detection.calibration import fit_calibration
from lungcam.detection.checkpoint import save_detector
from lungcam.detection.crops import read_crop
from lungcam.detection.dataset import CubeData
from lungcam.detection.detector import Detection, detect
from lungcam.detection.froc import recall_table, search_crop
from lungcam.detection.module import DetectorModule
from lungcam.detection.pyramid import Level
from lungcam.evaluation.candidate_sources import NET
from lungcam.evaluation.searched_scans import BLOB, search_scans
from lungcam.grid import Grid
from lungcam.metrics.summary import with_interval
from lungcam.nets import DetectorNet
from lungcam.runs.detector_data import DetectorData, crops_and_table, whole_scans
from lungcam.runtime.atomic import write_json
from lungcam.runtime.distributed import rank
from lungcam.runtime.precision import FULL
from lungcam.runtime.versions import versions
from lungcam.training.loggers import log_configuration, log_results
from lungcam.training.trainer import make_trainer

# candidates of a searched scan that metrics.json lists
LISTED = 20


def train_detector(nodes: dict[str, Any], folder: Path, *, loggers: Sequence[Logger]) -> float:
    """Train a detector, and measure it on crops and scans of other patients.

    Args:
        nodes: Plain configuration, with task=detection.
        folder: The run folder.
        loggers: Loggers.

    Returns:
        Recall at 4 false positives a litre on the test crops, or the CPM of the cohort's searched
        scans, for sweeps to maximise.

    Raises:
        InputError: The configuration or the data is at fault.
    """
    pl.seed_everything(nodes["seed"], workers=True, verbose=False)
    net = instantiate(nodes["model"], "model", allowed=composed_targets())
    cohort = compose_cohort(nodes["data"], allowed=composed_targets())
    read = whole_scans if nodes["detection"]["scans"] is None else crops_and_table
    data = read(nodes, cohort.samples)
    learnt = data.splits["train"]
    print(f"{len(data.crops)} nodules to learn from, of {len(learnt)} samples.")
    write_manifest(folder / "splits.csv", data.splits, pixels={})
    log_configuration(loggers, nodes, folder=folder)
    module = _fit(net, nodes, folder, data=data, loggers=loggers)
    if data.whole:
        figures = _measure_scans(module.net, data, folder=folder)
    else:
        figures = _measure(module.net, data)
    save_detector(
        folder / "checkpoints" / "best.ckpt",
        module.net,
        metadata={
            "config": nodes,
            "calibration": figures["calibration"],
            "figures": figures,
            "pixels": list(data.pixels),
            "series": series_hashes(sample.series_uid for sample in learnt),
            "versions": versions(),
        },
    )
    log_results(loggers, figures, folder / "report.html")
    # written last: its presence marks a run as finished
    write_json(folder / "metrics.json", figures)
    _print(figures, folder)
    if data.whole:
        return float(figures["searched"]["sources"]["net"]["cpm"] or 0.0)
    everything = figures["crops"][-1] if figures["crops"] else {}
    return float(everything.get("recall_at_4", 0.0))


def _fit(
    net: DetectorNet,
    nodes: Mapping[str, Any],
    folder: Path,
    *,
    data: DetectorData,
    loggers: Sequence[Logger],
) -> DetectorModule:
    """Train the net to the last epoch."""
    options = nodes["detection"]
    make = {
        name: instantiate(nodes[name], name, allowed=composed_targets())
        for name in ("optimizer", "scheduler")
    }
    module = DetectorModule(net, **make)
    cubes = CubeData(
        data.crops,
        data.hosts_of,
        mined=options["mined"],
        cubes=options["cubes"],
        **nodes["loader"],
        seed=nodes["seed"],
    )
    settings = dict(nodes["trainer"], precision=FULL, reload_dataloaders_every_n_epochs=1)
    trainer = make_trainer(settings, folder, logger=loggers, callbacks=[])
    trainer.fit(module, datamodule=cubes)
    module.net.eval()
    return module


def _measure(net: DetectorNet, data: DetectorData) -> dict[str, Any]:
    """Search the crops of the test, and the scans that were left out."""
    results = [search_crop(net, read_crop(sample)) for sample in data.tested]
    searched = {}
    for scan in data.searched:
        levels = scan.levels()
        detections, _ = detect(net, levels)
        searched[scan.samples[0].sample_id] = _rank(detections, scan.samples, levels=levels)
    litres = sum(result.litres for result in results)
    calibration = fit_calibration(
        np.array([result.logit for result in results]),
        np.array([logit for result in results for logit in result.others]),
        litres=litres,
    )
    return {
        "crops": recall_table(results),
        "litres": round(litres, 4),
        "scans": searched,
        "calibration": asdict(calibration),
    }


def _measure_scans(net: DetectorNet, data: DetectorData, *, folder: Path) -> dict[str, Any]:
    """Search the scans of a cohort's test split."""
    figures, nodules, others = search_scans(
        net,
        [(scan.samples[0], scan.levels) for scan in data.searched],
        candidates=folder / "candidates.csv",
    )
    calibration = fit_calibration(nodules, others, litres=None)
    return {"crops": [], "scans": {}, "searched": figures, "calibration": asdict(calibration)}


def _rank(
    detections: Sequence[Detection], samples: Sequence[Sample], *, levels: Sequence[Level]
) -> dict[str, Any]:
    """Say at which candidates the lesions of a scan are found."""
    grid = levels[0].grid
    ranks: dict[str, list[int]] = {}
    for sample in samples:
        for lesion in annotated_lesions(sample, grid):
            inside = [_is_in(lesion, candidate, grid) for candidate in detections]
            ranks[sample.sample_id] = [int(k) + 1 for k in np.flatnonzero(inside)[:3]]
    listed = [
        {
            "center_mm": [round(x, 1) for x in place.center_mm],
            "logit": round(place.logit, 3),
            "spacing_mm": place.spacing_mm,
        }
        for place in detections[:LISTED]
    ]
    return {"ranks": ranks, "candidates": listed}


def _is_in(lesion: np.ndarray, candidate: Detection, grid: Grid) -> bool:
    index = np.rint(grid.to_index(np.array(candidate.center_mm))).astype(int)
    return bool(lesion[tuple(np.clip(index, 0, np.array(lesion.shape) - 1))])


def _print(figures: Mapping[str, Any], folder: Path) -> None:
    if rank() > 0:
        return
    for row in figures["crops"]:
        shares = ", ".join(f"{row[f'recall_at_{k}']:.3f} at {k}" for k in (1, 4, 8))
        print(f"{row['mm']} mm, {row['nodules']} nodules: found {shares} false positives a litre")
    if searched := figures.get("searched"):
        net, blob = (searched["sources"][name] for name in (NET, BLOB))
        print(
            f"{searched['n_scans']} searched scans with {searched['n_nodules']} nodules: CPM "
            f"{with_interval(net['cpm'] or 0.0, net['cpm_ci95'])}; blob filter alone "
            f"{blob['cpm'] or 0.0:.3f}"
        )
    for name, scan in figures["scans"].items():
        for lesion, ranks in scan["ranks"].items():
            print(f"{name}, {lesion}: candidate {', '.join(map(str, ranks)) or 'none'}")
    print(f"results: {folder}")
    print(RESEARCH_USE_ONLY)
