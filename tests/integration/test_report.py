"""The reports as a user opens them: in a browser, from a file, without a network."""

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
from lungcam.report.page import Html, write_page
from lungcam.report.scan_cards import ScanReport
from lungcam.report.scan_page import scan_page
from lungcam.report.scan_volume import reduce_scan

from .conftest import command

DESKTOP, NARROW = {"width": 1400, "height": 1000}, {"width": 420, "height": 800}
# what no report may tell
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
# grey values, of half a step between levels in the wider window and of rounding
TOLERANCE = 2.5


@dataclass
class Opened:
    """A page, and all that it said and asked for."""

    page: object
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def assert_quiet(self) -> None:
        assert self.said == []
        assert [one for one in self.asked if not one.startswith(("file://", "data:"))] == []

    def drawn(self) -> None:
        """Wait until what was asked for is drawn: two frames."""
        self.page.evaluate(
            "() => new Promise(f => requestAnimationFrame(() => requestAnimationFrame(f)))"
        )

    def pixels(self, plane: str) -> np.ndarray:
        """`(h, w, 3)` of a plane's canvas."""
        self.drawn()
        width, height, values = self.page.evaluate(
            """plane => {
              const c = document.querySelector(`[data-plane=${plane}] canvas`);
              const d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
              return [c.width, c.height, Array.from(d)];
            }""",
            plane,
        )
        return np.reshape(values, (height, width, 4))[..., :3].astype(float)

    def at(self) -> list[int]:
        return self.page.evaluate("() => lungcamScan.crosshair()")

    def move(self, index) -> None:
        self.page.evaluate("index => lungcamScan.move(index)", [int(i) for i in index])
        self.drawn()

    def slide(self, name: str, value: float) -> None:
        self.page.locator(f"#{name}").fill(str(value))
        self.drawn()


@pytest.fixture
def opened(browser):
    """Function of (file, viewport, ...): opens it in a context that is cut off from the network."""
    contexts = []

    def start(file: Path, viewport=DESKTOP, **settings) -> Opened:
        context = browser.new_context(offline=True, viewport=viewport, **settings)
        contexts.append(context)
        one = Opened(context.new_page())
        one.page.on("console", lambda message: one.said.append(message.text))
        one.page.on("pageerror", lambda error: one.said.append(str(error)))
        one.page.on("dialog", lambda dialog: one.said.append(dialog.message))
        one.page.on("request", lambda request: one.asked.append(request.url))
        one.page.goto(file.as_uri())
        return one

    yield start
    for context in contexts:
        context.close()


def write_dicom(volume: nib.Nifti1Image, folder: Path) -> None:
    """Write a series that tells all of the patient."""
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
    """The folder of a scan's results with its report; a DICOM series in an oddly named folder."""
    scan = next(workplace.glob("outputs/cache/phantoms/*/phantom-0001.nii.gz"))
    folder = workplace / 'O\'Hara & <i> "Weiß"'
    write_dicom(nib.load(scan), folder)
    done = command(
        *("infer.py", "ckpt=run", f"scan={folder}", "out=reported", "report=true", "picture=false"),
        cwd=workplace,
    )
    assert done.returncode == 0, done.stderr
    (result,) = (workplace / "reported").iterdir()
    return result


def expected(one: Opened, scan: sitk.Image, plane: str, window) -> np.ndarray:
    """Grey values of a plane: what SimpleITK has at the places that the page tells."""
    shape, affine = one.page.evaluate("() => [lungcamScan.scan.shape, lungcamScan.scan.affine]")
    across, up = {"axial": (0, 1), "coronal": (0, 2), "sagittal": (1, 2)}[plane]
    index = np.tile(np.array(one.at(), float), (shape[up], shape[across], 1))
    index[..., across] = np.arange(shape[across])[::-1]
    index[..., up] = np.arange(shape[up])[::-1, None]
    ras = index @ np.array(affine)[:, :3].T + np.array(affine)[:, 3]
    axes = np.reshape(scan.GetDirection(), (3, 3)) * scan.GetSpacing()
    at = np.linalg.solve(axes, (ras * (-1, -1, 1) - scan.GetOrigin()).reshape(-1, 3).T)
    assert np.abs(at - np.rint(at)).max() < 0.01
    x, y, z = np.rint(at).astype(int)
    hu = sitk.GetArrayViewFromImage(scan)[z, y, x].reshape(index.shape[:2])
    level, width = window
    # padding is read as air
    return np.clip(((hu.clip(-1024) - level) / width + 0.5) * 255, 0, 255)


def test_slices_show_the_scan_as_another_reader_reads_it(reported, workplace, opened):
    reader = sitk.ImageSeriesReader()
    folder = str(next(path for path in workplace.iterdir() if path.name.startswith("O'Hara")))
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(folder))
    scan = reader.Execute()
    one = opened(reported / "report.html")
    one.page.wait_for_selector("#viewer[data-drawn]")
    one.slide("opacity", 0)
    one.move([20, 30, 15])
    for plane in ("axial", "coronal", "sagittal"):
        grey = expected(one, scan, plane, LUNG)
        assert grey.std() > 20
        picture = one.pixels(plane)
        assert np.abs(picture - grey[..., None]).max() <= TOLERANCE
        # from the keyboard
        one.page.locator(f"[data-plane={plane}] .stage").focus()
        one.page.keyboard.press("ArrowUp")
        one.page.keyboard.press("PageUp")
        moved = one.pixels(plane)
        assert not np.array_equal(moved, picture)
        assert np.abs(moved - expected(one, scan, plane, LUNG)[..., None]).max() <= TOLERANCE
    assert one.at() == [31, 41, 26]
    one.page.locator("#mediastinum").click()
    grey = expected(one, scan, "axial", MEDIASTINUM)
    assert np.abs(one.pixels("axial") - grey[..., None]).max() <= TOLERANCE
    one.slide("level", -200)
    one.slide("width", 800)
    grey = expected(one, scan, "axial", (-200, 800))
    # the levels are 10 HU apart below -200 HU
    assert np.abs(one.pixels("axial") - grey[..., None]).max() <= TOLERANCE
    one.page.keyboard.press("l")
    assert one.page.locator("#lung").get_attribute("aria-pressed") == "true"
    one.assert_quiet()


def test_wheel_slider_click_and_peak_move_one_crosshair(reported, opened):
    told = json.loads((reported / "prediction.json").read_text())
    one = opened(reported / "report.html")
    one.page.wait_for_selector("#viewer[data-drawn]")
    start = one.at()
    stage = one.page.locator("[data-plane=axial] .stage")
    stage.scroll_into_view_if_needed()
    stage.hover()
    one.page.mouse.wheel(0, 100)
    one.page.wait_for_function(f"() => lungcamScan.crosshair()[2] === {start[2] - 2}")
    one.page.locator("[data-plane=sagittal] input").fill("11")
    assert one.at()[0] == 11

    # a click takes the other planes along
    box, shape = stage.bounding_box(), one.page.evaluate("() => lungcamScan.scan.shape")
    one.page.mouse.click(
        box["x"] + box["width"] * (10.5 / shape[0]), box["y"] + box["height"] * (5.5 / shape[1])
    )
    one.drawn()
    assert one.at() == [shape[0] - 11, shape[1] - 6, start[2] - 2]
    sliders = {
        plane: int(one.page.locator(f"[data-plane={plane}] input").input_value())
        for plane in ("axial", "coronal", "sagittal")
    }
    assert sliders == dict(zip(("sagittal", "coronal", "axial"), one.at(), strict=True))

    one.page.locator("#peak").click()
    affine = np.array([*one.page.evaluate("() => lungcamScan.scan.affine"), [0, 0, 0, 1]])
    peak = np.linalg.solve(affine, [*told["heatmap_peak_ras_mm"], 1])[:3]
    assert np.abs(one.at() - peak).max() <= 0.51
    one.drawn()
    here = affine[:3] @ [*one.at(), 1]
    words = one.page.locator("#here").text_content().replace("−", "-")
    numbers = [float(x) for x in re.findall(r"-?\d+\.\d", words)[:6]]
    assert numbers == pytest.approx([*here, -here[0], -here[1], here[2]], abs=0.06)
    one.assert_quiet()


def test_the_heat_stands_where_the_nifti_has_it(reported, opened):
    volume = nib.load(reported / "heatmap.nii.gz")
    heat = np.asarray(volume.dataobj)
    one = opened(reported / "report.html")
    one.page.wait_for_selector("#viewer[data-drawn]")
    shape, affine = one.page.evaluate("() => [lungcamScan.scan.shape, lungcamScan.scan.affine]")
    places = np.random.default_rng(0).integers(0, shape, (300, 3))
    told = one.page.evaluate("all => all.map(i => lungcamScan.scan.heatAt(i))", places.tolist())
    world = places @ np.array(affine)[:, :3].T + np.array(affine)[:, 3]
    index = nib.affines.apply_affine(np.linalg.inv(volume.affine), world)
    assert np.abs(index - np.rint(index)).max() < 1e-3
    wanted = heat[tuple(np.rint(index).astype(int).T)]
    assert np.abs(wanted).max() > 0.1 * np.abs(heat).max()
    assert np.abs(np.array(told) - wanted).max() < 1e-4 * np.abs(heat).max()
    # a whole plane is painted of the same values
    at = one.at()
    plane = one.page.evaluate("k => Array.from(lungcamScan.scan.heatPlane('axial', k))", at[2])
    places = [[x, y, at[2]] for y in range(shape[1]) for x in range(shape[0])]
    single = one.page.evaluate("all => all.map(i => lungcamScan.scan.heatAt(i))", places)
    assert np.abs(np.array(plane) - single).max() < 1e-5 * np.abs(heat).max()

    # more opacity, more colour; fire where it speaks for, none where it is switched off
    coloured = []
    for percent in (0, 40, 100):
        one.slide("opacity", percent)
        picture = one.pixels("axial")
        coloured.append(np.ptp(picture, axis=2).sum())
    assert 0 == coloured[0] < coloured[1] < coloured[2]
    row, column = shape[1] - 1 - at[1], shape[0] - 1 - at[0]
    red, _, blue = picture[row, column]
    assert red > blue + 30
    one.page.locator("#against").uncheck()
    hidden = one.pixels("axial")
    against = np.reshape(plane, (shape[1], shape[0]))[::-1, ::-1] < 0
    assert against.any()
    assert np.ptp(hidden[against], axis=1).max() == 0
    one.page.keyboard.press("h")
    assert np.ptp(one.pixels("axial"), axis=2).max() == 0
    one.assert_quiet()


def test_the_volume_draws_and_turns(reported, opened, tmp_path):
    one = opened(reported / "report.html", {"width": 800, "height": 700})
    # the drawing may be slow without a graphics card, so the picture is waited for
    finished = "n => Number(document.querySelector('[data-volume]').dataset.drawn) >= n"
    one.page.wait_for_function(finished, arg=2, timeout=90_000)
    canvas = one.page.locator("canvas.volume")
    before = canvas.evaluate("one => one.toDataURL()")
    one.page.click("button[data-view=left]")
    one.page.wait_for_function(finished, arg=4, timeout=90_000)
    assert canvas.evaluate("one => one.toDataURL()") != before
    assert one.page.locator(".no-volume").is_hidden()
    assert FAILED in one.page.locator(".volume-mark").text_content()
    canvas.screenshot(path=tmp_path / "volume.png")
    one.assert_quiet()


def test_it_looks_well_and_says_that_the_maps_failed(reported, opened, tmp_path):
    file = reported / "report.html"
    assert file.stat().st_size < 25e6
    for name, settings in {
        "desktop": {},
        "narrow": {"viewport": NARROW},
        "dark": {"color_scheme": "dark"},
    }.items():
        one = opened(file, **settings)
        one.page.wait_for_selector("#viewer[data-drawn]")
        notice = one.page.locator(".notice")
        assert notice.text_content() == RESEARCH_USE_ONLY
        for place in ("0", "document.body.scrollHeight"):
            one.page.evaluate(f"window.scrollTo(0, {place})")
            box = notice.bounding_box()
            assert box["y"] + box["height"] == pytest.approx(one.page.viewport_size["height"])
        assert one.page.locator("p.mark").text_content() == f"{FAILED}."
        assert one.page.locator(".stamp").all_text_contents() == [FAILED] * 3
        # nothing stands beyond the window's edge
        assert (
            one.page.evaluate("document.documentElement.scrollWidth")
            <= (one.page.viewport_size["width"])
        )
        one.page.screenshot(path=tmp_path / f"{name}.png", full_page=True)
        one.assert_quiet()
    assert len(list(tmp_path.glob("*.png"))) == 3


def test_no_patient_tag_and_no_path_stands_in_a_report(reported, workplace):
    text = (reported / "report.html").read_text()
    told = json.loads((reported / "prediction.json").read_text())
    assert told["series_uid"] in text
    assert told["checkpoint_sha256"] in text
    words = {part for value in PATIENT.values() for part in re.split(r"[\^ ]", value)}
    assert [one for one in (*words, str(workplace)) if one in text] == []


def test_a_runs_report_opens_with_its_figures_and_cases(trained, opened, tmp_path):
    metrics = json.loads((trained.folder / "metrics.json").read_text())
    file = trained.folder / "report.html"
    one = opened(file)
    text = one.page.locator("main").inner_text()
    assert f"{metrics['test']['auc']:.3f}" in text
    assert metrics["label_rule"] in text
    assert all(reason in text for reason in metrics["explanation"]["reasons"])
    assert all(rule in text for rule in metrics["rules"].values())
    assert "Small3D, channels [8, 16, 32]" in text
    assert one.page.locator(".mark").text_content() == f"{FAILED}."
    assert one.page.locator(".notice").text_content() == RESEARCH_USE_ONLY
    assert one.page.locator(".case").count() == 4
    # five figures, and the slices of the cases that there are
    sizes = one.page.evaluate("() => [...document.images].map(i => i.naturalWidth)")
    assert len(sizes) > 6
    assert min(sizes) > 300
    assert str(trained.folder) not in file.read_text()
    one.page.screenshot(path=tmp_path / "run.png", full_page=True)
    one.assert_quiet()


ODD = 'O\'Neil & <img src=x onerror=alert(1)> "ß" 肺 </script><script>alert(2)</script>'
LESION = np.array([12.0, -31.0, 44.0])


def oblique_report(evidence: str = "both") -> ScanReport:
    """A searched, oblique scan with an odd name, a lesion and finer cells along z."""
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
        "heatmap_peak_ras_mm": None,
        "candidates": [
            {
                "center_ras_mm": grid.to_world([7, 8, 9]).tolist(),
                "map_height": 1.0,
                "probability": 0.25,
                "logit": -0.4,
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
        fitted_on=(42, 21),
        noun="scans",
        lesions=[(tuple(LESION), 24.0)],
    )


@pytest.fixture(scope="module")
def oblique(tmp_path_factory) -> tuple[Path, HeatMap, Grid]:
    """Its page, its map and its grid."""
    report = oblique_report()
    file = tmp_path_factory.mktemp("oblique") / "report.html"
    write_page(file, scan_page(report, Html('<p id="turned">a 3D view</p>')))
    return file, report.heat, report.scan


def test_what_comes_from_outside_is_text(oblique, opened):
    one = opened(oblique[0])
    one.page.wait_for_selector("#viewer[data-drawn]")
    assert one.page.locator("h1").text_content() == ODD
    assert ODD in one.page.title()
    assert one.page.locator("img").count() == 0
    text = one.page.locator("main").text_content()
    assert text.count(ODD) == 5  # rule twice, warning, reason, layer
    assert "on 42 scans of the run's validation split, 21 of them positive" in text
    assert "about 25 would be positive" in text
    assert one.page.locator("#turned").text_content() == "a 3D view"
    one.assert_quiet()


def test_an_oblique_scan_a_lesion_and_a_candidate_stand_where_they_are(oblique, opened):
    file, heat, grid = oblique
    one = opened(file)
    one.page.wait_for_selector("#viewer[data-drawn]")
    # nothing points anywhere: the lesion is shown first
    assert one.at() == np.rint(grid.to_index(LESION)).astype(int).tolist()
    for plane, normal, across, up in (("axial", 2, 0, 1), ("coronal", 1, 0, 2)):
        ellipse = one.page.locator(f"[data-plane={plane}] .lesion")
        drawn = {name: float(ellipse.get_attribute(name)) for name in ("cx", "cy", "rx", "ry")}
        center = grid.to_index(LESION)
        # pixels, counted from the other side, with their centres at halves
        assert drawn["cx"] == pytest.approx(grid.shape[across] - 0.5 - center[across], abs=0.01)
        assert drawn["cy"] == pytest.approx(grid.shape[up] - 0.5 - center[up], abs=0.01)
        off = (one.at()[normal] - center[normal]) * grid.spacing_mm[normal]
        radius = np.sqrt(12.0**2 - off**2)
        assert drawn["rx"] == pytest.approx(radius / grid.spacing_mm[across], abs=0.01)
        assert drawn["ry"] == pytest.approx(radius / grid.spacing_mm[up], abs=0.01)
    one.page.locator("#outlines").uncheck()
    one.drawn()
    assert one.page.locator(".lesion").count() == 0
    one.page.get_by_role("button", name="Go to candidate 1").click()
    assert one.at() == [7, 8, 9]

    on = heat.on(grid)
    places = np.argwhere(np.ones(grid.shape))[::37]
    told = one.page.evaluate("all => all.map(i => lungcamScan.scan.heatAt(i))", places.tolist())
    assert np.abs(np.array(told) - on[tuple(places.T)]).max() < 1e-4 * np.abs(on).max()
    assert "rotated by 20.0°" in one.page.locator("main").text_content()
    one.assert_quiet()


@pytest.mark.parametrize(("evidence", "warm"), [("for", True), ("against", False)])
def test_a_map_of_one_side_has_that_sides_colours(evidence, warm, opened, tmp_path):
    report = oblique_report(evidence)
    write_page(tmp_path / "report.html", scan_page(report))
    one = opened(tmp_path / "report.html")
    one.page.wait_for_selector("#viewer[data-drawn]")
    one.slide("opacity", 100)
    heat = report.heat.on(report.scan)
    index = np.unravel_index(heat.argmax(), heat.shape)
    one.move(index)
    row, column = heat.shape[1] - 1 - index[1], heat.shape[0] - 1 - index[0]
    red, _, blue = one.pixels("axial")[row, column]
    assert (red > blue) == warm
    assert one.page.locator("#against").count() == 0
    assert one.page.locator("#bar-low").text_content() == "0"
    assert one.page.locator(".scale").inner_text().split()[0] == evidence
    one.assert_quiet()
