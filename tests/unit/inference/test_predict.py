"""How loudly each window speaks in the map of a whole scan."""

import torch

from lungcam.inference.predict import scale_by_logit


def test_the_highest_cell_of_a_window_is_its_logit():
    generator = torch.Generator().manual_seed(0)
    speaks_for, against = (
        torch.rand(4, 3, 2, 5, generator=generator) * size for size in (1e-6, 40)
    )
    speaks_for[3] = 0
    logit = torch.tensor([2.5, -1.5, 0.0, 3.0])
    scaled_for, scaled_against = scale_by_logit((speaks_for, against), logit)
    highest = scaled_for.amax(dim=(1, 2, 3)), scaled_against.amax(dim=(1, 2, 3))
    # a map that is empty stays so, whatever the logit
    assert torch.allclose(highest[0], torch.tensor([2.5, 0, 0, 0]))
    assert torch.allclose(highest[1], torch.tensor([0, 1.5, 0, 0]))
    assert torch.allclose(scaled_for[0] / 2.5, speaks_for[0] / speaks_for[0].max())
