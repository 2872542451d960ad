"""Search of a whole scan for nodules, compared with forward passes of its windows alone."""

import tempfile
from pathlib import Path

import torch

from benchmarks import sample
from benchmarks.brief_training import train_briefly
from benchmarks.instruction_sets import on_each_set
from benchmarks.markdown import ratio_table, ratios
from benchmarks.measure import Times, alternate, say
from lungcam.evaluation.predictor import load_predictor
from lungcam.inference.prepare import segment_search_region
from lungcam.inference.search import BATCH, search_scan
from lungcam.scans import read_scan
from lungcam.training.checkpoint import find_checkpoint
from lungcam.transforms import NoduleView

ROUNDS, LIMIT_S = 5, 60
SETTINGS = ("view=nodule", "model=nodule")
OURS, PEER = "search", "forward passes of the windows"
HOW = f"""\
## What a search of a whole scan costs

`model=nodule` searches the lungs of LIDC-IDRI-0001, with windows of 32 x 32 x 32 mm, 12 mm apart.
*{OURS.capitalize()}*: `lungcam.inference.search`, from a scan and its lungs in memory to the map
and 20 candidates with their logits. *{PEER.capitalize()}*: the same number of cubes that are
already in memory, in batches of {BATCH} in `torch.no_grad()`, without heat-maps. Alternately;
median (least-most) of {ROUNDS} calls after the first one, of fewer if they take over {LIMIT_S} s
in all.
"""


def measure(ckpt: str, scan: str, device: str = "cpu", rounds: int = ROUNDS) -> dict[str, Times]:
    """Time the search of a scan, and forward passes of as many windows.

    Args:
        ckpt: Folder of a run with `view=nodule`.
        scan: A whole chest.
        device: `cpu` or `cuda`.
        rounds: Timed calls of each, after a first one.
    """
    predictor = load_predictor(find_checkpoint(Path(ckpt)), torch.device(device))
    read = read_scan(Path(scan))
    searched = segment_search_region(read)["mask"]
    windows = search_scan(predictor, read, searched=searched).windows
    say(f"{windows} windows")
    view = next(step for step in predictor.transforms.transforms if isinstance(step, NoduleView))
    image = torch.rand(BATCH, 1, *view.shape, device=device)

    def forward() -> None:
        with torch.no_grad():
            for begin in range(0, windows, BATCH):
                predictor.classifier(image[: windows - begin]).cpu()

    calls = {OURS: lambda: search_scan(predictor, read, searched=searched), PEER: forward}
    return alternate(calls, rounds, limit_s=LIMIT_S)


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
    rows = ratio_table(results, {OURS: PEER, PEER: PEER}, ratio="times the forward passes")
    return f"{HOW}\n{rows}\n\nA search takes {ratios(results, OURS, PEER)} as long.\n"


if __name__ == "__main__":
    sample.script(section, __doc__)
