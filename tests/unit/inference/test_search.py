"""Weights of the windows in the map of a whole scan."""

import torch

from lungcam.inference.search import scale_by_logit


def test_the_highest_cell_of_a_window_is_its_logit():
    generator = torch.Generator().manual_seed(0)
    evidence_for, evidence_against = (
        torch.rand(4, 3, 2, 5, generator=generator) * size for size in (1e-6, 40)
    )
    evidence_for[3] = 0
    logit = torch.tensor([2.5, -1.5, 0.0, 3.0])
    scaled_for, scaled_against = scale_by_logit((evidence_for, evidence_against), logit)
    highest = scaled_for.amax(dim=(1, 2, 3)), scaled_against.amax(dim=(1, 2, 3))
    # an empty map stays empty, whatever the logit
    assert torch.allclose(highest[0], torch.tensor([2.5, 0, 0, 0]))
    assert torch.allclose(highest[1], torch.tensor([0, 1.5, 0, 0]))
    assert torch.allclose(scaled_for[0] / 2.5, evidence_for[0] / evidence_for[0].max())
