"""Search of a whole scan for nodules, compared with a blob filter."""

import tempfile
from pathlib import Path

import torch

from benchmarks import sample
from benchmarks.brief_training import train_briefly
from benchmarks.instruction_sets import on_each_set
from benchmarks.markdown import ratio_table, ratios
from benchmarks.measure import Times, alternate
from lungcam.config.paths import find_checkpoint
from lungcam.detection.blobs import blob_scores, soft_tissue
from lungcam.detection.pyramid import pyramid
from lungcam.evaluation.ensemble import load_ensemble
from lungcam.inference.prepare import segment_search_region
from lungcam.inference.search import RATED, search_scan
from lungcam.scans import read_scan

ROUNDS, LIMIT_S = 5, 120
SETTINGS = ("view=nodule", "model=nodule")
OURS, PEER = "search", "blob filter"
HOW = f"""\
## What a search of a whole scan costs

The lungs of LIDC-IDRI-0001 are searched, and {RATED} candidates rated and explained by one net
(`model=nodule`). *{OURS.capitalize()}*: `lungcam.inference.search`, from a scan and its lungs in
memory to map and candidates. *{PEER.capitalize()}*: the textbook's filter at all levels of the
same scan, without a rating. Alternately; median (least-most) of {ROUNDS} calls after the first one,
of fewer if they take over {LIMIT_S} s in all.
"""


def measure(ckpt: str, scan: str, device: str = "cpu", rounds: int = ROUNDS) -> dict[str, Times]:
    """Time the search of a scan, and a blob filter.

    Args:
        ckpt: Folder of a run with `view=nodule`.
        scan: A whole chest.
        device: `cpu` or `cuda`.
        rounds: Timed calls of each, after a first one.
    """
    net = load_ensemble([find_checkpoint(Path(ckpt))], torch.device(device))
    read = read_scan(Path(scan))
    masks = segment_search_region(read)

    def search() -> None:
        search_scan(net, read, searched=masks["mask"], lungs=masks["lungs"])

    def blobs() -> None:
        for level in pyramid(read, masks["mask"]):
            blob_scores(soft_tissue(level.hu), level.searched)

    return alternate({OURS: search, PEER: blobs}, rounds, limit_s=LIMIT_S)


def section(data: Path) -> str:
    """Measure on a real scan.

    Args:
        data: Folder of the sample data.

    Returns:
        Markdown.
    """
    scan = sample.read(data, sample.LIDC).source
    with tempfile.TemporaryDirectory(prefix="trained-") as folder:
        ckpt = train_briefly(Path(folder), *SETTINGS)
        results = on_each_set(measure, ckpt=ckpt, scan=scan)
    rows = ratio_table(results, {OURS: PEER, PEER: PEER}, ratio="times the blob filter")
    return f"{HOW}\n{rows}\n\nA search takes {ratios(results, OURS, PEER)} as long.\n"


if __name__ == "__main__":
    sample.script(section, __doc__)
