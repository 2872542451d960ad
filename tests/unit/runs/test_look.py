import pytest
from omegaconf import OmegaConf

from lungcam.errors import InputError
from lungcam.render import Look
from lungcam.runs.look import read_look

TOLD = {
    "preset": "otsu",
    "colormap": "magma",
    "view": "left",
    "clip": "axial",
    "size": 512,
    "mapper": "software",
}


def test_each_key_is_a_field_and_others_are_left_alone():
    assert read_look(TOLD) == Look("otsu", "magma", "left", "axial", 512, "software")
    assert read_look(OmegaConf.create({**TOLD, "interactive": True})) == read_look(TOLD)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("preset", "shiny"),
        ("colormap", "rainbows"),
        ("view", "top"),
        ("clip", "x"),
        ("size", 1),
        ("mapper", "gpu"),
    ],
)
def test_a_wrong_value_is_the_users_fault_and_its_key_is_named(key, value):
    with pytest.raises(InputError, match=rf"^render\.{key}={value}: .*\.$") as caught:
        read_look({**TOLD, key: value})
    assert "\n" not in str(caught.value)
