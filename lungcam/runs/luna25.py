"""Malignancy of the nodules of one case, in the files of LUNA25's test container.

A submission runs without a network, reads one scan and the places of its nodules, and writes a
probability for each within five minutes: https://luna25.grand-challenge.org
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from lungcam.cohorts import Sample
from lungcam.data import prepare_sample
from lungcam.errors import InputError
from lungcam.evaluation.ensemble import Ensemble, load_ensemble
from lungcam.runtime.atomic import write_text
from lungcam.scans import Scan, read_scan
from lungcam.transforms import shows_whole_chest

IMAGES = "images/chest-ct"
LOCATIONS = "nodule-locations.json"
# spelt as the challenge does
LIKELIHOODS = "lung-nodule-malginancy-likelihoods.json"


def rate_case(
    source: Path, out: Path, *, ckpt: Sequence[Path], tta: str | None, plugins: Sequence[str]
) -> str:
    """Write the probability of malignancy of each nodule, in the order of the input.

    Args:
        source: Folder with `images/chest-ct/<uid>.mha` and `nodule-locations.json`.
        out: Folder of the result.
        ckpt: Checkpoints of one net or several of nodules.
        tta: `flips` to average over mirror images.
        plugins: As for `infer.py`.

    Returns:
        A line with the number of nodules and the file.

    Raises:
        InputError: The case or a net is at fault; nothing is written.
    """
    image, case = _find_image(source), _read_locations(source / LOCATIONS)
    ensemble = load_ensemble(ckpt, torch.device("cpu"), plugins=list(plugins), tta=tta)
    if shows_whole_chest(ensemble.transforms) or ensemble.task.name != "malignancy":
        raise InputError(
            f"{ckpt[0]}: this net does not rate nodules; train one with view=nodule and "
            "task=malignancy."
        )
    scan = read_scan(image, whole_chest=False)
    points = [
        point | {"probability": _probability(ensemble, scan, point=point, image=image)}
        for point in case["points"]
    ]
    file = out / LIKELIHOODS
    write_text(file, json.dumps({**case, "points": points}, indent=2) + "\n")
    return f"{len(points)} nodule(s) rated: {file}"


def _find_image(source: Path) -> Path:
    files = sorted((source / IMAGES).glob("*.mha"))
    if len(files) != 1:
        raise InputError(
            f"{source / IMAGES}: there are {len(files)} .mha files; a case has exactly one."
        )
    return files[0]


def _read_locations(file: Path) -> dict[str, Any]:
    """Read the places of the nodules, in LPS mm."""
    try:
        case = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{file}: cannot be opened ({error.strerror}); check input=.") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file}: this is no JSON; write it again.") from error
    points = case.get("points") if isinstance(case, dict) else None
    if not isinstance(points, list) or not all(map(_is_point, points)):
        raise InputError(
            f'{file}: "points" is no list of {{"name": ..., "point": [x, y, z]}}; correct it.'
        )
    return case


def _is_point(point: object) -> bool:
    place = point.get("point") if isinstance(point, dict) else None
    return (
        isinstance(place, list)
        and len(place) == 3
        and all(isinstance(x, int | float) and math.isfinite(x) for x in place)
    )


def _probability(ensemble: Ensemble, scan: Scan, *, point: Mapping[str, Any], image: Path) -> float:
    """Return the calibrated probability of the nodule at a point."""
    x, y, z = point["point"]
    sample = Sample(
        sample_id="nodule",
        patient_id="case",
        image=image,
        label=None,
        label_source="",
        center_mm=(-x, -y, z),
    )
    prepared = prepare_sample(sample, ensemble.transforms, scan=scan)
    logits = ensemble.combine(ensemble.logits(prepared.subject["input"].data[None]))
    return float(ensemble.task.prediction(logits, ensemble.fit)["probability"])
