import pytest
from vtkmodules.vtkRenderingVolume import (
    vtkFixedPointVolumeRayCastMapper,
    vtkGPUVolumeRayCastMapper,
)

from lungcam.render import choose_mapper, mapper

SOFTWARE = ("llvmpipe", "softpipe", "swrast")


def renderer():
    """Name of the OpenGL at hand."""
    from lungcam.render.offscreen import offscreen_window, quiet_vtk

    with quiet_vtk():
        window = offscreen_window((8, 8))
        told = window.ReportCapabilities()
        window.Finalize()
    return next(line for line in told.splitlines() if "renderer string" in line).lower()


def test_on_software_opengl_rays_are_cast_on_the_processor(opengl):
    if not any(name in renderer() for name in SOFTWARE):
        pytest.skip(f"this OpenGL may be hardware: {renderer()}")
    assert mapper.faster_mapper() == "software"
    assert choose_mapper().IsA(vtkFixedPointVolumeRayCastMapper.__name__)


@pytest.mark.parametrize(
    ("seconds", "chosen"),
    [
        ({"software": 0.02, "hardware": 0.001}, vtkGPUVolumeRayCastMapper),
        ({"software": 0.02, "hardware": 0.2}, vtkFixedPointVolumeRayCastMapper),
        ({"software": 0.02, "hardware": float("inf")}, vtkFixedPointVolumeRayCastMapper),
    ],
)
def test_the_faster_one_is_taken(monkeypatch, seconds, chosen):
    monkeypatch.setattr(mapper, "_seconds", seconds.get)
    mapper.faster_mapper.cache_clear()
    try:
        assert choose_mapper("auto").IsA(chosen.__name__)
    finally:
        mapper.faster_mapper.cache_clear()


def test_a_mapper_that_is_named_is_not_measured(monkeypatch):
    def refuse():
        raise AssertionError("measured")

    monkeypatch.setattr(mapper, "faster_mapper", refuse)
    assert choose_mapper("hardware").IsA("vtkGPUVolumeRayCastMapper")
    assert choose_mapper("software").IsA("vtkFixedPointVolumeRayCastMapper")


def test_it_is_measured_once_a_process(opengl, monkeypatch):
    seen = []

    def seconds(name):
        seen.append(name)
        return len(seen)

    monkeypatch.setattr(mapper, "_seconds", seconds)
    mapper.faster_mapper.cache_clear()
    try:
        assert {mapper.faster_mapper() for _ in range(3)} == {"software"}
    finally:
        mapper.faster_mapper.cache_clear()
    assert seen == ["software", "hardware"]


def test_a_card_that_cannot_draw_volumes_is_not_taken(opengl, monkeypatch):
    class Broken(vtkFixedPointVolumeRayCastMapper):
        def SetInputData(self, image):
            """Have none, of which VTK complains when it draws."""

    monkeypatch.setitem(mapper.MAPPERS, "hardware", Broken)
    mapper.faster_mapper.cache_clear()
    try:
        assert mapper.faster_mapper() == "software"
    finally:
        mapper.faster_mapper.cache_clear()
