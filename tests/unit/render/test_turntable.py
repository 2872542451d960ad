import numpy as np
import pytest
from PIL import Image

from lungcam.render import RenderOptions, Scene, View, prepare_content, save_gif, turntable

LOOK = RenderOptions(size=120)
AT = (47, 20, 16)


def test_it_goes_once_around(opengl, chest, ball):
    hu, lungs, spacing = chest
    content = prepare_content(hu, lungs, ball(hu.shape, AT, spacing), spacing, LOOK)
    places = []
    with Scene(content, LOOK) as scene:
        for _ in turntable(scene, View(0, 10), frames=8):
            places.append(scene.pixel_of(np.multiply(AT, spacing))[1])
        again = scene.picture(View(0, 10))
        first = next(turntable(scene, View(0, 10), frames=8))
    middle = (places[0] + places[4]) / 2
    # the nodule circles: opposite frames mirror each other
    assert [a + b for a, b in zip(places[:4], places[4:], strict=True)] == pytest.approx(
        [2 * middle] * 4, abs=0.1
    )
    assert places[0] < middle  # the patient's right is on the left
    # drawn with fewer rays, it is the same picture to the eye
    assert np.abs(first.astype(int) - again).mean() < 3


def frames():
    ramp = np.linspace(0, 90, 64 * 64).reshape(64, 64).astype(np.uint8)
    shown = [np.stack([ramp // 3, ramp // 2, np.roll(ramp, k, axis=1)], axis=-1) for k in range(9)]
    for k, one in enumerate(shown):
        one[10:13, 5 * k : 5 * k + 3] = (255, 140, 20)  # little and hot
    return shown


def test_colours_hold_and_rare_ones_too(tmp_path):
    save_gif(tmp_path / "turn.gif", frames(), seconds=0.9)
    with Image.open(tmp_path / "turn.gif") as gif:
        assert (gif.n_frames, gif.info["loop"], gif.info["duration"]) == (9, 0, 100)
        for k, expected in enumerate(frames()):
            gif.seek(k)
            found = np.asarray(gif.convert("RGB")).astype(int)
            assert np.abs(found - expected).mean() < 4
            assert np.abs(found[11, 5 * k + 1] - (255, 140, 20)).max() < 16


def test_it_is_written_whole_or_not_at_all(tmp_path):
    (tmp_path / "turn.gif").mkdir()
    with pytest.raises(OSError, match=r"turn\.gif"):
        save_gif(tmp_path / "turn.gif", frames())
    assert [path.name for path in tmp_path.iterdir()] == ["turn.gif"]
