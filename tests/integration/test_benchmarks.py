"""Every benchmark runs on tiny input, so that it keeps working."""

import csv
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from benchmarks import (
    cache_kills,
    catalogue,
    contenders,
    epoch,
    explaining,
    lung_mask,
    many,
    markdown,
    nodule_maps,
    peak,
    plain,
    planted,
    reading,
    rendering,
    sample,
    slices,
    tumour_kept,
)
from benchmarks.machine import machine
from benchmarks.plain_loop import main as plain_loop
from lungcam.phantom import make_phantom
from lungcam.phantom.layouts import write_layout
from lungcam.scans import read_scan

from .conftest import TINY, command

MATRIX = 96


def table_rows(markdown: str) -> list[list[str]]:
    """Return the cells of all table rows of a section, without heads and rules."""
    lines = [line for line in markdown.splitlines() if line.startswith("|")]
    rules = [number for number, line in enumerate(lines) if line.startswith("| ---")]
    heads = {number - 1 for number in rules} | set(rules)
    rows = [line for number, line in enumerate(lines) if number not in heads]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Folder like that of the sample data, with phantoms in place of its scans."""
    folder = tmp_path_factory.mktemp("data")
    write_layout(folder / "lidc", "lidc", n=4, matrix=MATRIX, workers=1)
    series = next(file.parent for file in sorted((folder / "lidc").rglob("*.xml")))
    for name in (sample.LIDC, sample.LUNG_DX):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).symlink_to(series)
    write_boxes(series, folder / sample.LUNG_DX_BOXES)
    write_label_map(folder)
    return folder


def write_boxes(series: Path, folder: Path) -> None:
    """Write a VOC box for two slices of a series."""
    import pydicom

    folder.mkdir(parents=True)
    for file in sorted(series.glob("*.dcm"))[20:22]:
        uid = pydicom.dcmread(file, stop_before_pixels=True).SOPInstanceUID
        (folder / f"{uid}.xml").write_text(
            "<annotation><object><bndbox><xmin>20</xmin><ymin>20</ymin><xmax>30</xmax>"
            "<ymax>30</ymax></bndbox></object></annotation>"
        )


def write_label_map(folder: Path) -> None:
    """Write a phantom and its lungs as the Chest Imaging Platform does."""
    phantom = make_phantom(0, "healthy", matrix=MATRIX)
    lps = np.diag([-1.0, -1, 1]) @ phantom.affine[:3]
    spacing = np.linalg.norm(lps[:, :3], axis=0)
    labels = phantom.lungs.astype(np.uint16) * tumour_kept.cip_lungs.__globals__["CIP_LUNGS"][0]
    for name, voxels in ((sample.CIP, phantom.hu), (sample.CIP_LABELS, labels)):
        image = sitk.GetImageFromArray(voxels.T)
        image.SetSpacing(spacing)
        image.SetDirection((lps[:, :3] / spacing).ravel())
        image.SetOrigin(lps[:, 3])
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        sitk.WriteImage(image, str(folder / name))


@pytest.fixture
def quick(monkeypatch):
    """Measure once, on coarse voxels, without a process for each measurement of memory."""
    few = {
        name: contenders.CONTENDERS[name]
        for name in (contenders.PLAIN, contenders.ITK, "lungcam, cavity", lung_mask.DEFAULT)
    }
    for module, name in (
        (plain, "STEP_MM"),
        (tumour_kept, "STEP_MM"),
        (tumour_kept, "COARSE_STEP_MM"),
    ):
        monkeypatch.setattr(module, name, 6.0)
    monkeypatch.setattr(lung_mask, "CONTENDERS", few)
    for module in (lung_mask, slices, reading):
        monkeypatch.setattr(module, "ROUNDS", 1)
    for module in (lung_mask, slices):
        monkeypatch.setattr(module, "extra_bytes_apart", lambda name, file: 2**20)
    monkeypatch.setattr(slices, "COUNTS", (20, 30))
    monkeypatch.setattr(tumour_kept, "PHANTOMS_EACH", 1)
    monkeypatch.setattr(tumour_kept, "PHANTOM_MATRIX", MATRIX)
    monkeypatch.setattr(tumour_kept, "ATTACHMENTS", ("wall", "none"))
    monkeypatch.setattr(tumour_kept, "SIMULATED", 4)


def test_masks_are_compared(data, quick):
    rows = table_rows(lung_mask.section(data))
    assert [row[0] for row in rows] == list(lung_mask.CONTENDERS)
    assert all(row[4] == "1" for row in rows)


def test_growth_with_slices(data, quick):
    assert [row[1] for row in table_rows(slices.section(data))] == ["20", "30"] * 3


def test_shares_of_tumours_are_measured(data, quick):
    rows = {row[0]: row[1:] for row in table_rows(tumour_kept.section(data))}
    assert rows["Phantoms: none"][0] == "1"
    assert {"Simulated: wall", "Simulated: mediastinum", "CIP, lungs kept"} <= set(rows)
    assert float(rows["LIDC-IDRI-0001: any reader"][-1]) == 1


@pytest.mark.filterwarnings("ignore")  # of the other readers
def test_readers_are_compared(data, quick):
    rows = {row[0]: row[1:] for row in table_rows(reading.section(data))}
    assert len(rows) == 6
    assert {row[-1] for row in rows.values()} == {"100%"}


def test_memory_of_a_contender_is_measured(data, tmp_path, monkeypatch, capsys):
    sample.save(sample.read(data, sample.LIDC), tmp_path / "scan.npz")
    arguments = ["peak", lung_mask.DEFAULT, str(tmp_path / "scan.npz")]
    monkeypatch.setattr(sys, "argv", arguments)
    peak.main()
    assert int(capsys.readouterr().out) >= 0


def test_trees_are_indexed(tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "PLAIN_COUNT", 20)
    ((count, *_, seconds),) = table_rows(catalogue.section(tmp_path, (20,)))
    assert (count, seconds != "-") == ("20", True)


def test_an_epoch_is_compared(monkeypatch):
    monkeypatch.setattr(epoch, "COHORTS", ())
    case = epoch.Case(name="tiny", shape=(16, 16, 16), samples=40, batch=4)
    ((name, *_, waiting),) = table_rows(epoch.section([case], epochs=2))
    assert name == "tiny"
    assert waiting.endswith("%")


def test_memory_of_an_epoch_is_measured():
    peak, anonymous = epoch.memory_growth(60)
    assert peak >= 0
    assert np.isfinite(anonymous)


def test_maps_land_where_they_belong():
    rows = {row[0]: row[1:] for row in table_rows(planted.section(count=4))}
    assert rows[planted.EXACT][-1] == "100.0%"


def test_explanations_are_timed(monkeypatch):
    monkeypatch.setattr(explaining, "NETS", {"small3d": explaining.NETS["small3d"]})
    ((name, *_),) = table_rows(explaining.section(rounds=1))
    assert name == "small3d, conv3"


def test_pictures_are_timed(opengl, monkeypatch, trained, workplace):
    monkeypatch.setattr(rendering, "SHAPE", (256, 256, 20))
    monkeypatch.setattr(rendering, "PIXELS", 64)
    assert len(table_rows(rendering.section(ours=1, theirs=1))) == 2
    scan = sorted((workplace / "outputs" / "cache" / "phantoms").glob("*/phantom-0000.nii.gz"))[0]
    assert "GIF of" in rendering.turn(scan, trained.folder)


@pytest.fixture(scope="module")
def crops(workplace) -> Path:
    """Table of crops around nodules of phantoms, with masks."""
    folder = workplace / "crops"
    folder.mkdir()
    rows = []
    for number in range(16):
        kind = "malignant" if number % 2 else "benign"
        phantom = make_phantom(number, kind, matrix=96)
        row = {"sample_id": f"n{number}", "patient_id": f"p{number}", "label": number % 2}
        for column, voxels in (("image", phantom.hu), ("mask", phantom.nodule.astype(np.uint8))):
            lps = np.diag([-1.0, -1, 1]) @ phantom.affine[:3]
            spacing = np.linalg.norm(lps[:, :3], axis=0)
            image = sitk.GetImageFromArray(voxels.T)
            image.SetSpacing(spacing)
            image.SetDirection((lps[:, :3] / spacing).ravel())
            image.SetOrigin(lps[:, 3])
            row[column] = f"{column}_{number}.nii.gz"
            sitk.WriteImage(image, str(folder / row[column]))
        x, y, z = phantom.center_mm
        rows.append(row | {"coordX": -x, "coordY": -y, "coordZ": z, "diameter_mm": 10})
    with (folder / "nodules.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return folder / "nodules.csv"


def test_maps_of_nodules_are_measured(crops, workplace):
    small = [setting for setting in TINY if not setting.startswith("data.")]
    done = command(
        "train.py",
        *("data=table", f"data.table={crops}", "view=nodule", "model=nodule"),
        *("view.shape=[16,16,16]", "view.spacing_mm=2", "callbacks=checkpoint"),
        *small,
        "hydra.run.dir=folds/fold_0",
        cwd=workplace,
    )
    assert done.returncode == 0, done.stderr
    rows = table_rows(nodule_maps.section(workplace / "folds" / "fold_", crops, every=100))
    assert {"gradcam", "occlusion", "untrained", "the crop's middle"} <= {row[0] for row in rows}


def test_many_scans_are_predicted_after_a_kill(trained, tmp_path):
    damaged = many.lay_out(tmp_path, 10)
    table = tmp_path / "table.csv"
    seconds, *_ = many.watch(str(trained.folder), table, tmp_path / "whole")
    assert seconds > 0
    expected = many.answers(tmp_path / "whole")
    assert expected["errors"] == damaged
    kills, orphans = many.kill(str(trained.folder), table, tmp_path / "killed", 1, 5)
    assert (kills, orphans) == (1, 0)
    assert many.answers(tmp_path / "killed") == expected
    plain_loop(trained.folder, table, tmp_path / "plain")
    assert many.finished(tmp_path / "plain") == 5


def test_a_killed_cache_is_completed(monkeypatch, capsys):
    monkeypatch.setattr(cache_kills, "SCANS", 8)
    monkeypatch.setattr(sys, "argv", ["cache_kills", "--kills", "1"])
    cache_kills.main()
    assert "0 damaged" in capsys.readouterr().out


def test_the_machine_is_described():
    assert "Processor: " in machine()
    assert markdown.table(["a", "b"], [[1, 2]]).splitlines()[-1] == "| 1 | 2 |"


def test_a_read_scan_is_recut(data):
    scan = read_scan(data / sample.LIDC)
    cut = slices.recut(scan, 20)
    assert cut.hu.shape[2] == 20
    height = scan.hu.shape[2] * scan.grid.spacing_mm[2]
    assert 20 * cut.grid.spacing_mm[2] == pytest.approx(height)


def test_sections_measured_elsewhere_stay_on_the_page():
    page = "# Old\n\nold head\n\n## Time\n\nold\n\n## By hand\n\nkept\n\n### below\n"
    renewed = markdown.with_sections(
        page, "# New\n\nhead\n", ["## Time\n\nnew\n", "## Memory\n\nx\n"]
    )
    assert renewed == (
        "# New\n\nhead\n\n## Time\n\nnew\n\n## By hand\n\nkept\n\n### below\n\n## Memory\n\nx\n"
    )
