"""`python infer.py` with several nets: a cross-validation's folder, a list, mirror images."""

import csv
import json
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch
from scipy.special import expit

from .conftest import command

NETS = 3


@pytest.fixture(scope="module")
def folds(workplace, trained) -> Path:
    """Return the folder of a cross-validation of three nets, each a changed copy of one run."""
    folder = workplace / "three"
    for fold in range(NETS):
        run = folder / f"fold_{fold}"
        (run / "checkpoints").mkdir(parents=True)
        checkpoint = torch.load(trained.folder / "checkpoints" / "best.ckpt", weights_only=True)
        generator = torch.Generator().manual_seed(fold)
        weights = checkpoint["state_dict"]
        for name, tensor in weights.items():
            if name.endswith("weight"):
                noise = torch.randn(tensor.shape, generator=generator)
                weights[name] = tensor * (1 + 0.1 * fold * noise)
        metadata = checkpoint["lungcam"]
        platt = {"slope": 0.5 + fold, "intercept": 0.1 * fold, "applied": True}
        metadata["calibration"] |= platt
        metadata["threshold"] = 0.2 + 0.1 * fold
        if fold:
            metadata["pixels"] = []
        torch.save(checkpoint, run / "checkpoints" / "best.ckpt")
        shutil.copy(trained.folder / "metrics.json", run)
    shutil.copy(trained.folder / "metrics.json", folder)
    return folder


@pytest.fixture(scope="module")
def scans(workplace, trained) -> list[Path]:
    """Return two phantoms that the run was trained on, or has tested."""
    return sorted(workplace.glob("outputs/cache/phantoms/*/phantom-????.nii.gz"))[:2]


def infer(workplace: Path, *arguments: object, code: int = 0):
    done = command("infer.py", *arguments, "render.size=96", cwd=workplace)
    assert done.returncode == code, done.stderr
    return done


def record(workplace: Path, out: str, scan: Path) -> dict:
    folder = workplace / out / scan.name.removesuffix(".nii.gz")
    return json.loads((folder / "prediction.json").read_text())


def volume(workplace: Path, out: str, scan: Path, name: str = "heatmap") -> np.ndarray:
    folder = workplace / out / scan.name.removesuffix(".nii.gz")
    return nib.load(folder / f"{name}.nii.gz").get_fdata()


@pytest.fixture(scope="module")
def alone(workplace, folds, scans) -> list[dict]:
    """Apply each net alone."""
    for fold in range(NETS):
        infer(workplace, f"ckpt={folds}/fold_{fold}", f"scan={scans[0]}", f"out=alone_{fold}")
    return [record(workplace, f"alone_{fold}", scans[0]) for fold in range(NETS)]


@pytest.fixture(scope="module")
def together(workplace, folds, scans):
    arguments = (f"ckpt={folds}", f"scan={scans[0]}", "out=together", "report=true")
    done = infer(workplace, *arguments)
    return record(workplace, "together", scans[0]), done.stdout


def test_the_answer_is_the_mean_of_the_nets(alone, together):
    answer, printed = together
    assert [net["name"] for net in answer["nets"]] == ["fold_0", "fold_1", "fold_2"]
    slopes, intercepts = 0.5 + np.arange(NETS), 0.1 * np.arange(NETS)
    logits = np.array([single["logit"] for single in alone])
    for net, single in zip(answer["nets"], alone, strict=True):
        assert net["logit"] == pytest.approx(single["logit"], abs=1e-5)
        for name in ("probability", "threshold", "seen_in_training", "checkpoint_sha256"):
            assert net[name] == pytest.approx(single[name], abs=1e-5), name
        assert f"{net['name']} {net['probability']:.3f}" in printed
    expected = expit(np.mean(slopes * logits + intercepts))
    assert answer["probability"] == pytest.approx(expected, abs=1e-5)
    probabilities = [single["probability"] for single in alone]
    assert answer["probability_sd"] == pytest.approx(np.std(probabilities, ddof=1), abs=1e-5)
    assert answer["threshold"] == pytest.approx(0.3)
    assert answer["label"] == int(answer["probability"] >= 0.3)
    assert f"standard deviation {answer['probability_sd']:.3f}" in printed
    # the keys of a single net are there, with the same meaning
    assert set(alone[0]) <= set(answer)
    assert "nets" not in alone[0]


def test_heat_maps_are_averaged_on_one_scale_and_their_spread_is_written(
    workplace, alone, together, scans
):
    slopes = 0.5 + np.arange(NETS)
    each = np.stack(
        [s * volume(workplace, f"alone_{k}", scans[0]) for k, s in enumerate(slopes)]
    ) / np.mean(slopes)
    heat = volume(workplace, "together", scans[0])
    spread = volume(workplace, "together", scans[0], "heatmap_spread")
    assert np.allclose(heat, each.mean(0), atol=1e-4 * np.abs(heat).max())
    # a deviation that is interpolated is never below that of the interpolated maps: it is convex
    assert spread.min() >= 0
    assert (spread + 1e-4 * spread.max() >= each.std(0, ddof=1)).all()
    assert spread.max() == pytest.approx(each.std(0, ddof=1).max(), rel=0.2)
    single = workplace / "alone_0" / scans[0].name.removesuffix(".nii.gz")
    assert not (single / "heatmap_spread.nii.gz").exists()
    page = (single.parents[1] / "together" / single.name / "report.html").read_text()
    assert "Where the nets disagree" in page
    assert "Answers of the 3 nets" in page


def test_a_list_of_nets_is_applied_and_finished_scans_are_kept(workplace, folds, scans):
    folder = workplace / "pair"
    folder.mkdir()
    for scan in scans:
        (folder / scan.name).symlink_to(scan)
    nets = f"ckpt=[{folds}/fold_0,{folds}/fold_1/checkpoints/best.ckpt]"
    infer(workplace, nets, "scan=pair", "out=listed")
    with (workplace / "listed" / "predictions.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    for row, scan in zip(table, scans, strict=True):
        answer = record(workplace, "listed", scan)
        assert [net["name"] for net in answer["nets"]] == ["fold_0", "fold_1"]
        assert float(row["probability_sd"]) == answer["probability_sd"]
        # known to the first net alone
        assert answer["seen_in_training"] == answer["nets"][0]["seen_in_training"]
    again = infer(workplace, nets, "scan=pair", "out=listed")
    assert "2 of 2 scans were done already" in again.stdout
    for changed in ((f"ckpt={folds}",), (nets, "tta=flips")):
        other = infer(workplace, *changed, "scan=pair", "out=listed")
        assert "done already" not in other.stdout


def test_a_table_with_labels_gets_the_metrics_of_all_nets(workplace, folds, scans):
    rows = ["image,label", *(f"{scan},{number}" for number, scan in enumerate(scans))]
    (workplace / "labelled.csv").write_text("\n".join(rows) + "\n")
    infer(workplace, f"ckpt={folds}", "scan=labelled.csv", "out=labelled")
    metrics = json.loads((workplace / "labelled" / "metrics.json").read_text())
    assert metrics["test"]["n"] == 2
    assert metrics["test"]["threshold"] == pytest.approx(0.3)
    assert "calibrated" in metrics["rules"]["ensemble"]
    probabilities = [record(workplace, "labelled", scan)["probability"] for scan in scans]
    expected = np.mean((np.array(probabilities) - [0, 1]) ** 2)
    assert metrics["test"]["brier"] == pytest.approx(expected, abs=1e-5)


@pytest.mark.slow
def test_mirror_images_of_a_chest_are_left_and_right(workplace, folds, scans):
    """A mirrored patient has the same answer, and the mirrored map, only with mirror images."""
    image = nib.load(scans[0])
    mirrored = workplace / "mirrored.nii.gz"
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj)[::-1], image.affine), mirrored)
    logits = {}
    for scan in (scans[0], mirrored):
        for tta in ("null", "flips"):
            arguments = (f"ckpt={folds}/fold_1", f"scan={scan}", f"out=tta_{tta}", f"tta={tta}")
            infer(workplace, *arguments, "picture=false")
            answer = record(workplace, f"tta_{tta}", scan)
            logits[scan, tta] = answer["logit"]
            assert answer.get("tta") == (None if tta == "null" else tta)
    same, other = (abs(logits[scans[0], tta] - logits[mirrored, tta]) for tta in ("flips", "null"))
    # masks of a mirrored scan are nearly, not exactly, the mirrored masks
    assert same < 0.5 * other or same < 1e-3
    heat, turned = (volume(workplace, "tta_flips", scan) for scan in (scans[0], mirrored))
    assert np.corrcoef(heat.ravel(), turned[::-1].ravel())[0, 1] > 0.98
    assert np.corrcoef(heat.ravel(), turned.ravel())[0, 1] < 0.9


@pytest.mark.slow
def test_erasure_and_localisation_use_all_nets(workplace, folds, scans):
    rows = ["image,label,coordX,coordY,coordZ,diameter_mm", f"{scans[0]},1,40,10,-100,20"]
    (workplace / "lesion.csv").write_text("\n".join(rows) + "\n")
    arguments = (f"ckpt={folds}", "scan=lesion.csv", "out=all", "explain.benchmark=true")
    done = infer(workplace, *arguments)
    assert "localisation: " in done.stdout
    candidates = (workplace / "all" / "candidates.csv").read_text().splitlines()[1:]
    answer = record(workplace, "all", scans[0])
    if candidates:
        # the highest peak has the probability of all nets
        assert float(candidates[0].split(",")[-1]) == pytest.approx(answer["probability"], abs=1e-5)
    infer(workplace, f"ckpt={folds}", f"scan={scans[0]}", "out=erased", "explain.erase=true")
    erased = record(workplace, "erased", scans[0])
    for lesion in erased["erased"]:
        assert lesion["logit_before"] == pytest.approx(erased["logit"], abs=1e-4)


def test_nets_that_do_not_fit_are_refused_in_one_line(workplace, folds, scans):
    other = workplace / "other" / "checkpoints" / "best.ckpt"
    other.parent.mkdir(parents=True)
    checkpoint = torch.load(folds / "fold_0" / "checkpoints" / "best.ckpt", weights_only=True)
    checkpoint["lungcam"]["label_rule"] = "label 1: another"
    torch.save(checkpoint, other)
    for nets, words in {
        f"[{folds}/fold_0,other]": "their labels differ",
        f"[{folds}/fold_0,{folds}/fold_0]": "named twice",
        f"[{folds}/fold_0,gone]": "there is no such checkpoint",
        "[]": "no path is given",
    }.items():
        done = infer(workplace, f"ckpt={nets}", f"scan={scans[0]}", "out=refused", code=2)
        (line,) = done.stderr.strip().splitlines()
        assert words in line
    done = infer(workplace, f"ckpt={folds}", f"scan={scans[0]}", "tta=turns", "out=refused", code=2)
    assert "tta=turns: choose flips or null" in done.stderr
    assert not (workplace / "refused").exists()
