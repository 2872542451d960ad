"""Turntable: pictures once around the patient, as an animated GIF."""

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
PIXELS_PER_RAY = 1.5
"""Distance of rays in pixels, with interpolation between them: it takes half the time, and the
difference is not visible in motion."""

# frames from which the palette is made, spread over the turn
PALETTE_FRAMES = 6
# colours of the palette for frequent colours, and for rare ones that they do not match
FREQUENT, RARE = 160, 96
# largest difference, of 255, at which a colour matches
MAX_DIFFERENCE = 12


def turntable(scene: Scene, view: str | View, *, frames: int = FRAMES) -> Iterator[np.ndarray]:
    """Draw a scene from all around, from a view on towards the patient's left.

    Args:
        scene: Open scene.
        view: Name from `VIEWS`, or a `View`.
        frames: Number of pictures per turn.

    Yields:
        Pictures, `(H, W, 3)` uint8.

    Raises:
        RenderError: If VTK reports an error.
    """
    azimuth, elevation = named_view(view)
    previous = scene.mapper.GetImageSampleDistance()
    scene.mapper.SetImageSampleDistance(PIXELS_PER_RAY)
    try:
        for frame in range(frames):
            yield scene.render(View(azimuth + 360 * frame / frames, elevation))
    finally:
        scene.mapper.SetImageSampleDistance(previous)


def save_gif(path: str | Path, pictures: Sequence[np.ndarray], *, seconds: float = SECONDS) -> None:
    """Write pictures as a GIF that loops forever, whole or not at all.

    All frames share one palette, because still parts would flicker otherwise.

    Args:
        path: The file; an existing one is replaced.
        pictures: At least one picture, each `(H, W, 3)` uint8 and of the same size.
        seconds: Duration of a loop.

    Raises:
        OSError: If the file cannot be written.
    """
    palette = _palette(np.concatenate(pictures[:: max(1, len(pictures) // PALETTE_FRAMES)]))
    frames = [_quantize(picture, palette) for picture in pictures]
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
    """Make an image with a palette of frequent colours and of rare ones that differ from them.

    By frequency alone, a few hot pixels among many blue ones would hardly get a colour.
    """
    frequent = Image.fromarray(rgb).quantize(FREQUENT)
    matched = np.asarray(_quantize(rgb, frequent).convert("RGB")).astype(int)
    unmatched = rgb[np.abs(matched - rgb).max(axis=2) > MAX_DIFFERENCE]
    if not unmatched.size:
        return frequent
    rare = Image.fromarray(unmatched[None]).quantize(RARE)
    palette = Image.new("P", (1, 1))
    palette.putpalette(frequent.getpalette()[: 3 * FREQUENT] + rare.getpalette()[: 3 * RARE])
    return palette


def _quantize(rgb: np.ndarray, palette: Image.Image) -> Image.Image:
    return Image.fromarray(rgb).quantize(palette=palette, dither=Image.Dither.NONE)
