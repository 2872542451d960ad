"""A map for each year's risk."""

from collections.abc import Iterator

from lungcam.explain import HeatMap
from lungcam.nets import one_year
from lungcam.runs.answer import Answer
from lungcam.runs.predictor import Predictor
from lungcam.transforms.volumes import grid


def yearly_maps(predictor: Predictor, answer: Answer) -> Iterator[HeatMap]:
    """Explain the cumulative risk within each year, from the first to the horizon.

    A later year's logit is an earlier one's and what is added since, so what differs between two
    maps is what speaks for the event in the years between.

    Args:
        predictor: A net that tells risks.
        answer: Of one place.
    """
    net = predictor.classifier
    image = answer.image.to(next(net.parameters()).device)
    for year in range(len(answer.yearly)):
        with one_year(net, year):
            yield predictor.explainer(net, image, grid(answer.subject, "input"))
