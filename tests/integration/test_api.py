"""The notebook's objects give what `infer.py` writes, and the example notebook runs."""

import base64
import io
import json
import re
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hydra.core.global_hydra import GlobalHydra
from matplotlib.figure import Figure
from PIL import Image

import lungcam
from lungcam.phantom import make_phantom
from lungcam.phantom.layouts.dicom import Series, write_slices

from .conftest import ROOT, TINY, command


@pytest.fixture(scope="module")
def scan(workplace, trained) -> Path:
    return next(workplace.glob("outputs/cache/phantoms/*/phantom-0000.nii.gz"))


def test_a_prediction_is_that_of_infer(workplace, trained, scan):
    done = command(
        *("infer.py", f"ckpt={trained.folder}", f"scan={scan}", "out=api", "picture=false"),
        cwd=workplace,
    )
    assert done.returncode == 0, done.stderr
    written = workplace / "api" / "phantom-0000"
    record = json.loads((written / "prediction.json").read_text())
    prediction = lungcam.read_scan(scan).predict(trained.folder)
    for name, value in json.loads(json.dumps(prediction.record)).items():
        assert record[name] == value, name
    assert (prediction.probability, prediction.logit) == (record["probability"], record["logit"])
    heat = np.asarray(nibabel.load(written / "heatmap.nii.gz").dataobj)
    assert np.array_equal(prediction.heatmap, heat)
    # the net with the path of the scan, and its file in place of the run folder
    net = lungcam.load(trained.folder / "checkpoints" / "best.ckpt")
    assert np.array_equal(net.predict(str(scan)).heatmap, heat)


def test_a_prediction_shows_itself(trained, scan):
    prediction = lungcam.load(trained.folder).predict(scan)
    assert re.fullmatch(
        r"<Prediction of phantom-0000: probability 0\.\d{3}, (no peak|peak at .* mm)>",
        repr(prediction),
    )
    figure = prediction.plot()
    assert isinstance(figure, Figure)
    planes = [axes.get_xlabel() for axes in figure.axes]
    assert planes == ["axial", "coronal", "sagittal", ""]
    html = prediction._repr_html_()
    assert "Research use only" in html
    assert str(scan.parent) not in html
    (data,) = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")).astype(int)
    # heat is red to yellow, and nothing else on the slices is
    if prediction.peak_mm is not None:
        assert ((picture[..., 0] - picture[..., 2]) > 80).sum() > 50


def cells_of(name: str) -> list[str]:
    """Return the cells of code of a notebook, which keeps nobody's output."""
    notebook = json.loads((ROOT / "docs" / name).read_text(encoding="utf-8"))
    assert notebook["nbformat"] == 4
    assert all(not cell.get("outputs") for cell in notebook["cells"])
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


@pytest.mark.slow
def test_a_net_of_your_own_is_trained_and_applied_in_a_notebook(tmp_path, monkeypatch):
    """The notebook's cells, smaller: a net in a file, its training and its prediction."""
    cells = cells_of("own_net.ipynb")
    (place,) = (i for i, cell in enumerate(cells) if "SMALL = [" in cell)
    small = ["data.n=16", *TINY[1:], "view.shape=[24,18,24]", "view.spacing_mm=15"]
    cells[place] = re.sub(r"SMALL = \[.*\]", f"SMALL = {small}", cells[place])
    shown = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(lungcam.Prediction, "show", lambda self: shown.append(self))
    monkeypatch.setattr("sys.argv", ["notebook"])
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    names: dict[str, object] = {}
    for i, cell in enumerate(cells):
        exec(compile(cell, f"cell {i}", "exec"), names)
    run, prediction = names["run"], names["prediction"]
    assert shown == [prediction]
    assert run.folder.parent == tmp_path / "outputs" / "runs"
    assert run.metrics["test"]["n"] == 4
    assert re.fullmatch(r"<Run .*: test auc [\d.-]+( \(.*\))?>", repr(run))
    assert prediction.heatmap.shape == names["scan"].hu.shape
    assert (tmp_path / "mynet.pt2").is_file(), names["done"].stderr
    # the process is as it was, and may train again
    assert sys.argv == ["notebook"]
    assert not GlobalHydra.instance().is_initialized()
    # a finished run is not trained again
    assert lungcam.train([f"resume={run.folder}"]).metrics == run.metrics


def test_the_example_notebook_runs(tmp_path, trained, monkeypatch):
    """Its code cells are run in order, as Jupyter would, with another net in its first one."""
    cells = cells_of("first_scan.ipynb")
    assert cells[0].count('RUN = "') == 1
    cells[0] = re.sub(r'RUN = "[^"]*"', f'RUN = "{trained.folder}"', cells[0])
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for i, cell in enumerate(cells):
        exec(compile(cell, f"cell {i}", "exec"), names)
    assert 0 <= names["prediction"].probability <= 1
    assert names["prediction"].heatmap.shape == names["scan"].hu.shape


@pytest.fixture
def as_in_the_howto(tmp_path, trained, monkeypatch):
    """Stand in a folder with a scan and a run at the paths that the how-to names."""
    phantom = make_phantom(5, "malignant", matrix=96)
    hu = np.asarray(phantom.hu).astype(np.int16)
    series = Series(
        patient_id="nobody",
        study_uid="1.2.3",
        series_uid="1.2.3.4",
        frame_uid="1.2.3.5",
        number=1,
        description="",
        kernel="",
        date="20000101",
    )
    names = [f"{k:03d}.dcm" for k in range(hu.shape[2])]
    folder = tmp_path / "path" / "to" / "scan"
    write_slices(
        folder,
        series,
        hu=hu,
        affine=phantom.affine,
        sop_uid=lambda k: f"1.2.3.6.{k + 1}",
        names=names,
    )
    folder.with_name("dicom_folder").symlink_to(folder)
    runs = tmp_path / "outputs" / "runs"
    runs.mkdir(parents=True)
    (runs / "RUN").symlink_to(trained.folder)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def blocks_of(title: str) -> list[str]:
    """Return the blocks of Python in a section of the how-to."""
    text = (ROOT / "docs" / "how-to.md").read_text(encoding="utf-8")
    section = text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    return re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)


@pytest.mark.parametrize(
    ("title", "files"),
    [("Work in a notebook", ["slices.png"]), ("Use the parts from Python", ["picture.png"])],
)
def test_calls_of_the_howto_run_as_written(
    as_in_the_howto, opengl, monkeypatch, capsys, title, files
):
    monkeypatch.setattr(lungcam.Prediction, "show", lambda self: None)
    names: dict[str, object] = {}
    blocks = [block for block in blocks_of(title) if "lungcam.train" not in block]
    assert len(blocks) == 2
    for block in blocks:
        exec(compile(block, title, "exec"), names)
    for file in files:
        picture = np.asarray(Image.open(as_in_the_howto / file).convert("L"))
        assert picture.std() > 5, "it is not empty"
