"""Weights in the box: the nets that `ckpt=lidc` names, trained from the sample data.

`python -m benchmarks.weights DATA OUT` trains the detector and the nets that rate malignancy with
fixed seeds, into run folders below OUT, and writes `lungcam/weights/*.ckpt` and the list of the
series that they have seen. `make weights` calls it.
"""

import csv
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

from benchmarks.contours import rtstruct_regions, voc_boxes
from benchmarks.measure import ROOT, say
from benchmarks.sample import CIP, LIDC, LUNG_DX, LUNG_DX_BOXES, find
from lungcam.config.paths import WEIGHTS, find_checkpoints
from lungcam.data import series_hashes
from lungcam.evaluation.track_record import POOLED, TRAINING, score_record
from lungcam.grid import lps_columns
from lungcam.runtime.atomic import atomic_write
from lungcam.scans import Scan, read_scan, write_volume
from lungcam.tasks import Malignancy
from lungcam.training.checkpoint import METADATA_KEY, load_checkpoint

DETECTOR = "lidc_detector.ckpt"
CARDS = ROOT / "docs" / "models"
SERIES, DIGESTS = CARDS / "lidc_series.csv", CARDS / "digests.csv"
LUNG_4D = "lung_4d/113_HM10395"
LUNG_4D_ROIS = ("Tumor_c40", "LN_c40")
NODULES = "lidc_nodules/nodules.csv"
# the data set of that table, as the checkpoints name it
COHORT = "LIDC-IDRI (crops of nodules)"
COLUMNS = ("sample_id", "patient_id", "image", "coordX", "coordY", "coordZ", "diameter_mm", "mask")


def scans_table(data: Path, folder: Path) -> Path:
    """Write the table of the whole scans and their lesions.

    Args:
        data: Folder of the sample data.
        folder: Folder of the table and of the lesions' masks.

    Returns:
        The table, as `detection.scans` takes it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = [_lidc_row(data)]
    scan = read_scan(find(data, LUNG_4D) / "ct")
    contours = rtstruct_regions(scan, next((data / LUNG_4D / "rtstruct").glob("*.dcm")))
    for name in LUNG_4D_ROIS:
        rows.append(_mask_row(scan, contours[name], folder=folder, name=f"HM10395-{name}"))
    scan = read_scan(find(data, LUNG_DX))
    boxes, _ = voc_boxes(scan, find(data, LUNG_DX_BOXES))
    rows.append(_mask_row(scan, boxes, folder=folder, name="A0002-mass"))
    rows.append({"sample_id": "ct-64", "patient_id": "cip-ct-64", "image": find(data, CIP)})
    with (folder / "scans.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return folder / "scans.csv"


def _lidc_row(data: Path) -> dict[str, object]:
    """Return the row of LIDC-IDRI-0001's nodule."""
    scan = read_scan(find(data, LIDC))
    with find(data, NODULES).open(newline="", encoding="utf-8") as stream:
        (nodule,) = (row for row in csv.DictReader(stream) if row["seriesuid"] == scan.series_uid)
    copied = {name: nodule[name] for name in ("coordX", "coordY", "coordZ", "diameter_mm")}
    name = nodule["patient_id"]
    return {"sample_id": name, "patient_id": name, "image": scan.source, **copied}


def _mask_row(scan: Scan, lesion: np.ndarray, *, folder: Path, name: str) -> dict[str, object]:
    """Write the mask of a lesion, and return its row."""
    mask = folder / f"{name}.nii.gz"
    write_volume(mask, lesion.astype(np.uint8), grid=scan.grid)
    center_mm = scan.grid.to_world(np.argwhere(lesion).mean(axis=0))
    return {
        "sample_id": name,
        "patient_id": name.partition("-")[0],
        "image": scan.source,
        "mask": mask.name,
        **lps_columns("coord", center_mm),
    }


def make(data: Path, folder: Path) -> None:
    """Train all nets, and write them and the list of their series.

    Args:
        data: Folder of the sample data.
        folder: Folder of the run folders.
    """
    table = scans_table(data, folder / "scans")
    nodules = f"data.table={find(data, NODULES)}"
    _train(folder / "detector", "experiment=lidc_detect", nodules, f"detection.scans={table}")
    _train(folder / "nodules", "experiment=lidc_nodules", nodules, "cv.folds=5")
    ship(folder / "detector", folder / "nodules", data)


def ship(detector: Path, nodules: Path, data: Path) -> None:
    """Write the weights of finished runs, and the list of the series that they have seen.

    Args:
        detector: Run folder of the detector.
        nodules: Folder of the cross-validation of the nets that rate.
        data: Folder of the sample data.
    """
    series = series_seen(data)
    WEIGHTS.mkdir(exist_ok=True)
    _slim(detector / "checkpoints" / "best.ckpt", WEIGHTS / DETECTOR, series=series_hashes(series))
    figures = json.loads((nodules / "metrics.json").read_text(encoding="utf-8"))["test"]
    pooled = score_record(Malignancy(), figures, folds=figures["folds"]["count"])
    for number, file in enumerate(find_checkpoints(str(nodules))):
        training = load_checkpoint(file)[METADATA_KEY][TRAINING] | {"cohort": COHORT}
        more = {"figures": figures, TRAINING: training, POOLED: pooled}
        _slim(file, WEIGHTS / f"lidc_nodule_{number}.ckpt", **more)
    with SERIES.open("w", newline="", encoding="utf-8") as stream:
        stream.write("series_uid\n" + "".join(f"{uid}\n" for uid in series))
    files = sorted(WEIGHTS.glob("*.ckpt"))
    rows = [f"{file.name},{hashlib.sha256(file.read_bytes()).hexdigest()}\n" for file in files]
    DIGESTS.write_text("file,sha256\n" + "".join(rows), encoding="utf-8")
    size = sum(file.stat().st_size for file in files)
    print(f"{WEIGHTS}: {size / 1e6:.2f} MB")


def series_seen(data: Path) -> list[str]:
    """Return the UIDs of all series that were learnt from, whole or in part."""
    with find(data, NODULES).open(newline="", encoding="utf-8") as stream:
        seen = {row["seriesuid"] for row in csv.DictReader(stream)}
    for path in (find(data, LIDC), find(data, LUNG_4D) / "ct", find(data, LUNG_DX)):
        seen.add(read_scan(path).series_uid)
    return sorted(seen)


def _train(folder: Path, *settings: str) -> None:
    say(f"training {folder.name}")
    command = [sys.executable, "train.py", *settings, f"hydra.run.dir={folder}", "logger=csv"]
    subprocess.run(command, cwd=ROOT, check=True)


def _slim(source: Path, target: Path, **metadata: object) -> None:
    """Copy the weights, in half precision, and the metadata of a checkpoint, with some more."""
    checkpoint = load_checkpoint(source)
    state = {
        name: tensor.half() if tensor.is_floating_point() else tensor
        for name, tensor in checkpoint["state_dict"].items()
    }
    carried = {**checkpoint[METADATA_KEY], **metadata}
    with atomic_write(target) as temporary:
        torch.save({"state_dict": state, METADATA_KEY: carried}, temporary)


if __name__ == "__main__":
    make(Path(sys.argv[1]), Path(sys.argv[2]))
