import numpy as np
import pytest
from PIL import Image

from lungcam.render import RenderOptions, Scene, View, prepare_content, save_gif, turntable

OPTIONS = RenderOptions(size=120)
CENTER = (47, 20, 16)


def test_turntable_goes_once_around(opengl, chest, make_inputs):
    center_mm = np.multiply(CENTER, chest[2])
    columns = []
    with Scene(prepare_content(make_inputs(CENTER), OPTIONS), OPTIONS) as scene:
        for _ in turntable(scene, View(0, 10), frames=8):
            columns.append(scene.project(center_mm)[1])
        single = scene.render(View(0, 10))
        first = next(turntable(scene, View(0, 10), frames=8))
    middle = (columns[0] + columns[4]) / 2
    # the nodule circles: opposite frames mirror each other
    assert [a + b for a, b in zip(columns[:4], columns[4:], strict=True)] == pytest.approx(
        [2 * middle] * 4, abs=0.1
    )
    assert columns[0] < middle  # the patient's right is on the left
    # with fewer rays the picture looks the same
    assert np.abs(first.astype(int) - single).mean() < 3


def frames():
    ramp = np.linspace(0, 90, 64 * 64).reshape(64, 64).astype(np.uint8)
    pictures = [
        np.stack([ramp // 3, ramp // 2, np.roll(ramp, k, axis=1)], axis=-1) for k in range(9)
    ]
    for k, picture in enumerate(pictures):
        picture[10:13, 5 * k : 5 * k + 3] = (255, 140, 20)  # small and hot
    return pictures


def test_gif_keeps_frequent_and_rare_colours(tmp_path):
    save_gif(tmp_path / "turn.gif", frames(), seconds=0.9)
    with Image.open(tmp_path / "turn.gif") as gif:
        assert (gif.n_frames, gif.info["loop"], gif.info["duration"]) == (9, 0, 100)
        for k, expected in enumerate(frames()):
            gif.seek(k)
            frame = np.asarray(gif.convert("RGB")).astype(int)
            assert np.abs(frame - expected).mean() < 4
            assert np.abs(frame[11, 5 * k + 1] - (255, 140, 20)).max() < 16


def test_gif_is_written_whole_or_not_at_all(tmp_path):
    (tmp_path / "turn.gif").mkdir()
    with pytest.raises(OSError, match=r"turn\.gif"):
        save_gif(tmp_path / "turn.gif", frames())
    assert [path.name for path in tmp_path.iterdir()] == ["turn.gif"]
