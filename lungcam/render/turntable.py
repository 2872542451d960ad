"""Once around the patient, as an animated GIF."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from lungcam.render.camera import View, named_view
from lungcam.render.scene import Scene
from lungcam.runtime.atomic import atomic_write

FRAMES = 36
SIZE = (512, 512)
SECONDS = 3.6
PIXELS_A_RAY = 1.5
"""A ray for every other pixel or so, and smooth in between: in motion nobody sees it, and it takes
half the time."""

# so many frames, spread over the turn, hold all colours that occur
SAMPLED = 6
# of a palette of 256: for what is frequent, and for what those colours miss, as the heat's
FREQUENT, RARE = 160, 96
# most that a colour may be missed by
MISSED = 12


def turntable(scene: Scene, view: str | View, *, frames: int = FRAMES) -> Iterator[np.ndarray]:
    """Picture a scene from all around, beginning at a view, the camera going to the patient's left.

    Args:
        scene: An open scene.
        view: A name from `VIEWS`, or a `View`.
        frames: How many pictures make a turn.

    Yields:
        `(H, W, 3)` uint8 each.

    Raises:
        RenderError: If VTK reports an error.
    """
    azimuth, elevation = named_view(view)
    before = scene.mapper.GetImageSampleDistance()
    scene.mapper.SetImageSampleDistance(PIXELS_A_RAY)
    try:
        for frame in range(frames):
            yield scene.picture(View(azimuth + 360 * frame / frames, elevation))
    finally:
        scene.mapper.SetImageSampleDistance(before)


def save_gif(path: str | Path, pictures: Sequence[np.ndarray], *, seconds: float = SECONDS) -> None:
    """Write pictures as a GIF that runs for ever, whole or not at all.

    All frames share one palette, or still parts would flicker.

    Args:
        path: The file; one that is there already is replaced.
        pictures: `(H, W, 3)` uint8 each, at least one, of one size.
        seconds: That a round takes.

    Raises:
        OSError: If the file cannot be written.
    """
    palette = _palette(np.concatenate(pictures[:: max(1, len(pictures) // SAMPLED)]))
    frames = [_reduced(one, palette) for one in pictures]
    with atomic_write(Path(path)) as temporary:
        frames[0].save(
            temporary,
            format="GIF",
            save_all=True,
            append_images=frames[1:],
            duration=round(1000 * seconds / len(frames)),
            loop=0,
        )


def _palette(rgb: np.ndarray) -> Image.Image:
    """An image whose palette suits frequent colours and, where they are far from those, rare ones.

    By frequency alone a few hot pixels among many blue ones would get hardly a colour.
    """
    first = Image.fromarray(rgb).quantize(FREQUENT)
    found = np.asarray(_reduced(rgb, first).convert("RGB")).astype(int)
    missed = rgb[np.abs(found - rgb).max(axis=2) > MISSED]
    if not missed.size:
        return first
    second = Image.fromarray(missed[None]).quantize(RARE)
    both = Image.new("P", (1, 1))
    both.putpalette(first.getpalette()[: 3 * FREQUENT] + second.getpalette()[: 3 * RARE])
    return both


def _reduced(rgb: np.ndarray, palette: Image.Image) -> Image.Image:
    return Image.fromarray(rgb).quantize(palette=palette, dither=Image.Dither.NONE)
