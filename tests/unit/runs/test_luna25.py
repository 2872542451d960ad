"""A case of LUNA25 in the container's files, with a net that measures what it sees."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from lungcam.cli.luna25 import run
from lungcam.errors import InputError
from lungcam.grid import LPS_TO_RAS
from lungcam.phantom.layouts.luna16 import write_metaimage
from lungcam.phantom.phantom import make_phantom
from lungcam.runs import luna25
from lungcam.transforms import NoduleView, pipeline


class Brightness:
    """Ensemble with the mean of the input as its logit."""

    transforms = pipeline({"view": NoduleView(shape=(8, 8, 8), spacing_mm=2)})
    fit = None
    task = SimpleNamespace(
        name="malignancy",
        prediction=lambda logits, fit: {"probability": 1 / (1 + np.exp(-float(logits)))},
    )

    def logits(self, image):
        return image.mean().numpy()

    def combine(self, logits):
        return logits


@pytest.fixture
def case(tmp_path, monkeypatch):
    """Folder of a phantom's case with its nodule and two places of lung; and a checkpoint."""
    phantom = make_phantom(1, "malignant", matrix=64)
    folder = tmp_path / "input" / "images" / "chest-ct"
    folder.mkdir(parents=True)
    lps = LPS_TO_RAS @ phantom.affine
    write_metaimage(folder / "1.2.3.mha", phantom.hu, affine=lps, compressed=False)
    # apart from the nodule, in the other lung
    x, y, z = np.array(phantom.center_mm) * (-1, -1, 1)
    points = [
        {"name": "7", "point": [-x, y, z]},
        {"name": "3", "point": [x, y, z]},
    ]
    locations = {
        "name": "Points of interest",
        "type": "Multiple points",
        "points": points,
        "version": {"major": 1, "minor": 0},
    }
    (tmp_path / "input" / "nodule-locations.json").write_text(json.dumps(locations))
    monkeypatch.setattr(luna25, "load_ensemble", lambda *_, **__: Brightness())
    monkeypatch.setattr("lungcam.cli.luna25.find_checkpoints", lambda ckpt: [tmp_path / "a.ckpt"])
    return tmp_path


def rate(case) -> dict:
    settings = {"ckpt": "a.ckpt", "input": str(case / "input"), "output": str(case / "output")}
    assert run([], settings) == 0
    (file,) = (case / "output").iterdir()
    assert file.name == "lung-nodule-malginancy-likelihoods.json"
    return json.loads(file.read_text())


def test_points_come_back_in_order_with_probabilities(case):
    result = rate(case)
    given = json.loads((case / "input" / "nodule-locations.json").read_text())
    assert {key: result[key] for key in ("name", "type", "version")} == {
        key: given[key] for key in ("name", "type", "version")
    }
    assert [(p["name"], p["point"]) for p in result["points"]] == [
        (p["name"], p["point"]) for p in given["points"]
    ]
    other, nodule = (point["probability"] for point in result["points"])
    assert 0 < other < nodule < 1


def test_a_case_without_nodules_is_written_too(case):
    (case / "input" / "nodule-locations.json").write_text('{"points": []}')
    assert rate(case) == {"points": []}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "no JSON"),
        ("[]", '"points" is no list'),
        ('{"points": [{"name": "1", "point": [1, 2]}]}', '"points" is no list'),
        ('{"points": [{"name": "1", "point": [1, 2, "x"]}]}', '"points" is no list'),
        ('{"points": [{"name": "1", "point": [5000, 0, 0]}]}', "outside the image"),
    ],
)
def test_a_faulty_list_is_refused_and_nothing_written(case, content, message):
    (case / "input" / "nodule-locations.json").write_text(content)
    with pytest.raises(InputError, match=message) as caught:
        rate(case)
    assert "\n" not in str(caught.value)
    assert not (case / "output").exists()


def test_a_case_with_two_scans_or_a_net_of_whole_chests_is_refused(case, monkeypatch):
    monkeypatch.setattr(luna25, "shows_whole_chest", lambda _: True)
    with pytest.raises(InputError, match="does not rate nodules"):
        rate(case)
    (case / "input/images/chest-ct/2.mha").write_text("another")
    with pytest.raises(InputError, match=r"there are 2 \.mha files"):
        rate(case)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "luna25: give a net"),
        ({"ckpt": "a", "input": "gone"}, "check input="),
        ({"ckpt": "a", "input": ".", "tta": "all"}, "choose flips"),
    ],
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        run([], settings)
