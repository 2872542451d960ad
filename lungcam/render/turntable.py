"""Once around the patient, as an animated GIF."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from lungcam.files import whole
from lungcam.render.camera import View, named_view
from lungcam.render.scene import Scene

FRAMES = 36
SIZE = (512, 512)
SECONDS = 3.6
COLORS = 256
# so many frames, spread over the turn, hold all colours that occur
SAMPLED = 6


def turntable(scene: Scene, view: str | View, frames: int = FRAMES) -> Iterator[np.ndarray]:
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
    for frame in range(frames):
        yield scene.picture(View(azimuth + 360 * frame / frames, elevation))


def save_gif(path: str | Path, pictures: Sequence[np.ndarray], seconds: float = SECONDS) -> None:
    """Write pictures as a GIF that runs for ever, whole or not at all.

    All frames share one palette, or still parts would flicker.

    Args:
        path: The file; one that is there already is replaced.
        pictures: `(H, W, 3)` uint8 each, at least one, of one size.
        seconds: That a round takes.

    Raises:
        OSError: If the file cannot be written.
    """
    every = max(1, len(pictures) // SAMPLED)
    palette = Image.fromarray(np.concatenate(pictures[::every])).quantize(COLORS)
    frames = [
        Image.fromarray(one).quantize(palette=palette, dither=Image.Dither.NONE)
        for one in pictures
    ]
    with whole(Path(path)) as temporary:
        frames[0].save(
            temporary,
            format="GIF",
            save_all=True,
            append_images=frames[1:],
            duration=round(1000 * seconds / len(frames)),
            loop=0,
        )
