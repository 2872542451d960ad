"""Share of heat-maps that point at real nodules, by method, in crops that are off-centre."""

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
# name in the table -> candidate source
BASELINES = {
    "the crop's middle": "center",
    "the brightest voxel": "brightest",
    "untrained": "untrained",
}
HOW = """\
## Whether maps point at real nodules

Nodules of LIDC-IDRI that readers rate 4 or 5, each explained by the net of the fold that was not
trained on its patient ({folds} folds of one cross-validation with `experiment=lidc_nodules`): {n}
nodules of {patients} patients; occlusion for {few} of them, because it is slow. The middle of the
cube is up to {shift:.0f} mm off the nodule's along each axis, at random, so that the middle is no
answer; the nets were trained on nodules within 2 mm of the middle and not retrained. Share of peaks
inside the readers' mask, with its 95 % interval over patients.
"""


def tested(folder: Path, cohort: dict[str, Sample]) -> list[Sample]:
    """Return the positives in the test split of a fold."""
    rows = read_rows(folder / "splits.csv", ("sample_id", "split"))
    names = [row.text("sample_id") for row in rows if row.text("split") == "test"]
    return [cohort[name] for name in names if cohort[name].label == 1]


def hits(
    predictor: Predictor, samples: list[Sample], *, every: int, seed: int
) -> Iterator[tuple[str, str, float]]:
    """Yield the method or baseline, the patient, and 1 if the peak is inside the mask, else 0."""
    explainer = replace(predictor.explainer, evidence="both")
    sources = {
        method: CandidateSources(
            predictor.classifier,
            replace(explainer, method=method),
            probability=predictor.probability,
        )
        for method in METHODS
    }
    generator = np.random.default_rng(seed)
    for number, sample in enumerate(tqdm(samples)):
        lesion = masked_lesion(*read_lesion(sample), diameter_mm=sample.diameter_mm)
        offset_mm = generator.uniform(-SHIFT_MM, SHIFT_MM, 3)
        subject = prepare(
            read_scan(sample.image, whole_chest=False),
            predictor.transforms,
            center_mm=tuple(lesion.center_mm + offset_mm),
        )
        input_grid, lungs = grid(subject, "input"), volume(subject, "input_lungs")
        for method, source in sources.items():
            if method == "occlusion" and number % every:
                continue
            candidates = source.candidates(subject["input"].data[None], input_grid, lungs=lungs)
            chosen = {method: NET} | (BASELINES if method == METHODS[0] else {})
            for name, key in chosen.items():
                points = candidates[key].points
                peak = points[0] if len(points) else np.full(3, np.nan)
                yield name, sample.patient_id, lesion.contains(peak)


def section(run: Path, nodules: Path, *, every: int) -> str:
    """Measure the folds of a cross-validation.

    Args:
        run: Folder prefix of the folds, such as `cv/fold_` or `cv/seed_0_fold_`.
        nodules: Table of the nodules.
        every: Explain one of this many nodules by occlusion.

    Returns:
        Markdown.
    """
    cohort = {sample.sample_id: sample for sample in table_cohort(str(nodules), {}).samples}
    folds = sorted(run.parent.glob(f"{run.name}*/checkpoints/best.ckpt"))
    results: dict[str, list[tuple[str, float]]] = {}
    for number, file in enumerate(folds):
        predictor = load_predictor(file, torch.device("cpu"))
        samples = tested(file.parents[1], cohort)
        for name, patient, inside in hits(predictor, samples, every=every, seed=number):
            results.setdefault(name, []).append((patient, inside))
    rows = []
    for name, result in results.items():
        patients, inside = zip(*result, strict=True)
        values = np.array(inside)
        interval = mean_interval(values, np.array(patients))
        rows.append([name, str(len(result)), with_interval(float(values.mean()), interval)])
    first = results[METHODS[0]]
    how = HOW.format(
        folds=len(folds),
        n=len(first),
        patients=len({patient for patient, _ in first}),
        few=len(results.get("occlusion", ())),
        shift=SHIFT_MM,
    )
    return f"{how}\n{table(['method', 'nodules', 'peak in the mask'], rows)}\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="folders of the folds, without their numbers")
    parser.add_argument("nodules", type=Path, help="nodules.csv")
    parser.add_argument("--every", type=int, default=6)
    arguments = parser.parse_args()
    print(section(arguments.run, arguments.nodules, every=arguments.every))
