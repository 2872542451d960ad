"""Cross-validation: a net for each fold, and every patient tested by a net that never saw him."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from scipy.special import expit

from lungcam import RESEARCH_USE_ONLY
from lungcam.errors import InputError
from lungcam.evaluation.folds import read_fold, redirect_outputs, write_config
from lungcam.metrics import POOLED_RULE, RULES, ScoredSamples, pool_folds, pool_seeds
from lungcam.metrics.cross_validation import average_seeds, pool
from lungcam.metrics.summary import summarise_ranking, with_interval
from lungcam.runs.train import train
from lungcam.runtime.atomic import write_table, write_text
from lungcam.runtime.distributed import rank
from lungcam.runtime.versions import versions
from lungcam.tasks.malignancy import baseline_lines
from lungcam.tasks.predictions import BASELINE

# mm; between them size tells little, and it is there that a net is asked for
MIDDLE_MM = (6, 15)


def cross_validate(config: DictConfig) -> float:
    """Train every fold, once or with several seeds, and pool what the nets say of their tests.

    Each fold is a run folder of its own in the run's. Writes predictions.csv, in which every sample
    stands once, and metrics.json. With `resume` a fold that is finished is not trained again.

    Args:
        config: Composed from conf/train.yaml, with `cv.folds`.

    Returns:
        Mean over the folds of the validation AUC, for sweeps to maximise.

    Raises:
        InputError: The configuration or the data is at fault.
    """
    folder = Path(HydraConfig.get().runtime.output_dir)
    count, repeats = config.cv.folds, config.cv.repeats
    if not isinstance(count, int) or isinstance(count, bool) or count < 2:
        raise InputError(f"cv.folds={count}: give a number of folds, 2 or more.")
    if repeats < 1:
        raise InputError(f"cv.repeats={repeats}: give 1 or more.")
    if config.split.manifest is not None:
        raise InputError("split.manifest: a manifest tells one split; leave it out with cv.folds.")
    seeds = [config.seed + i for i in range(repeats)]
    runs = {
        seed: [folder / _name(seed, fold, repeats=repeats) for fold in range(count)]
        for seed in seeds
    }
    for seed, folders in runs.items():
        for fold, place in enumerate(folders):
            if config.resume and (place / "metrics.json").is_file():
                continue
            print(f"\n{place.name.replace('_', ' ')} of {count}")
            changes = {
                "split": {"folds": count, "fold": fold},
                "cv": {"folds": None},
                "seed": seed,
                # a fold that was begun goes on where it was
                "resume": str(place) if config.resume else None,
            }
            own = OmegaConf.merge(config, changes)
            with redirect_outputs(place):
                write_config(place, own)
                train(own)
    if rank() > 0:
        return math.nan  # rank zero reports
    told = {place: json.loads((place / "metrics.json").read_text()) for place in _flat(runs)}
    scored = {seed: [read_fold(place) for place in folders] for seed, folders in runs.items()}
    first = next(iter(told.values()))
    metrics = {
        "test": _figures(list(scored.values()), config.seed),
        "label_rule": first["label_rule"],
        "cohort_notes": first["cohort_notes"],
        "rules": RULES | {"pooled": POOLED_RULE},
        "folds": count,
        "seeds": seeds,
        "seed": config.seed,
        "versions": versions(),
        "notice": RESEARCH_USE_ONLY,
    }
    averaged = average_seeds([pool(folds) for folds in scored.values()])
    _write_predictions(folder / "predictions.csv", averaged)
    write_text(folder / "metrics.json", json.dumps(metrics, indent=2) + "\n")
    print(_describe(metrics, folder))
    return float(np.mean([one["val"]["auc"] for one in told.values()]))


def _name(seed: int, fold: int, *, repeats: int) -> str:
    return f"fold_{fold}" if repeats == 1 else f"seed_{seed}_fold_{fold}"


def _flat(runs: Mapping[int, Sequence[Path]]) -> list[Path]:
    return [place for folders in runs.values() for place in folders]


def _figures(seeds: Sequence[Sequence[ScoredSamples]], seed: int) -> dict[str, object]:
    """Pooled figures, and the same of nodules of a middling size where diameters are known."""
    together = pool_seeds(seeds, seed) if len(seeds) > 1 else pool_folds(seeds[0], seed)
    averaged = average_seeds([pool(folds) for folds in seeds])
    diameter = averaged.baselines.get("diameter", np.full(len(averaged.labels), np.nan))
    low, high = MIDDLE_MM
    middle = averaged[(diameter >= low) & (diameter <= high)]
    if len(np.unique(middle.labels)) == 2:
        only = {"diameter": middle.baselines["diameter"]}
        found = summarise_ranking(
            middle.labels, middle.scores, patients=middle.patients, baselines=only, seed=seed
        )
        together[f"diameter_{low}_to_{high}_mm"] = found
    return together


def _write_predictions(file: Path, scored: ScoredSamples) -> None:
    """Write a row a sample, as a run does; the probability is calibrated, the logit that of it."""
    columns = ("sample_id", "patient_id", "split", "label", "probability", "logit")
    names = list(scored.baselines)
    write_table(
        file,
        (*columns, *(f"{BASELINE}{name}" for name in names)),
        rows=(
            {
                "sample_id": scored.sample_ids[i],
                "patient_id": scored.patients[i],
                "split": "test",
                "label": scored.labels[i],
                "probability": f"{expit(scored.scores[i]):.9g}",
                "logit": f"{scored.scores[i]:.6f}",
                **{
                    f"{BASELINE}{name}": "" if np.isnan(one := scored.baselines[name][i]) else one
                    for name in names
                },
            }
            for i in range(len(scored.labels))
        ),
    )


def _describe(metrics: dict, folder: Path) -> str:
    """What a cross-validation prints when it ends."""
    test = metrics["test"]
    folds = test["folds"]
    lines = [
        "",
        f"AUC of {test['n']} samples in {folds['count']} folds, pooled: "
        f"{with_interval(test['auc'], test['auc_ci95'])}; {test['n_positive']} positive, "
        f"{test['n_patients']} patients",
        f"  by fold: mean {folds['auc_mean']:.3f}, standard deviation {folds['auc_sd']:.3f}",
    ]
    if "seeds" in test:
        seeds = test["seeds"]
        each = ", ".join(f"{auc:.3f}" for auc in seeds["auc"])
        lines[1] += f"; scores averaged over {seeds['count']} seeds"
        lines.insert(
            2,
            f"  by seed: {each}; mean {seeds['auc_mean']:.3f}, standard deviation "
            f"{seeds['auc_sd']:.3f}: what one cross-validation is worth",
        )
    lines.append(f"  label rule: {metrics['label_rule']}")
    lines += [f"  {one}" for one in baseline_lines(test["against_baselines"])]
    low, high = MIDDLE_MM
    middle = test.get(f"diameter_{low}_to_{high}_mm")
    if middle:
        lines.append(
            f"among {middle['n']} nodules of {low} to {high} mm ({middle['n_positive']} positive): "
            f"AUC {with_interval(middle['auc'], middle['auc_ci95'])}"
        )
        lines += [f"  {one}" for one in baseline_lines(middle["against_baselines"])]
    lines += [f"a net for each fold: {folder}", RESEARCH_USE_ONLY]
    return "\n".join(lines)
