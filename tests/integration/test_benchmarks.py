"""Every benchmark runs on tiny input, so that it keeps working."""

import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from benchmarks import (
    cache_kills,
    catalogue,
    contenders,
    device_equality,
    ensembles,
    epoch,
    explaining,
    gpu,
    instruction_sets,
    lung_mask,
    many,
    markdown,
    nodule_maps,
    peak,
    plain,
    planted,
    quick,
    reading,
    rendering,
    sample,
    searching,
    slices,
    startup,
    training_steps,
    tumour_kept,
)
from benchmarks.device import Plan
from benchmarks.machine import machine
from benchmarks.measure import Times, alternate
from benchmarks.plain_loop import main as plain_loop
from lungcam.phantom import make_phantom
from lungcam.phantom.layouts import write_layout
from lungcam.scans import read_scan

from .conftest import TINY, command

pytestmark = pytest.mark.slow

MATRIX = 96


def read(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


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
def here(monkeypatch):
    """Measure in this process, on its own instruction set alone."""

    def measure(function, limits, **arguments):
        return function(**json.loads(json.dumps(arguments, default=str)))

    monkeypatch.setattr(instruction_sets, "measure_apart", measure)
    monkeypatch.setattr(instruction_sets, "instruction_sets", lambda: {"here": {}})


@pytest.fixture
def fast(monkeypatch, here):
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
        monkeypatch.setattr(module, "ROUNDS", 0)
    for module in (lung_mask, slices):
        monkeypatch.setattr(module, "extra_bytes_apart", lambda name, file: 2**20)
    monkeypatch.setattr(slices, "COUNTS", (60, 80))
    monkeypatch.setattr(tumour_kept, "PHANTOMS_EACH", 1)
    monkeypatch.setattr(tumour_kept, "PHANTOM_MATRIX", MATRIX)
    monkeypatch.setattr(tumour_kept, "ATTACHMENTS", ("wall", "none"))
    monkeypatch.setattr(tumour_kept, "SIMULATED", 4)


def test_masks_are_compared(data, fast):
    rows = {row[0]: row[1:] for row in table_rows(lung_mask.section(data))}
    assert list(rows) == list(lung_mask.CONTENDERS)
    assert {row[2] for row in rows.values()} == {"1"}
    assert rows[lung_mask.DEFAULT][0] == "1.00"


def test_growth_with_slices(data, fast):
    names = [row[0].rpartition(", ")[2] for row in table_rows(slices.section(data))]
    assert names == ["60 slices", "80 slices"] * 2


def test_shares_of_tumours_are_measured(data, fast):
    rows = {row[0]: row[1:] for row in table_rows(tumour_kept.section(data))}
    assert rows["Phantoms: none"][0] == "1"
    assert {"Simulated: wall", "Simulated: mediastinum", "CIP, lungs kept"} <= set(rows)
    assert float(rows["LIDC-IDRI-0001: any reader"][-1]) == 1


@pytest.mark.filterwarnings("ignore")  # of the other readers
def test_readers_are_compared(data, fast):
    rows = {row[0]: row[1:] for row in table_rows(reading.section(data))}
    assert len(rows) == 6
    assert {row[-1] for row in rows.values()} == {"100%"}


def test_memory_of_a_contender_is_measured(data, tmp_path, monkeypatch, capsys):
    sample.save(sample.read(data, sample.LIDC), tmp_path / "scan.npz")
    arguments = ["peak", lung_mask.DEFAULT, str(tmp_path / "scan.npz")]
    monkeypatch.setattr(sys, "argv", arguments)
    peak.main()
    assert int(capsys.readouterr().out) >= 0


def test_trees_are_indexed(monkeypatch, here):
    monkeypatch.setattr(catalogue, "ROUNDS", 0)
    names = [row[0] for row in table_rows(catalogue.section((20,)))]
    assert names == [
        f"{name}, 20 series" for name in ("lungcam, first", "lungcam, again", "pydicom")
    ]


def test_an_epoch_is_compared(monkeypatch, here):
    monkeypatch.setattr(epoch, "COHORTS", ())
    case = epoch.Case(name="tiny", shape=(16, 16, 16), samples=40, batch=4)
    monkeypatch.setattr(epoch, "CASES", (case,))
    rows = {row[0]: row[1:] for row in table_rows(epoch.section(epochs=2))}
    assert list(rows) == ["tiny: bare loop", "tiny: lungcam", "tiny: waiting"]
    assert 0 < float(rows["tiny: waiting"][0]) < 1


def test_memory_of_an_epoch_is_measured():
    peak, anonymous = epoch.memory_growth(60)
    assert peak >= 0
    assert np.isfinite(anonymous)


def test_maps_land_where_they_belong():
    rows = {row[0]: row[1:] for row in table_rows(planted.section(count=4))}
    assert rows[planted.EXACT][-1] == "100.0%"


def test_explanations_are_timed(monkeypatch, here):
    monkeypatch.setattr(explaining, "NETS", {"small3d": explaining.NETS["small3d"]})
    rows = table_rows(explaining.section(rounds=0))
    assert [row[0] for row in rows] == [
        f"small3d, conv3: {name}" for name in ("forward pass", "grad_cam", "explain", "MONAI")
    ]


def test_a_picture_is_timed(opengl, monkeypatch, here):
    for name, value in (("SHAPE", (64, 64, 20)), ("PIXELS", 64), ("FRAMES_EACH", 0)):
        monkeypatch.setattr(rendering, name, value)
    assert [row[0] for row in table_rows(rendering.section())] == [rendering.OURS, rendering.THEIRS]


def test_a_turntable_is_timed(opengl, trained, workplace):
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


def test_several_nets_are_compared_on_patients_that_were_left_out(crops, tmp_path):
    small = [setting for setting in TINY if not setting.startswith(("data.", "split."))]
    settings = (
        *("data=table", "view=nodule", "model=nodule", "view.shape=[16,16,16]"),
        *("view.spacing_mm=2", "callbacks=checkpoint", "split.val=0.4", *small),
    )
    text = ensembles.section(crops, tmp_path, outer=2, inner=2, settings=settings)
    rows = {row[0]: row[1:] for row in table_rows(text)}
    assert list(rows) == ["one net", "2 nets", "2 nets, mirror images", "each net alone"]
    assert "16 samples of 16 patients, 8 positive" in " ".join(text.split())
    for fold in range(2):
        folder = tmp_path / f"outer_{fold}"
        known = {row["patient_id"] for row in read(folder / "cv" / "fold_0" / "splits.csv")}
        left_out = {row["patient_id"] for row in read(folder / "test.csv")}
        assert len(known) == len(left_out) == 8
        assert not known & left_out
    # finished trainings are kept
    before = (tmp_path / "outer_0" / "cv" / "metrics.json").stat().st_mtime_ns
    assert ensembles.section(crops, tmp_path, outer=2, inner=2, settings=settings) == text
    assert (tmp_path / "outer_0" / "cv" / "metrics.json").stat().st_mtime_ns == before


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


def test_many_scans_are_timed(trained, tmp_path, here):
    many.lay_out(tmp_path, 10)
    results = instruction_sets.on_each_set(
        many.measure, ckpt=trained.folder, scan=tmp_path / "scans", folder=tmp_path, count=5
    )
    assert len(table_rows(many.speed_table(results))) == 4


def test_start_up_is_timed(monkeypatch, trained, data, here):
    monkeypatch.setattr(startup, "ROUNDS", 0)
    monkeypatch.setattr(startup, "COPIES", 2)
    monkeypatch.setattr(startup, "REPEATS", 1)
    monkeypatch.setattr(startup, "train_briefly", lambda *_: trained.folder)
    rows = {row[0]: row[1:] for row in table_rows(startup.section(data))}
    assert {startup.HELP, startup.WRONG, startup.PICTURE, startup.WARM} <= set(rows)


def test_a_command_that_ends_otherwise_is_no_timing(tmp_path):
    with pytest.raises(RuntimeError, match="ckpt=none scan=none"):
        startup.run(["infer.py", "ckpt=none", "scan=none"], tmp_path)


def test_a_search_is_timed(monkeypatch, data, here):
    monkeypatch.setattr(searching, "ROUNDS", 0)
    text = searching.section(data)
    assert [row[0] for row in table_rows(text)] == [searching.OURS, searching.PEER]
    assert "A search takes" in text


def test_training_steps_are_judged(monkeypatch, here):
    cases = training_steps.cases(small=True)
    monkeypatch.setattr(training_steps, "CASES", {net: cases[net] for net in ("small3d", "nodule")})
    text = training_steps.section(rounds=0)
    assert len(table_rows(text)) == 2 * 5
    assert "default" in text.splitlines()[-1]


@pytest.mark.parametrize(("default_s", "sentence"), [(1.4, "no default is"), (1.6, "a default IS")])
def test_a_slow_default_is_named(default_s, sentence):
    setting = training_steps.SETTINGS[0]
    times = {
        training_steps.row(net, *key): Times.of([seconds])
        for net in training_steps.CASES
        for key, seconds in [
            ((training_steps.DEFAULT,), default_s if net == "nodule" else 1.0),
            *((other, 1.0 if other == setting else 5.0) for other in training_steps.SETTINGS),
        ]
    }
    verdict = training_steps.verdict("AVX2", {"AVX2": times})
    assert sentence in verdict
    assert f"`nodule`, takes {default_s:.2f} times" in verdict


def test_a_killed_cache_is_completed(monkeypatch, capsys):
    monkeypatch.setattr(cache_kills, "SCANS", 8)
    monkeypatch.setattr(sys, "argv", ["cache_kills", "--kills", "1"])
    cache_kills.main()
    assert "0 damaged" in capsys.readouterr().out


def test_this_machine_is_compared_with_the_reference(monkeypatch, here):
    for name, value in (("MATRIX", MATRIX), ("PIXELS", 32), ("ROUNDS", 0)):
        monkeypatch.setattr(quick, name, value)
    monkeypatch.setattr(plain, "STEP_MM", 6.0)
    page = f"# Page\n\n{quick.section()}\n## Another\n\n| a | times the peer |\n"
    kept = quick.reference(page)
    assert list(kept) == ["reference, here"]
    rows = table_rows(quick.compare(page))
    assert len(rows) == len(quick.PEERS)
    assert [row[-1] for row in rows] == list(kept["reference, here"].values())


def test_a_page_without_reference_is_no_obstacle():
    assert quick.reference("# Page\n\n## Another\n") == {}


def test_a_process_is_held_to_avx2():
    program = (
        "import json, numpy, torch\n"
        "extensions = numpy.show_config('dicts')['SIMD Extensions']['found']\n"
        "print(json.dumps([torch.backends.cpu.get_cpu_capability(), extensions]))"
    )
    env = os.environ | instruction_sets.avx2_limits()
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        env=env,
        check=True,
    )
    capability, extensions = json.loads(done.stdout)
    assert "512" not in capability
    assert not {name for name in extensions if "512" in name or name == "X86_V4"}


def test_a_measurement_in_another_process_comes_back(tmp_path):
    catalogue.make_tree(tmp_path / "3", 3)
    times = instruction_sets.measure_apart(catalogue.measure, {}, folder=tmp_path)
    assert list(times) == [
        f"{name}, 3 series" for name in ("lungcam, first", "lungcam, again", "pydicom")
    ]
    assert all(seconds.median > 0 for seconds in times.values())


def test_slow_calls_are_not_repeated():
    calls = []
    times = alternate(
        {
            "slow": lambda: (calls.append("slow"), time.sleep(0.02)),
            "fast": lambda: calls.append("fast"),
        },
        rounds=3,
        limit_s=0.01,
    )
    assert calls.count("slow") == 1
    assert calls.count("fast") == 4
    assert times["slow"].runs == (times["slow"].first,)
    assert len(times["fast"].runs) == 3


def test_ratios_are_to_the_median_of_the_peer():
    results = {"X": {"ours": Times.of([9, 1, 2, 6]), "peer": Times.of([9, 3, 4, 100])}}
    (row,) = table_rows(markdown.ratio_table(results, {"ours": "peer"}, ratio="times"))
    assert row == ["ours", "0.50 (0.25-1.50)", "2.00 (1.00-6.00)"]
    assert markdown.ratios(results, "ours", "peer") == "0.50 times (X)"


def test_all_that_a_card_is_asked_runs_on_the_cpu(tmp_path):
    with pytest.raises(SystemExit) as end:
        gpu.main(["--out", str(tmp_path), "--device", "cpu", "--small", "--minutes", "60"])
    text = (tmp_path / gpu.FILE).read_text()
    assert end.value.code == 0, text
    assert "Failed" not in text
    assert "| NO |" not in text
    assert text.count("\n## ") == len(gpu.parts())


def test_a_part_that_fails_leaves_the_others(tmp_path, monkeypatch):
    parts = {"bad": lambda plan: 1 / 0, "good": lambda plan: "## Good\n"}
    monkeypatch.setattr(gpu, "parts", lambda: parts)
    plan = Plan(torch.device("cpu"), True, tmp_path)
    assert gpu.run(plan, tmp_path / "out.md", seconds=60) == 1
    text = (tmp_path / "out.md").read_text()
    assert "ZeroDivisionError" in text
    assert "## Good" in text
    assert gpu.run(plan, tmp_path / "out.md", seconds=0) == 0
    assert (tmp_path / "out.md").read_text().count("Left out") == 2


def test_a_wrong_device_is_seen(tmp_path, monkeypatch):
    honest = device_equality.answers
    calls = iter(range(1_000))

    def wrong(net, image, layer):
        logits, maps = honest(net, image, layer)
        return (logits, maps) if next(calls) % 4 == 0 else (logits, maps.flip(-1))

    monkeypatch.setattr(device_equality, "answers", wrong)
    rows = table_rows(device_equality.section(Plan(torch.device("cpu"), True, tmp_path)))
    assert {row[-1] for row in rows} == {"NO"}


def test_the_machine_is_described():
    text = machine()
    assert "Processor: " in text
    assert "torch computes with" in text
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
