"""Localisation with known figures: the net is an oracle that marks bright voxels."""

import csv
import json
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest
import torch
from torch import nn

from lungcam.cohorts import Sample, ScanNodule
from lungcam.evaluation.candidate_sources import BASELINES, CandidateSources, blobs_of
from lungcam.evaluation.localisation import Localiser, peak_shares
from lungcam.evaluation.localisation_report import report_localisation
from lungcam.explain import Explainer, ball_share, peaks
from lungcam.grid import Grid
from lungcam.metrics import Calibration
from lungcam.nets import LogitNet

AFFINE = np.array([[-4.0, 0, 0, 60], [0, 4, 0, -50], [0, 0, 4, -100], [0, 0, 0, 1]])
# gives the untrained net a negative weight
SEED = 0
GRID = Grid((32, 24, 28), AFFINE)
LUNGS = np.zeros(GRID.shape, bool)
LUNGS[2:14, 2:22, 2:26], LUNGS[18:30, 2:22, 2:26] = True, True


class Bright(nn.Module):
    """Net with the brightest voxel as its logit, and the image as its map."""

    def __init__(self, sign: float = 1.0):
        super().__init__()
        self.same = nn.Conv3d(1, 1, 1, bias=False)
        nn.init.constant_(self.same.weight, 1.0)
        self.sign = sign

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.sign * self.same(image).amax(dim=(2, 3, 4))


def classifier(sign: float = 1.0) -> LogitNet:
    return LogitNet(Bright(sign)).eval()


@pytest.fixture
def localiser():
    """The oracle and an untrained net with a negative weight, which has no peak."""
    sources = CandidateSources(
        classifier(), Explainer(layer="net.same"), probability=Calibration().probability, seed=SEED
    )
    return Localiser(sources, whole_chest=True)


def image_of(*balls) -> torch.Tensor:
    """Return an image of balls `(center_mm, diameter_mm, brightness)` on black."""
    image = np.zeros(GRID.shape, np.float32)
    for center, diameter, bright in balls:
        image += bright * ball_share(np.array(center), diameter, grid=GRID)
    return torch.from_numpy(image)[None, None]


def world(*index) -> tuple[float, float, float]:
    return tuple(float(mm) for mm in GRID.to_world(index))


def sample(name: str, label: int | None, tmp_path, **known) -> Sample:
    return Sample(
        sample_id=name,
        patient_id=f"person-{name}",
        image=tmp_path / f"{name}.nii",
        label=label,
        label_source="",
        **known,
    )


def report(localiser, folder):
    lines = report_localisation(localiser, folder, label_rule="label 1: bright", seed=0)
    record = json.loads((folder / "localisation.json").read_text())
    with (folder / "localisation.csv").open() as file:
        rows = list(csv.DictReader(file))
    with (folder / "candidates.csv").open() as file:
        candidates = list(csv.DictReader(file))
    return record, rows, candidates, lines


def test_an_oracle_finds_every_lesion(localiser, tmp_path):
    places = [world(7, 9, 12), world(22, 12, 8), world(25, 15, 20)]
    for name, place in enumerate(places):
        positive = sample(str(name), 1, tmp_path, center_mm=place, diameter_mm=16.0 - 5 * name)
        localiser.add(positive, image_of((place, 16.0 - 5 * name, 1.0)), grid=GRID, lungs=LUNGS)
    localiser.add(sample("healthy", 0, tmp_path), image_of(), grid=GRID, lungs=LUNGS)
    record, rows, candidates, lines = report(localiser, tmp_path)
    figures = record["sizes"]["all"]
    assert (figures["n"], figures["n_patients"]) == (3, 3)
    for name in ("peak_within_radius", "peak_within_radius_5mm"):
        assert figures[name]["value"] == 1
        assert figures[name]["ci95"][0] < 1
        assert set(figures[name]["baselines"]) == set(BASELINES)
        assert figures[name]["baselines"]["untrained"]["value"] == 0
        assert 0 < figures[name]["baselines"]["random"]["value"] < 0.1
    assert figures["distance_mm"]["value"] < 1
    # a map without a peak is infinitely far
    assert figures["distance_mm"]["baselines"]["untrained"]["value"] is None
    assert figures["energy_inside"]["value"] > 0.4
    assert "center" not in figures["energy_inside"]["baselines"]
    assert "peak_in_mask" not in figures
    assert figures["froc"]["cpm"] == 1
    assert figures["froc"]["n_images"] == 4
    assert figures["froc"]["baselines"]["untrained"]["cpm"] == 0
    sizes = {name: size["n"] for name, size in record["sizes"].items()}
    assert sizes == {"all": 3, "6_to_15_mm": 2, "above_15_mm": 1}
    # a lesion of another size counts neither way
    assert record["sizes"]["above_15_mm"]["froc"]["n_excluded"] == 2
    assert record["sizes"]["above_15_mm"]["froc"]["cpm"] == 1
    assert [row["sample_id"] for row in rows] == ["0", "1", "2"]
    assert list(candidates[0]) == ["seriesuid", "coordX", "coordY", "coordZ", "probability"]
    # LPS, and the sample's id for a scan without a UID
    assert [row["seriesuid"] for row in candidates] == ["0", "1", "2"]
    point = [float(candidates[1][f"coord{axis}"]) for axis in "XYZ"]
    np.testing.assert_allclose(point, np.array(places[1]) * (-1, -1, 1), atol=1)
    assert any("peak within the lesion's radius 1.000" in line for line in lines)
    assert {"peak", "froc", "random", "untrained", "ci95"} <= set(record["rules"])


def test_a_benign_lesion_is_a_false_positive_and_an_excluded_nodule_is_not(localiser, tmp_path):
    place, other = world(7, 9, 12), world(22, 12, 8)
    both = image_of((place, 12.0, 1.0), (other, 12.0, 2.0))
    known = {"center_mm": place, "diameter_mm": 12.0}
    localiser.add(sample("a", 1, tmp_path, **known), both, grid=GRID, lungs=LUNGS)
    localiser.add(
        sample("b", 0, tmp_path, center_mm=other, diameter_mm=12.0), both, grid=GRID, lungs=LUNGS
    )
    record, *_ = report(localiser, tmp_path)
    figures = record["sizes"]["all"]
    assert figures["n"] == 1
    assert figures["peak_within_radius"]["value"] == 0
    # false positives rank before the hit: one in either scan, and two in "b"
    assert figures["froc"]["sensitivity_at"]["0.5"] < 1

    excluding = Localiser(localiser.sources, whole_chest=True)
    nodules = (ScanNodule(place, 12.0, True), ScanNodule(other, 12.0, False))
    excluding.add(sample("a", 1, tmp_path, nodules=nodules, **known), both, grid=GRID, lungs=LUNGS)
    record, *_ = report(excluding, tmp_path)
    froc = record["sizes"]["all"]["froc"]
    # the sample's own lesion is counted once
    assert (froc["n_lesions"], froc["n_excluded"], froc["cpm"]) == (1, 1, 1)


def test_rows_of_one_scan_share_its_candidates(localiser, tmp_path):
    places = [world(7, 9, 12), world(22, 12, 8)]
    image = image_of(*((place, 12.0, 1.0) for place in places))
    for name, place in zip("ab", places, strict=True):
        row = Sample(
            sample_id=name,
            patient_id="person",
            image=tmp_path / "scan.nii",
            label=1,
            label_source="",
            center_mm=place,
            diameter_mm=12,
        )
        localiser.add(row, image, grid=GRID, lungs=LUNGS)
    record, rows, candidates, _ = report(localiser, tmp_path)
    assert record["n_images"] == 1
    assert (len(rows), len(candidates)) == (2, 2)
    assert record["sizes"]["all"]["froc"]["n_lesions"] == 2
    assert record["sizes"]["all"]["froc"]["cpm"] == 1


def test_overlapping_nodules_of_a_scan_are_two(localiser, tmp_path):
    place, neighbour = world(7, 9, 12), world(8, 9, 12)
    nodules = (ScanNodule(neighbour, 12.0, True), ScanNodule(place, 12.0, True))
    positive = sample("a", 1, tmp_path, center_mm=place, diameter_mm=12.0, nodules=nodules)
    localiser.add(positive, image_of((place, 12.0, 1.0)), grid=GRID, lungs=LUNGS)
    (result,) = localiser.images.values()
    centers = sorted(target.center_mm.tolist() for target in result.targets)
    assert centers == sorted([list(place), list(neighbour)])
    # a candidate in both nodules finds both
    assert report(localiser, tmp_path)[0]["sizes"]["all"]["froc"]["cpm"] == 1


def test_nodules_outside_a_crop_do_not_count(localiser, tmp_path):
    cropped = Localiser(localiser.sources, whole_chest=False)
    place, far = world(7, 9, 12), world(300, 9, 12)
    nodules = (ScanNodule(place, 12.0, True), ScanNodule(far, 12.0, True))
    positive = sample("a", 1, tmp_path, center_mm=place, diameter_mm=12.0, nodules=nodules)
    everything = np.ones(GRID.shape, bool)
    cropped.add(positive, image_of((place, 12.0, 1.0)), grid=GRID, lungs=everything)
    localiser.add(positive, image_of((place, 12.0, 1.0)), grid=GRID, lungs=LUNGS)
    assert len(cropped.images["a"].targets) == 1
    (whole,) = localiser.images.values()
    assert len(whole.targets) == 2


def test_a_mask_defines_the_lesion(localiser, tmp_path):
    mask = ball_share(np.array(world(7, 9, 12)), 14.0, grid=GRID) >= 0.5
    nib.save(nib.Nifti1Image(mask.astype(np.uint8), AFFINE), tmp_path / "mask.nii")
    # the mask precedes the table's centre, which may be wrong
    known = {
        "center_mm": world(9, 9, 12),
        "lesion_mask": tmp_path / "mask.nii",
        "lesion_checked": True,
    }
    positive = sample("a", 1, tmp_path, diameter_mm=14.0, **known)
    localiser.add(positive, image_of((world(7, 9, 12), 14.0, 1.0)), grid=GRID, lungs=LUNGS)
    record, rows, *_ = report(localiser, tmp_path)
    assert record["sizes"]["all"]["peak_in_mask"]["value"] == 1
    assert record["sizes"]["all"]["distance_mm"]["value"] < 1
    assert float(rows[0]["coordX"]) == pytest.approx(-world(7, 9, 12)[0], abs=0.1)


def test_an_unreadable_mask_is_replaced_by_the_ball(localiser, tmp_path):
    (tmp_path / "mask.nii").write_text("no volume")
    known = {
        "center_mm": world(7, 9, 12),
        "diameter_mm": 14.0,
        "lesion_mask": tmp_path / "mask.nii",
        "lesion_checked": True,
    }
    image = image_of((world(7, 9, 12), 14.0, 1.0))
    localiser.add(sample("a", 1, tmp_path, **known), image, grid=GRID, lungs=LUNGS)
    record, _, _, lines = report(localiser, tmp_path)
    assert record["n_lesions"] == 1
    assert len(record["notes"]) == 1
    assert "mask.nii" in record["notes"][0]
    assert lines[0] == f"note: {record['notes'][0].rstrip('.')}."


def test_without_a_known_lesion_there_is_one_note(localiser, tmp_path):
    localiser.add(
        sample("a", 1, tmp_path), image_of((world(7, 9, 12), 14.0, 1.0)), grid=GRID, lungs=LUNGS
    )
    record, rows, candidates, lines = report(localiser, tmp_path)
    assert (record["n_lesions"], record["sizes"], rows) == (0, {}, [])
    assert len(candidates) == 1
    (note, _) = lines
    assert note.startswith("note: no lesion's place is known")


def test_peak_shares_are_those_of_the_localised_lesions(localiser, tmp_path):
    places = [world(7, 9, 12), world(22, 12, 8), world(25, 15, 20)]
    # the peak is on the lesion, 4 mm outside of it, and far away
    balls = [places[0], world(22, 12, 11), places[0]]
    samples = [
        sample(str(number), 1, tmp_path, center_mm=place, diameter_mm=16.0)
        for number, place in enumerate(places)
    ]
    # neither a negative nor a positive in an unknown place counts
    samples += [
        sample("negative", 0, tmp_path, center_mm=places[0], diameter_mm=16.0),
        sample("unknown", 1, tmp_path),
    ]
    images = [image_of((ball, 12.0, 1.0)) for ball in [*balls, *places[:2]]]
    dataset = SimpleNamespace(
        samples=samples,
        prepared=lambda row: SimpleNamespace(
            input=images[row][0, 0].numpy(), lungs=LUNGS, grid=GRID
        ),
    )
    shares = peak_shares(localiser.sources.net, localiser.sources.explainer, dataset=dataset)
    for row in range(3):
        localiser.add(samples[row], images[row], grid=GRID, lungs=LUNGS)
    figures = report(localiser, tmp_path)[0]["sizes"]["all"]
    assert shares["peak_n"] == 3
    for name, figure in (
        ("peak_share", "peak_within_radius_5mm"),
        ("peak_share_strict", "peak_within_radius"),
    ):
        assert shares[name] == figures[figure]["value"]
        assert shares[f"{name}_random"] == figures[figure]["baselines"]["random"]["value"]
    assert (shares["peak_share"], shares["peak_share_strict"]) == pytest.approx((2 / 3, 1 / 3))


def test_without_a_positive_in_a_known_place_there_are_no_peak_shares(localiser, tmp_path):
    dataset = SimpleNamespace(samples=[sample("a", 1, tmp_path), sample("b", 0, tmp_path)])
    explainer = localiser.sources.explainer
    assert peak_shares(localiser.sources.net, explainer, dataset=dataset) == {}


def test_the_blob_filter_finds_a_ball_and_no_rod():
    image = image_of()[0, 0].numpy().copy()
    image[:, 6:9, 6:9] += 1.0
    ball = image_of((world(20, 15, 20), 12.0, 1.0))[0, 0].numpy()
    blobs = blobs_of(np.maximum(image, ball), GRID, lungs=LUNGS)
    (highest, *_), _ = peaks(blobs.values, blobs.cells)
    assert np.linalg.norm(highest - np.array(world(20, 15, 20))) < 6
