"""3D view in a browser."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from lungcam.render import VIEWS, Outline, PictureInputs, RenderOptions, prepare_content
from lungcam.report.page import asset
from lungcam.report.volume_section import volume_section

pytestmark = pytest.mark.slow

SHAPE, SPACING = (64, 40, 32), (4.0, 4.5, 7.0)
HOT = (14, 14, 24)


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    """Page of two boxes of lung, with heat in front and at the top of the left one."""
    lungs = np.zeros(SHAPE, bool)
    lungs[6:28, 8:32, 4:28] = lungs[36:58, 8:32, 4:28] = True
    hu = np.where(lungs, -850, 40)
    squares = [
        ((index - hot) * mm) ** 2
        for index, hot, mm in zip(np.indices(SHAPE), HOT, SPACING, strict=True)
    ]
    heat = 0.003 * np.exp(-sum(squares) / (2 * 9**2))
    ring = Outline(tuple(np.multiply(HOT, SPACING).tolist()), 15.0)
    inputs = PictureInputs(
        hu=hu,
        lungs=lungs,
        heat=heat,
        spacing_mm=SPACING,
        mark="Do not rely on <this>",
        outlines=[ring],
    )
    fragment = volume_section(prepare_content(inputs, RenderOptions()), "anterior")
    file = tmp_path_factory.mktemp("volume") / "page.html"
    head = "<!doctype html><meta charset=utf-8><title>3D</title>"
    head += f"<script>{asset('inflate.js')}</script>"
    file.write_text(head + fragment, "utf-8")
    opened = open_page(browser, file)
    settle(opened)
    return opened


def open_page(browser, file):
    """Open a file without a network, and collect the page's messages and errors."""
    page = browser.new_context(offline=True, viewport={"width": 560, "height": 520}).new_page()
    page.messages = []
    page.on("console", lambda message: page.messages.append(message.text))
    page.on("pageerror", lambda error: page.messages.append(str(error)))
    page.goto(file.as_uri())
    return page


def settle(page):
    """Wait until drawing has finished."""
    drawn = "Number(document.querySelector('[data-volume]').dataset.drawn || 0)"
    page.wait_for_function(f"{drawn} > 0", timeout=60_000)
    before = -1
    while before != (before := page.evaluate(drawn)):
        page.wait_for_timeout(350)


def picture(page) -> np.ndarray:
    """Return the picture of the volume, without the annotations over it."""
    url = page.locator("canvas.volume").evaluate("canvas => canvas.toDataURL()")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))))[..., :3]


def glow(page) -> np.ndarray:
    """Return how much redder than blue each pixel is."""
    rgb = picture(page).astype(int)
    red = np.clip(rgb[..., 0] - rgb[..., 2], 0, None)
    return np.where(red > 25, red, 0)


def center(weights: np.ndarray) -> np.ndarray:
    rows, columns = np.indices(weights.shape)
    return np.array([(columns * weights).sum(), (rows * weights).sum()]) / weights.sum()


def slide(page, share: str, value: float) -> None:
    page.locator(f"input[data-share={share}]").evaluate(
        "(slider, value) => { slider.value = value; slider.dispatchEvent(new Event('input')); }",
        value,
    )
    settle(page)


@pytest.mark.parametrize("view", VIEWS)
def test_heat_glows_at_its_position(page, view, tmp_path):
    page.click(f"button[data-view={view}]")
    settle(page)
    page.screenshot(path=tmp_path / f"{view}.png")
    point = list(np.multiply(HOT, SPACING))
    expected = page.evaluate(
        "point => document.querySelector('[data-volume]').lungcam.project(point)", point
    )
    assert center(glow(page)) == pytest.approx(expected, abs=4)


def test_patients_left_is_on_the_right_and_head_is_up(page):
    page.click("button[data-view=anterior]")
    settle(page)
    column, row = center(glow(page))
    height, width, _ = picture(page).shape
    assert column > width / 2 + 20
    assert row < height / 2 - 20


def test_mouse_keys_and_wheel_turn_and_zoom(page):
    page.click("button[data-view=anterior]")
    settle(page)
    before = picture(page)
    box = page.locator("canvas.volume").bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] - 100, middle[1])
    page.mouse.up()
    settle(page)
    turned = picture(page)
    assert (before != turned).any(axis=2).mean() > 0.05
    state = "document.querySelector('[data-volume]').lungcam.state"
    # the front follows the mouse to the patient's right, so the camera moves to the left
    azimuth = page.evaluate(f"{state}.azimuth")
    assert azimuth == pytest.approx(20 + 45)
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(f"{state}.azimuth") == pytest.approx(azimuth + 10)
    page.mouse.wheel(0, -300)
    page.wait_for_function(f"{state}.zoom > 1.3")


def test_sliders_change_the_picture(page):
    page.click("button[data-view=anterior]")
    settle(page)
    full = glow(page).sum()
    slide(page, "heat", 0)
    assert glow(page).sum() == 0
    slide(page, "heat", 1)
    assert glow(page).sum() == pytest.approx(full, rel=0.05)
    slide(page, "above", 0.6)  # removes the heat
    assert glow(page).sum() == 0
    slide(page, "above", 0)
    bright = picture(page).sum()
    slide(page, "lungs", 0)
    assert picture(page).sum() < 0.8 * bright
    slide(page, "lungs", 1)


def test_colour_bar_is_in_percent_and_the_mark_is_shown(page):
    assert page.locator(".volume-bar").inner_text().split() == [
        *("Grad-CAM,", "peak", "0.003", "logit"),
        *("20", "%", "100", "%"),
    ]
    assert page.locator(".volume-mark").inner_text() == "Do not rely on <this>"


def test_page_reports_no_error(page):
    assert page.messages == []
    assert page.locator(".no-volume").is_hidden()


def test_browser_without_webgl_shows_a_message(browser, page, tmp_path):
    file = tmp_path / "page.html"
    off = "<script>HTMLCanvasElement.prototype.getContext = () => null;</script>"
    file.write_text(off + page.content(), "utf-8")
    opened = open_page(browser, file)
    opened.wait_for_selector(".no-volume:not([hidden])")
    assert "no WebGL 2" in opened.locator(".no-volume").inner_text()
    assert opened.messages == []
