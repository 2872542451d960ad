"""`python -m lungcam export`: nets of trained runs in other programs."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from lungcam import __version__
from lungcam.evaluation.predictor import load_predictor
from lungcam.inference.prepare import prepare_scan
from lungcam.runs.requested_scans import requested_samples

from .conftest import ROOT


def lungcam(*arguments, cwd):
    command = [sys.executable, "-m", "lungcam", *map(str, arguments)]
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)}
    )


def test_the_version_is_printed(tmp_path):
    done = lungcam("--version", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"lungcam {__version__}\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("ckpt=run",), "give a net and a file"),
        (("ckpt=run", "out=net.h5"), "give it the suffix .onnx or .pt2"),
        (("ckpt=none", "out=net.pt2"), "there is no such checkpoint"),
        (("ckpt=none", "out=net.pt2", "scan=none"), "none"),
    ],
)
def test_bad_input_is_refused(tmp_path, arguments, message):
    done = lungcam("export", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert message in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".onnx", ".pt2"])
def test_a_real_scan_has_the_same_logit(workplace, trained, lidc_series, suffix):
    file = workplace / f"net{suffix}"
    arguments = (f"ckpt={trained.folder}", f"out={file}", f"scan={lidc_series}")
    if suffix == ".onnx":
        pytest.importorskip("onnxscript", reason="needs onnxscript: '.[export]'")
    done = lungcam("export", *arguments, cwd=workplace)
    assert (done.returncode, done.stderr) == (0, "")
    assert "logits of 1 scan differ by" in done.stdout
    predictor = load_predictor(trained.folder / "checkpoints" / "best.ckpt", torch.device("cpu"))
    (sample,) = requested_samples(lidc_series, series=None, out=workplace / "none")
    image = prepare_scan(sample, predictor.transforms).subject["input"].data[None]
    with torch.no_grad():
        expected = predictor.classifier(image).numpy()
    if suffix == ".onnx":
        import onnx
        import onnxruntime

        logits = onnxruntime.InferenceSession(file).run(None, {"image": image.numpy()})[0]
        text = onnx.load(file).metadata_props[0].value
    else:
        extra = {"lungcam.json": ""}
        logits = torch.export.load(file, extra_files=extra).module()(image).detach().numpy()
        text = extra["lungcam.json"]
    np.testing.assert_allclose(logits, expected, atol=1e-4)
    description = json.loads(text)
    metrics = json.loads((trained.folder / "metrics.json").read_text())
    assert description["input"]["shape"] == [64, 48, 64]
    assert description["input"]["spacing_mm"] == 5
    assert list(description["transforms"]) == [
        *("threshold", "components", "mask", "view", "normalise", "walls")
    ]
    calibration = metrics["calibration"]
    known = {name: calibration[name] for name in ("slope", "intercept")}
    expected = pytest.approx(known, rel=1e-6) if calibration["applied"] else None
    assert description["calibration"] == expected
    assert description["label_rule"] == metrics["label_rule"]
    assert description["notice"].startswith("Research use only")
    # no path of the computer travels with it
    assert str(workplace) not in text
