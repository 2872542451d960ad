"""Reports in a browser, opened from a file without a network."""

import json
import re
from dataclasses import dataclass, field, replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from lungcam import RESEARCH_USE_ONLY
from lungcam.explain import HeatMap
from lungcam.explain.reliability import FAILED
from lungcam.grid import Grid
from lungcam.inference.trust import PHANTOM_MARK
from lungcam.report.page import Html, write_page
from lungcam.report.scan_cards import ScanReport
from lungcam.report.scan_page import scan_page
from lungcam.report.scan_volume import reduce_scan

from .conftest import command

pytestmark = pytest.mark.slow

DESKTOP, NARROW = {"width": 1400, "height": 1000}, {"width": 420, "height": 800}
# patient data that no report may contain
PATIENT = {
    "PatientName": "Nightingale^Florence",
    "PatientID": "MRN-4711-0815",
    "PatientBirthDate": "18200512",
    "AccessionNumber": "ACC998877",
    "InstitutionName": "Scutari Barrack Hospital",
    "StudyDate": "18541104",
    "StudyTime": "101112",
    "ReferringPhysicianName": "Herbert^Sidney",
    "StudyDescription": "SECRETSTUDY",
    "SeriesDescription": "SECRETSERIES",
}
LUNG, MEDIASTINUM = (-600, 1500), (40, 400)
# grey values: half a step between levels in the wider window, and rounding
TOLERANCE = 2.5


@dataclass
class OpenPage:
    """Page in a browser, with its messages and requests."""

    page: object
    messages: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def assert_quiet(self) -> None:
        assert self.messages == []
        assert [url for url in self.requests if not url.startswith(("file://", "data:"))] == []

    def wait_for_drawing(self) -> None:
        """Wait for two frames, after which the last change is drawn."""
        self.page.evaluate(
            "() => new Promise(f => requestAnimationFrame(() => requestAnimationFrame(f)))"
        )

    def pixels(self, plane: str) -> np.ndarray:
        """Return the `(h, w, 3)` pixels of a plane's canvas."""
        self.wait_for_drawing()
        width, height, values = self.page.evaluate(
            """plane => {
              const c = document.querySelector(`[data-plane=${plane}] canvas`);
              const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
              return [c.width, c.height, Array.from(d)];
            }""",
            plane,
        )
        return np.reshape(values, (height, width, 4))[..., :3].astype(float)

    def crosshair(self) -> list[int]:
        return self.page.evaluate("() => lungcamScan.crosshair()")

    def move(self, index) -> None:
        self.page.evaluate("index => lungcamScan.move(index)", [int(i) for i in index])
        self.wait_for_drawing()

    def slide(self, name: str, value: float) -> None:
        self.page.locator(f"#{name}").fill(str(value))
        self.wait_for_drawing()


@pytest.fixture
def open_page(browser):
    """Function of (file, viewport, ...): open a page in a context without a network."""
    contexts = []

    def start(file: Path, viewport=DESKTOP, **settings) -> OpenPage:
        context = browser.new_context(offline=True, viewport=viewport, **settings)
        contexts.append(context)
        opened = OpenPage(context.new_page())
        opened.page.on("console", lambda message: opened.messages.append(message.text))
        opened.page.on("pageerror", lambda error: opened.messages.append(str(error)))
        opened.page.on("dialog", lambda dialog: opened.messages.append(dialog.message))
        opened.page.on("request", lambda request: opened.requests.append(request.url))
        opened.page.goto(file.as_uri())
        return opened

    yield start
    for context in contexts:
        context.close()


def write_dicom(volume: nib.Nifti1Image, folder: Path) -> None:
    """Write a series with data of the patient in its headers."""
    folder.mkdir()
    hu, affine = np.asarray(volume.dataobj), np.diag([-1, -1, 1, 1]) @ volume.affine
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    series, study = generate_uid(), generate_uid()
    for k in range(hu.shape[2]):
        item = pydicom.Dataset()
        item.file_meta = pydicom.dataset.FileMetaDataset()
        item.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        item.file_meta.MediaStorageSOPClassUID = item.SOPClassUID = CTImageStorage
        item.file_meta.MediaStorageSOPInstanceUID = item.SOPInstanceUID = generate_uid()
        item.SeriesInstanceUID, item.StudyInstanceUID, item.Modality = series, study, "CT"
        item.ImagePositionPatient = [f"{x:.8g}" for x in affine[:3] @ [0, 0, k, 1]]
        item.ImageOrientationPatient = [f"{x:.8f}" for x in (affine[:3, :2] / spacing[:2]).T.flat]
        item.PixelSpacing, item.SliceThickness = [f"{x:.8g}" for x in spacing[1::-1]], 1
        item.Columns, item.Rows, item.SamplesPerPixel = *hu.shape[:2], 1
        item.BitsAllocated, item.BitsStored, item.HighBit = 16, 16, 15
        item.PixelRepresentation, item.PhotometricInterpretation = 1, "MONOCHROME2"
        item.RescaleSlope, item.RescaleIntercept = 1, 0
        for name, value in PATIENT.items():
            setattr(item, name, value)
        item.PixelData = hu[:, :, k].T.astype("<i2").tobytes()
        item.save_as(folder / f"{k}.dcm", enforce_file_format=True)


@pytest.fixture(scope="module")
def reported(workplace, trained) -> Path:
    """Folder of the results and the report of a DICOM series in an oddly named folder."""
    scan = next(workplace.glob("outputs/cache/phantoms/*/phantom-0001.nii.gz"))
    folder = workplace / 'O\'Hara & <i> "Weiß"'
    write_dicom(nib.load(scan), folder)
    result = command(
        *("infer.py", "ckpt=run", f"scan={folder}", "out=reported", "report=true", "picture=false"),
        cwd=workplace,
    )
    assert result.returncode == 0, result.stderr
    (folder,) = (workplace / "reported").iterdir()
    return folder


def expected_grey(opened: OpenPage, scan: sitk.Image, plane: str, window) -> np.ndarray:
    """Return the grey values of a plane from SimpleITK, at the positions that the page has."""
    shape, affine = opened.page.evaluate("() => [lungcamScan.scan.shape, lungcamScan.scan.affine]")
    across, up = {"axial": (0, 1), "coronal": (0, 2), "sagittal": (1, 2)}[plane]
    index = np.tile(np.array(opened.crosshair(), float), (shape[up], shape[across], 1))
    index[..., across] = np.arange(shape[across])[::-1]
    index[..., up] = np.arange(shape[up])[::-1, None]
    ras = index @ np.array(affine)[:, :3].T + np.array(affine)[:, 3]
    axes = np.reshape(scan.GetDirection(), (3, 3)) * scan.GetSpacing()
    voxels = np.linalg.solve(axes, (ras * (-1, -1, 1) - scan.GetOrigin()).reshape(-1, 3).T)
    assert np.abs(voxels - np.rint(voxels)).max() < 0.01
    x, y, z = np.rint(voxels).astype(int)
    hu = sitk.GetArrayViewFromImage(scan)[z, y, x].reshape(index.shape[:2])
    level, width = window
    # padding counts as air
    return np.clip(((hu.clip(-1024) - level) / width + 0.5) * 255, 0, 255)


def test_slices_show_the_values_that_simpleitk_reads(reported, workplace, open_page):
    reader = sitk.ImageSeriesReader()
    folder = str(next(path for path in workplace.iterdir() if path.name.startswith("O'Hara")))
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(folder))
    scan = reader.Execute()
    opened = open_page(reported / "report.html")
    opened.page.wait_for_selector("#viewer[data-drawn]")
    opened.slide("opacity", 0)
    opened.move([20, 30, 15])
    for plane in ("axial", "coronal", "sagittal"):
        grey = expected_grey(opened, scan, plane, LUNG)
        assert grey.std() > 20
        picture = opened.pixels(plane)
        assert np.abs(picture - grey[..., None]).max() <= TOLERANCE
        # from the keyboard
        opened.page.locator(f"[data-plane={plane}] .stage").focus()
        opened.page.keyboard.press("ArrowUp")
        opened.page.keyboard.press("PageUp")
        moved = opened.pixels(plane)
        assert not np.array_equal(moved, picture)
        assert (
            np.abs(moved - expected_grey(opened, scan, plane, LUNG)[..., None]).max() <= TOLERANCE
        )
    assert opened.crosshair() == [31, 41, 26]
    opened.page.locator("#mediastinum").click()
    grey = expected_grey(opened, scan, "axial", MEDIASTINUM)
    assert np.abs(opened.pixels("axial") - grey[..., None]).max() <= TOLERANCE
    opened.slide("level", -200)
    opened.slide("width", 800)
    grey = expected_grey(opened, scan, "axial", (-200, 800))
    # the levels are 10 HU apart below -200 HU
    assert np.abs(opened.pixels("axial") - grey[..., None]).max() <= TOLERANCE
    opened.page.keyboard.press("l")
    assert opened.page.locator("#lung").get_attribute("aria-pressed") == "true"
    opened.assert_quiet()


def test_wheel_slider_click_and_peak_move_the_common_crosshair(reported, open_page):
    prediction = json.loads((reported / "prediction.json").read_text())
    opened = open_page(reported / "report.html")
    opened.page.wait_for_selector("#viewer[data-drawn]")
    start = opened.crosshair()
    stage = opened.page.locator("[data-plane=axial] .stage")
    stage.scroll_into_view_if_needed()
    stage.hover()
    opened.page.mouse.wheel(0, 100)
    opened.page.wait_for_function(f"() => lungcamScan.crosshair()[2] === {start[2] - 2}")
    opened.page.locator("[data-plane=sagittal] input").fill("11")
    assert opened.crosshair()[0] == 11

    # a click moves all planes
    box, shape = stage.bounding_box(), opened.page.evaluate("() => lungcamScan.scan.shape")
    opened.page.mouse.click(
        box["x"] + box["width"] * (10.5 / shape[0]), box["y"] + box["height"] * (5.5 / shape[1])
    )
    opened.wait_for_drawing()
    assert opened.crosshair() == [shape[0] - 11, shape[1] - 6, start[2] - 2]
    sliders = {
        plane: int(opened.page.locator(f"[data-plane={plane}] input").input_value())
        for plane in ("axial", "coronal", "sagittal")
    }
    assert sliders == dict(zip(("sagittal", "coronal", "axial"), opened.crosshair(), strict=True))

    opened.page.locator("#peak").click()
    affine = np.array([*opened.page.evaluate("() => lungcamScan.scan.affine"), [0, 0, 0, 1]])
    peak = np.linalg.solve(affine, [*prediction["heatmap_peak_ras_mm"], 1])[:3]
    assert np.abs(opened.crosshair() - peak).max() <= 0.51
    opened.wait_for_drawing()
    here = affine[:3] @ [*opened.crosshair(), 1]
    text = opened.page.locator("#here").text_content().replace("−", "-")
    numbers = [float(x) for x in re.findall(r"-?\d+\.\d", text)[:6]]
    assert numbers == pytest.approx([*here, -here[0], -here[1], here[2]], abs=0.06)
    opened.assert_quiet()


def test_heat_has_the_values_of_the_nifti(reported, open_page):
    volume = nib.load(reported / "heatmap.nii.gz")
    heat = np.asarray(volume.dataobj)
    opened = open_page(reported / "report.html")
    opened.page.wait_for_selector("#viewer[data-drawn]")
    shape, affine = opened.page.evaluate("() => [lungcamScan.scan.shape, lungcamScan.scan.affine]")
    places = np.random.default_rng(0).integers(0, shape, (300, 3))
    values = opened.page.evaluate(
        "all => all.map(i => lungcamScan.scan.heatAt(i))", places.tolist()
    )
    world = places @ np.array(affine)[:, :3].T + np.array(affine)[:, 3]
    index = nib.affines.apply_affine(np.linalg.inv(volume.affine), world)
    assert np.abs(index - np.rint(index)).max() < 1e-3
    expected = heat[tuple(np.rint(index).astype(int).T)]
    assert np.abs(expected).max() > 0.1 * np.abs(heat).max()
    assert np.abs(np.array(values) - expected).max() < 1e-4 * np.abs(heat).max()
    # a plane is painted with the same values
    crosshair = opened.crosshair()
    plane = opened.page.evaluate(
        "k => Array.from(lungcamScan.scan.heatPlane('axial', k))", crosshair[2]
    )
    places = [[x, y, crosshair[2]] for y in range(shape[1]) for x in range(shape[0])]
    single = opened.page.evaluate("all => all.map(i => lungcamScan.scan.heatAt(i))", places)
    assert np.abs(np.array(plane) - single).max() < 1e-5 * np.abs(heat).max()

    # more opacity gives more colour
    coloured = []
    for percent in (0, 40, 100):
        opened.slide("opacity", percent)
        picture = opened.pixels("axial")
        coloured.append(np.ptp(picture, axis=2).sum())
    assert 0 == coloured[0] < coloured[1] < coloured[2]
    row, column = shape[1] - 1 - crosshair[1], shape[0] - 1 - crosshair[0]
    red, _, blue = picture[row, column]
    assert red > blue + 30
    # evidence against is hidden at first
    hidden = opened.pixels("axial")
    heights = np.reshape(plane, (shape[1], shape[0]))[::-1, ::-1]
    against = heights < 0
    assert against.any()
    assert np.ptp(hidden[against], axis=1).max() == 0
    opened.page.locator("#against").check()
    assert np.ptp(opened.pixels("axial")[against], axis=1).max() > 30
    # nor is anything drawn below a fifth of the peak, outlines apart from its edge included
    weak = np.abs(heights) < 0.195 * heights.max()
    assert np.ptp(opened.pixels("axial")[weak], axis=1).max() == 0
    opened.page.locator("#outline").check()
    outlined = np.ptp(opened.pixels("axial"), axis=2) > 0
    assert 0 < outlined.sum() < (np.abs(heights) > 0.2 * heights.max()).sum()
    assert not outlined[weak].any()
    opened.page.keyboard.press("h")
    assert np.ptp(opened.pixels("axial"), axis=2).max() == 0
    opened.assert_quiet()


def test_volume_is_drawn_and_turns(reported, open_page, tmp_path):
    opened = open_page(reported / "report.html", {"width": 800, "height": 700})
    # drawing is slow without a graphics card
    finished = "n => Number(document.querySelector('[data-volume]').dataset.drawn) >= n"
    opened.page.wait_for_function(finished, arg=2, timeout=90_000)
    canvas = opened.page.locator("canvas.volume")
    before = canvas.evaluate("canvas => canvas.toDataURL()")
    opened.page.click("button[data-view=left]")
    opened.page.wait_for_function(finished, arg=4, timeout=90_000)
    assert canvas.evaluate("canvas => canvas.toDataURL()") != before
    assert opened.page.locator(".no-volume").is_hidden()
    assert FAILED in opened.page.locator(".volume-mark").text_content()
    canvas.screenshot(path=tmp_path / "volume.png")
    opened.assert_quiet()


def test_layout_fits_the_window_and_warns_of_failed_heat_maps(reported, open_page, tmp_path):
    file = reported / "report.html"
    assert file.stat().st_size < 25e6
    for name, settings in {
        "desktop": {},
        "narrow": {"viewport": NARROW},
        "dark": {"color_scheme": "dark"},
    }.items():
        opened = open_page(file, **settings)
        opened.page.wait_for_selector("#viewer[data-drawn]")
        notice = opened.page.locator(".notice")
        assert notice.text_content() == RESEARCH_USE_ONLY
        for place in ("0", "document.body.scrollHeight"):
            opened.page.evaluate(f"window.scrollTo(0, {place})")
            box = notice.bounding_box()
            assert box["y"] + box["height"] == pytest.approx(opened.page.viewport_size["height"])
        # the net has learnt from phantoms, and this copy is not known to be one
        first, second = opened.page.locator("p.mark").all_text_contents()
        assert first.startswith("No. The net has seen computer-made chests alone (phantoms)")
        assert second == f"{FAILED}."
        assert (
            opened.page.locator(".stamp").all_text_contents() == [f"{PHANTOM_MARK}. {FAILED}"] * 3
        )
        # nothing extends beyond the window
        assert (
            opened.page.evaluate("document.documentElement.scrollWidth")
            <= (opened.page.viewport_size["width"])
        )
        opened.page.screenshot(path=tmp_path / f"{name}.png", full_page=True)
        opened.assert_quiet()
    assert len(list(tmp_path.glob("*.png"))) == 3


def test_report_contains_no_patient_data_and_no_path(reported, workplace):
    text = (reported / "report.html").read_text()
    prediction = json.loads((reported / "prediction.json").read_text())
    assert prediction["series_uid"] in text
    assert prediction["checkpoint_sha256"] in text
    texts = {part for value in PATIENT.values() for part in re.split(r"[\^ ]", value)}
    assert [part for part in (*texts, str(workplace)) if part in text] == []


def test_report_of_a_run_shows_its_metrics_and_cases(trained, open_page, tmp_path):
    metrics = json.loads((trained.folder / "metrics.json").read_text())
    file = trained.folder / "report.html"
    opened = open_page(file)
    text = opened.page.locator("main").inner_text()
    assert f"{metrics['test']['auc']:.3f}" in text
    assert metrics["label_rule"] in text
    assert all(reason in text for reason in metrics["explanation"]["reasons"])
    assert all(rule in text for rule in metrics["rules"].values())
    assert "Small3D, channels [8, 16, 32]" in text
    assert opened.page.locator(".mark").text_content() == f"{FAILED}."
    assert opened.page.locator(".notice").text_content() == RESEARCH_USE_ONLY
    assert opened.page.locator(".case").count() == 4
    # five figures, and the slices of existing cases
    sizes = opened.page.evaluate("() => [...document.images].map(i => i.naturalWidth)")
    assert len(sizes) > 6
    assert min(sizes) > 300
    assert str(trained.folder) not in file.read_text()
    opened.page.screenshot(path=tmp_path / "run.png", full_page=True)
    opened.assert_quiet()


ODD = 'O\'Neil & <img src=x onerror=alert(1)> "ß" 肺 </script><script>alert(2)</script>'
LESION = np.array([12.0, -31.0, 44.0])


def oblique_report(evidence: str = "both") -> ScanReport:
    """Report of a searched, oblique scan with an odd name, a lesion and finer cells along z."""
    turn = np.radians(20)
    affine = np.eye(4)
    affine[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    affine[:3, :3] = affine[:3, :3] * [2.0, 2.0, 5.0]
    affine[:3, 3] = -50, -60, -20
    grid = Grid((48, 40, 24), affine)
    rng = np.random.default_rng(3)
    cells_affine = affine.copy()
    cells_affine[:3, :3] = affine[:3, [1, 0, 2]] * [-2.5, 3.0, 0.6]
    cells_affine[:3, 3] = grid.to_world([4, 35, 2])
    heat = HeatMap(
        rng.normal(size=(12, 13, 30)).astype(np.float32), Grid((12, 13, 30), cells_affine)
    )
    hu = rng.integers(-1000, 200, grid.shape).astype(np.int16)
    prediction = {
        "scan": ODD,
        "probability": 0.25,
        "logit": -0.4,
        "label": 0,
        "threshold": 0.5,
        "label_rule": ODD,
        "calibrated": True,
        "series_uid": None,
        "explanation": {
            "method": "gradcam",
            "layer": ODD,
            "evidence": evidence,
            "verdict": "passed",
            "reasons": [ODD],
        },
        "trust": {
            "verdict": "doubtful",
            "summary": "With doubts, see below.",
            "doubts": ["it may know nothing"],
            "trained_on": "Trained on 9 samples.",
            "tested_on": None,
            "compared": [],
        },
        "heatmap_peak_ras_mm": None,
        "candidates": [
            {
                "center_ras_mm": grid.to_world([7, 8, 9]).tolist(),
                "probability": 0.25,
                "nodule": 0.5,
                "rating": 0.5,
                "rating_of_each_net": [0.4, 0.6],
                "logit": -0.4,
                "diameter_mm": 12.3,
                "side": "left",
                "third": "upper",
                "pleura_mm": 7.0,
            }
        ],
        "mask_quality": None,
        "seen_in_training": False,
        "warnings": [ODD],
        "checkpoint_sha256": "0" * 64,
        "lungcam": "0",
    }
    return ScanReport(
        prediction=prediction,
        scan=grid,
        volume=reduce_scan(hu, grid, chest=False),
        heat=heat if evidence == "both" else replace(heat, values=heat.values.clip(0)),
        net="Net",
        mark=None,
        fitted_on=[(42, 21)],
        noun="scans",
        lesions=[(tuple(LESION), 24.0)],
    )


@pytest.fixture(scope="module")
def oblique(tmp_path_factory) -> tuple[Path, HeatMap, Grid]:
    """(page, heat-map, grid) of the oblique report."""
    report = oblique_report()
    file = tmp_path_factory.mktemp("oblique") / "report.html"
    write_page(file, scan_page(report, Html('<p id="turned">a 3D view</p>')))
    return file, report.heat, report.scan


def test_text_from_outside_is_escaped(oblique, open_page):
    opened = open_page(oblique[0])
    opened.page.wait_for_selector("#viewer[data-drawn]")
    assert opened.page.locator("h1").text_content() == ODD
    assert ODD in opened.page.title()
    assert opened.page.locator("img").count() == 0
    text = opened.page.locator("main").text_content()
    assert text.count(ODD) == 5  # rule twice, warning, reason, layer
    assert "on 42 scans of the run's validation split, 21 of them positive" in text
    assert "about 25 would be positive" in text
    assert opened.page.locator("#turned").text_content() == "a 3D view"
    opened.assert_quiet()


def test_oblique_scan_lesion_and_candidate_have_their_positions(oblique, open_page):
    file, heat, grid = oblique
    opened = open_page(file)
    opened.page.wait_for_selector("#viewer[data-drawn]")
    # without a peak the crosshair starts at the lesion
    assert opened.crosshair() == np.rint(grid.to_index(LESION)).astype(int).tolist()
    for plane, normal, across, up in (("axial", 2, 0, 1), ("coronal", 1, 0, 2)):
        ellipse = opened.page.locator(f"[data-plane={plane}] .lesion")
        drawn = {name: float(ellipse.get_attribute(name)) for name in ("cx", "cy", "rx", "ry")}
        center = grid.to_index(LESION)
        # pixels counted from the other side, with centres at halves
        assert drawn["cx"] == pytest.approx(grid.shape[across] - 0.5 - center[across], abs=0.01)
        assert drawn["cy"] == pytest.approx(grid.shape[up] - 0.5 - center[up], abs=0.01)
        off = (opened.crosshair()[normal] - center[normal]) * grid.spacing_mm[normal]
        radius = np.sqrt(12.0**2 - off**2)
        assert drawn["rx"] == pytest.approx(radius / grid.spacing_mm[across], abs=0.01)
        assert drawn["ry"] == pytest.approx(radius / grid.spacing_mm[up], abs=0.01)
    opened.page.locator("#outlines").uncheck()
    opened.wait_for_drawing()
    assert opened.page.locator(".lesion").count() == 0
    opened.page.get_by_role("button", name="Go to candidate 1").click()
    assert opened.crosshair() == [7, 8, 9]
    # the ruler measures in mm, along oblique axes too
    opened.page.keyboard.press("r")
    opened.move([17, 18, 13])
    length = np.linalg.norm(np.subtract(grid.to_world([17, 18, 13]), grid.to_world([7, 8, 9])))
    assert opened.page.locator("#length").text_content().startswith(f"{length:.1f} mm from RAS")
    assert opened.page.locator("line.ruler").count() == 3
    opened.page.keyboard.press("r")
    opened.wait_for_drawing()
    assert opened.page.locator("line.ruler").count() == 0

    on = heat.on(grid)
    places = np.argwhere(np.ones(grid.shape))[::37]
    values = opened.page.evaluate(
        "all => all.map(i => lungcamScan.scan.heatAt(i))", places.tolist()
    )
    assert np.abs(np.array(values) - on[tuple(places.T)]).max() < 1e-4 * np.abs(on).max()
    assert "rotated by 20.0°" in opened.page.locator("main").text_content()
    opened.assert_quiet()


@pytest.mark.parametrize("width", [1400, 900, 420])
def test_planes_share_one_scale(oblique, open_page, width):
    file, _, grid = oblique
    opened = open_page(file, {"width": width, "height": 900})
    opened.page.wait_for_selector("#viewer[data-places]", state="attached")
    scales = []
    for plane, across, up in (("axial", 0, 1), ("coronal", 0, 2), ("sagittal", 1, 2)):
        box = opened.page.locator(f"[data-plane={plane}] canvas").bounding_box()
        bar = opened.page.locator(f"[data-plane={plane}] .scale-bar")
        size = np.multiply(grid.shape, grid.spacing_mm)
        scales += [box["width"] / size[across], box["height"] / size[up]]
        length = float(bar.inner_text().split()[0])
        scales.append(bar.bounding_box()["width"] / length)
        assert opened.page.locator(f"[data-plane={plane}] .window-text").inner_text() == (
            "L −600 W 1500"
        )
    assert np.ptp(scales) < 0.02 * np.mean(scales)
    # every small picture shows something
    for canvas in opened.page.locator("[data-place] canvas:not([data-small=volume])").all():
        pixels = canvas.evaluate(
            "c => Array.from(c.getContext('2d').getImageData(0,0,120,120).data)"
        )
        assert np.std(pixels) > 10
    opened.assert_quiet()


def test_a_printed_page_keeps_shapes_and_its_notice(reported, open_page, tmp_path):
    opened = open_page(reported / "report.html")
    opened.page.wait_for_selector("#viewer[data-places]", state="attached")
    opened.page.pdf(path=tmp_path / "page.pdf", format="A4")
    document = pytest.importorskip("pypdfium2").PdfDocument(tmp_path / "page.pdf")
    texts = [page.get_textpage().get_text_range() for page in document]
    assert len(texts) <= 4
    assert [RESEARCH_USE_ONLY in text for text in texts] == [True] * len(texts)
    opened.page.emulate_media(media="print")
    ratios = opened.page.evaluate(
        """() => [...document.querySelectorAll("[data-plane] canvas, .small-views canvas")].map(
          c => c.clientWidth / c.clientHeight / (c.dataset.small ? 1 :
            getComputedStyle(c.closest(".panel")).getPropertyValue("--ratio")))"""
    )
    assert ratios == pytest.approx([1] * len(ratios), rel=0.02)
    assert (
        opened.page.locator("canvas.volume").evaluate("c => getComputedStyle(c).objectFit")
        == "contain"
    )


def test_a_report_of_several_nets_shows_where_they_disagree(open_page, tmp_path):
    report = oblique_report()
    heat, grid = report.heat, report.scan
    spread = HeatMap(np.abs(heat.values[::-1]) + np.float32(0.1), heat.cells)
    net = {"probability": 0.2, "logit": -1.0, "threshold": 0.5, "verdict": "passed"}
    net |= {"seen_in_training": False}
    nets = [net | {"name": ODD}, net | {"name": "b", "probability": 0.3, "seen_in_training": True}]
    several = {"nets": nets, "probability_sd": 0.0707, "tta": "flips", "seen_in_training": True}
    report = replace(
        report,
        prediction={**report.prediction, **several},
        spread=spread,
        fitted_on=[(42, 21), (50, 20)],
    )
    write_page(tmp_path / "report.html", scan_page(report))
    opened = open_page(tmp_path / "report.html")
    opened.page.wait_for_selector("#viewer[data-drawn]")
    text = opened.page.locator("main").text_content()
    assert "probabilities from 0.200 to 0.300, standard deviation 0.071" in text
    assert "Mean of 2 nets, each calibrated" in text
    assert "on 42 to 50 scans" in text
    assert "in a net's training or validation set" in text
    assert opened.page.locator(".nets tbody th").all_text_contents() == [ODD, "b"]

    opened.page.locator("#against").check()
    places = np.argwhere(np.ones(grid.shape))[::37].tolist()
    values_of = "all => all.map(i => lungcamScan.scan.heatAt(i))"
    for ticked, shown in ((True, spread), (False, heat)):
        opened.page.locator("#spread").set_checked(ticked)
        opened.wait_for_drawing()
        on = shown.on(grid)[tuple(np.transpose(places))]
        values = np.array(opened.page.evaluate(values_of, places))
        assert np.abs(values - on).max() < 1e-4 * np.abs(on).max()
        assert opened.page.locator("#here").text_content().count("disagreement") == int(ticked)
        assert (opened.page.locator("#bar-low").text_content() == "0") == ticked
        # no sides, and so no words of a signed bar
        words = opened.page.locator(".scale > div:first-child").inner_text().split()
        assert words == (["disagreement"] if ticked else ["against", "for"])
    opened.assert_quiet()


@pytest.mark.parametrize(("evidence", "warm"), [("for", True), ("against", False)])
def test_map_of_one_kind_of_evidence_has_its_colours(evidence, warm, open_page, tmp_path):
    report = oblique_report(evidence)
    write_page(tmp_path / "report.html", scan_page(report))
    opened = open_page(tmp_path / "report.html")
    opened.page.wait_for_selector("#viewer[data-drawn]")
    opened.slide("opacity", 100)
    heat = report.heat.on(report.scan)
    index = np.unravel_index(heat.argmax(), heat.shape)
    opened.move(index)
    row, column = heat.shape[1] - 1 - index[1], heat.shape[0] - 1 - index[0]
    red, _, blue = opened.pixels("axial")[row, column]
    assert (red > blue) == warm
    assert opened.page.locator("#against").count() == 0
    assert opened.page.locator("#bar-low").text_content() == "0"
    assert opened.page.locator(".scale").inner_text().split()[0] == evidence
    opened.assert_quiet()
