"""Cost of a picture, compared with vtkSmartVolumeMapper, and of a turntable."""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from vtkmodules.util.numpy_support import numpy_to_vtk
from vtkmodules.vtkCommonDataModel import vtkImageData
from vtkmodules.vtkRenderingCore import vtkRenderer, vtkVolume
from vtkmodules.vtkRenderingVolume import vtkVolumeMapper
from vtkmodules.vtkRenderingVolumeOpenGL2 import vtkSmartVolumeMapper

from benchmarks.instruction_sets import on_each_set
from benchmarks.markdown import ratio_table
from benchmarks.measure import Times, alternate
from lungcam.render import (
    PictureInputs,
    RenderOptions,
    Scene,
    choose_mapper,
    prepare_content,
    save_gif,
    save_png,
    turntable,
)
from lungcam.render.camera import named_view
from lungcam.render.mapper import faster_mapper
from lungcam.render.offscreen import offscreen_window, quiet_vtk
from lungcam.render.transfer_functions import GRADIENT, heat_functions
from lungcam.render.turntable import FRAMES, SIZE
from lungcam.render.volume_property import volume_property

SHAPE, PIXELS = (256, 256, 150), 768
STEP = 1.5  # voxels, as in the pictures
OURS, THEIRS = "lungcam", "vtkSmartVolumeMapper"
FRAMES_EACH, LIMIT_S = 5, 30
HOW = """\
## What a picture costs

A volume of {shape} voxels with two independent components, lungs with gradient opacity and heat,
at {pixels} x {pixels} pixels, on {renderer}. Both mappers have the same transfer functions, light
and step along the ray ({step} voxels); each frame has another camera position. *lungcam*: the
mapper that `render.mapper=auto` chooses, here `{chosen}`. *vtkSmartVolumeMapper*: with
its defaults. Timed alternately in one process; median (least-most) of {frames} frames after the
first one, which compiles and prepares; a mapper that takes over {limit} s draws no more.
"""
TURN = """\
## What a turntable costs

`python -m benchmarks.rendering --scan DIR --ckpt RUN`: a turntable of {name} ({frames} frames,
{width} x {height} pixels, preset {options.preset}) with the heat-map of a trained net took
{ratio:.1f} times as long as one picture of the same size: {seconds:.1f} s ({cpu:.1f} s of
processor time) against {picture:.2f} s, from arrays in memory to the written file, a GIF of
{mb:.1f} MB.
"""


def chest(shape: Sequence[int]) -> vtkImageData:
    """Return two noisy lungs with a dense ball in each, and heat around one of them."""
    # in voxels of a volume of 256 x 256 x 150
    x, y, z = (
        axis * (full / size)
        for axis, full, size in zip(np.indices(shape), SHAPE, shape, strict=True)
    )
    draw = np.random.default_rng(0)
    lungs = np.zeros(shape)
    for middle in (70, 186):
        inside = ((x - middle) / 52) ** 2 + ((y - 128) / 90) ** 2 + ((z - 75) / 70) ** 2 < 1
        lungs[inside] = 50
        lungs[(x - middle) ** 2 + (y - 120) ** 2 + (z - 80) ** 2 < 12**2] = 170
    lungs[lungs > 0] += draw.normal(0, 6, np.count_nonzero(lungs))
    away = (x - 70) ** 2 + (y - 120) ** 2 + (z - 80) ** 2
    heat = 255 * np.exp(-away / (2 * 14**2))
    voxels = np.stack([lungs, heat], axis=-1).clip(0, 255).astype(np.uint8)
    image = vtkImageData()
    image.SetDimensions(*shape)
    flat = np.ascontiguousarray(voxels.transpose(2, 1, 0, 3)).reshape(-1, 2)
    image.GetPointData().SetScalars(numpy_to_vtk(flat, deep=True))
    return image


class Drawn:
    """Volume in its own window; each call draws it from another side."""

    def __init__(self, image: vtkImageData, mapper: vtkVolumeMapper, pixels: int) -> None:
        volume, self.renderer = vtkVolume(), vtkRenderer()
        mapper.SetInputData(image)
        mapper.SetAutoAdjustSampleDistances(False)
        mapper.SetSampleDistance(STEP)
        volume.SetMapper(mapper)
        volume.SetProperty(volume_property(GRADIENT, heat_functions("fire")))
        self.renderer.AddVolume(volume)
        self.renderer.GetActiveCamera().SetPosition(0, 1, 0.2)
        self.renderer.GetActiveCamera().SetViewUp(0, 0, 1)
        self.renderer.ResetCamera()
        self.renderer.GetActiveCamera().Zoom(1.5)
        with quiet_vtk():
            self.window = offscreen_window((pixels, pixels))
            self.window.AddRenderer(self.renderer)

    def __call__(self) -> None:
        """Draw a frame."""
        self.renderer.GetActiveCamera().Azimuth(10)
        with quiet_vtk():
            self.window.Render()
            self.window.WaitForCompletion()

    @property
    def opengl(self) -> str:
        """Return the name of the renderer."""
        label = "OpenGL renderer string:"
        lines = self.window.ReportCapabilities().splitlines()
        return next(x.removeprefix(label).strip() for x in lines if x.startswith(label))


def measure(frames: int, shape: Sequence[int], pixels: int) -> dict[str, Times]:
    """Time frames of both mappers.

    Args:
        frames: Frames of each, after a first one.
        shape: Shape of the volume in voxels.
        pixels: Width and height of a frame.
    """
    image = chest(shape)
    views = {
        OURS: Drawn(image, choose_mapper(), pixels),
        THEIRS: Drawn(image, vtkSmartVolumeMapper(), pixels),
    }
    return alternate(views, frames, limit_s=LIMIT_S)


def section() -> str:
    """Measure frames of both mappers.

    Returns:
        Markdown.
    """
    results = on_each_set(measure, frames=FRAMES_EACH, shape=SHAPE, pixels=PIXELS)
    how = HOW.format(
        shape=" x ".join(map(str, SHAPE)),
        pixels=PIXELS,
        renderer=Drawn(chest((32, 32, 32)), choose_mapper(), 32).opengl,
        step=STEP,
        chosen=faster_mapper(),
        frames=FRAMES_EACH,
        limit=LIMIT_S,
    )
    rows = ratio_table(results, dict.fromkeys((OURS, THEIRS), OURS), ratio="times lungcam")
    return f"{how}\n{rows}\n"


def turn(scan: Path, ckpt: Path) -> str:
    """Measure the turntable of a scan with the heat-map of a trained net."""
    import torch

    from lungcam.cohorts import Sample
    from lungcam.config.paths import find_checkpoint
    from lungcam.evaluation.ensemble import load_ensemble
    from lungcam.grid import reorient
    from lungcam.inference.predict import predict_prepared
    from lungcam.inference.prepare import prepare_scan
    from lungcam.runtime.stopwatch import Stopwatch

    net = load_ensemble([find_checkpoint(ckpt)], torch.device("cpu"))
    ready = prepare_scan(
        Sample(sample_id=scan.name, patient_id=scan.name, image=scan, label=None, label_source=""),
        net.transforms,
    )
    read = ready.scan
    answer = predict_prepared(net, ready, watch=Stopwatch())
    canonical = read.grid.canonical
    heat = np.maximum(reorient(answer.heat.on(read.grid), read.grid, target=canonical), 0)
    hu = reorient(read.hu, read.grid, target=canonical)
    options = RenderOptions()
    inputs = PictureInputs(
        hu=hu, lungs=answer.masks["lungs"], heat=heat, spacing_mm=canonical.spacing_mm
    )
    with TemporaryDirectory() as folder:
        file = Path(folder) / "turntable.gif"

        def draw_picture() -> None:
            with Scene(prepare_content(inputs, options), options, size=SIZE) as scene:
                save_png(file.with_suffix(".png"), scene.render(named_view(options.view)))

        picture = alternate({"picture": draw_picture}, 3)["picture"].median
        before, busy = time.perf_counter(), time.process_time()
        with Scene(prepare_content(inputs, options), options, size=SIZE) as scene:
            save_gif(file, list(turntable(scene, options.view)))
        seconds, cpu = time.perf_counter() - before, time.process_time() - busy
        size = file.stat().st_size / 1e6
    return TURN.format(
        name=f"one scan of {' x '.join(map(str, hu.shape))} voxels",
        frames=FRAMES,
        width=SIZE[0],
        height=SIZE[1],
        options=options,
        ratio=seconds / picture,
        seconds=seconds,
        cpu=cpu,
        picture=picture,
        mb=size,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scan", type=Path, help="DICOM folder to turn, with --ckpt")
    parser.add_argument("--ckpt", type=Path, help="run folder of the net that explains it")
    arguments = parser.parse_args()
    print(section())
    if arguments.scan is not None and arguments.ckpt is not None:
        print(turn(arguments.scan, arguments.ckpt))
