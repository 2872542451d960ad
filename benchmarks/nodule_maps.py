"""Whether maps point at real nodules, method by method, in crops whose middle is no answer."""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from benchmarks.markdown import table
from lungcam.cohorts import Sample
from lungcam.cohorts.csv_rows import read_rows
from lungcam.cohorts.table import table_cohort
from lungcam.data.lesion_mask import read_lesion
from lungcam.evaluation.candidate_sources import NET, CandidateSources
from lungcam.evaluation.predictor import Predictor, load_predictor
from lungcam.explain import METHODS, masked_lesion
from lungcam.metrics.resampling import mean_interval
from lungcam.metrics.summary import with_interval
from lungcam.scans import read_scan
from lungcam.transforms import prepare
from lungcam.transforms.subject import grid, volume

SHIFT_MM = 8.0
HOW = """\
## Whether maps point at real nodules

Nodules of LIDC-IDRI that readers rate 4 or 5, each by the net of the fold that was not trained on
its patient ({folds} folds of one cross-validation with `experiment=lidc_nodules`): {n} nodules of
{patients} patients; occlusion {few} of them, as it takes so long. The cube's middle stands off the
nodule's by up to {shift:.0f} mm along each axis, at random, so that the middle is no answer; the
net is trained on nodules within 2 mm of the middle, and none was trained again for this. Share of
peaks inside the readers' mask, with its 95 % interval over patients.
"""


def tested(folder: Path, cohort: dict[str, Sample]) -> list[Sample]:
    """The positives that a fold was tested on."""
    rows = read_rows(folder / "splits.csv", ("sample_id", "split"))
    names = [row.text("sample_id") for row in rows if row.text("split") == "test"]
    return [cohort[name] for name in names if cohort[name].label == 1]


def shares(
    predictor: Predictor, samples: list[Sample], every: int, seed: int
) -> Iterator[tuple[str, str, float]]:
    """What pointed, the patient, and whether it pointed into the mask."""
    explainer = replace(predictor.explainer, evidence="both")
    pointers = {
        name: CandidateSources(
            predictor.classifier, replace(explainer, method=name), probability=predictor.probability
        )
        for name in METHODS
    }
    generator = np.random.default_rng(seed)
    for number, sample in enumerate(tqdm(samples)):
        lesion = masked_lesion(*read_lesion(sample.lesion_mask), sample.diameter_mm)
        off = generator.uniform(-SHIFT_MM, SHIFT_MM, 3)
        subject = prepare(
            read_scan(sample.image, whole_chest=False),
            predictor.transforms,
            center_mm=tuple(lesion.center_mm + off),
        )
        at, lungs = grid(subject, "input"), volume(subject, "input_lungs")
        for name, one in pointers.items():
            if name == "occlusion" and number % every:
                continue
            found = one.candidates(subject["input"].data[None], at, lungs=lungs)
            told = {name: found[NET]}
            if name == METHODS[0]:
                told |= {"the crop's middle": found["center"]}
                told |= {"the brightest voxel": found["brightest"], "untrained": found["untrained"]}
            for what, pointed in told.items():
                points = pointed.points
                point = points[0] if len(points) else np.full(3, np.nan)
                yield what, sample.patient_id, lesion.holds(point)


def section(run: Path, nodules: Path, every: int) -> str:
    """Measure the folds of a cross-validation.

    Args:
        run: Its folder, or those of one seed by a pattern such as `cv/seed_0_fold_`.
        nodules: The table.
        every: Of so many nodules one is explained by occlusion.

    Returns:
        Markdown.
    """
    cohort = {one.sample_id: one for one in table_cohort(str(nodules), {}).samples}
    folds = sorted(run.parent.glob(f"{run.name}*/checkpoints/best.ckpt"))
    found: dict[str, list[tuple[str, float]]] = {}
    for number, file in enumerate(folds):
        predictor = load_predictor(file, torch.device("cpu"))
        samples = tested(file.parents[1], cohort)
        for what, patient, inside in shares(predictor, samples, every, number):
            found.setdefault(what, []).append((patient, inside))
    rows = []
    for what, told in found.items():
        patients, inside = zip(*told, strict=True)
        values = np.array(inside)
        interval = mean_interval(values, np.array(patients))
        rows.append([what, str(len(told)), with_interval(float(values.mean()), interval)])
    first = found[METHODS[0]]
    how = HOW.format(
        folds=len(folds),
        n=len(first),
        patients=len({patient for patient, _ in first}),
        few=len(found.get("occlusion", ())),
        shift=SHIFT_MM,
    )
    return f"{how}\n{table(['what points', 'nodules', 'peak in the mask'], rows)}\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="folders of the folds, without their numbers")
    parser.add_argument("nodules", type=Path, help="nodules.csv")
    parser.add_argument("--every", type=int, default=6)
    told = parser.parse_args()
    print(section(told.run, told.nodules, told.every))
