"""A scan's answer in plain words: no more than the figures say."""

from collections.abc import Mapping

# of validation samples; a fit to fewer is rough
MANY = 100


def probability_in_words(probability: float) -> str:
    """A share of a hundred, without a false 0 or 100."""
    share = round(100 * probability)
    if share < 1:
        return "fewer than 1"
    return "more than 99" if share > 99 else f"about {share}"


def calibration_in_words(
    probability: float, calibrated: bool, fitted_on: tuple[int, int] | None, noun: str
) -> str:
    """What a probability stands for.

    Args:
        probability: In [0, 1].
        calibrated: Whether the checkpoint holds a calibration.
        fitted_on: Samples of the validation split that it was fitted on, and positives among them;
            None where the checkpoint does not tell.
        noun: What a sample is, in the plural.
    """
    raw = (
        "Not calibrated: the number is the logistic function of the net's logit. It ranks "
        f"{noun}, and is no share of them."
    )
    if not calibrated:
        return raw
    if fitted_on is None:
        held, rough = f"the {noun} of the run's validation split", ""
    else:
        n, positive = fitted_on
        if positive in (0, n):
            return f"{raw} The validation split held {noun} of one label only."
        held = f"{n} {noun} of the run's validation split, {positive} of them positive"
        rough = f" {n} are few: take the share as a rough one." if n < MANY else ""
    return (
        f"Calibrated by Platt scaling on {held}. By that fit, of 100 {noun} like those to which "
        f"the net answers as it does here, {probability_in_words(probability)} would be positive."
        f"{rough} Where positives are rarer or more frequent than there, the share is another."
    )


def call_in_words(probability: float, threshold: float, label: int) -> str:
    """The yes or no, and why."""
    if label:
        return f"Called positive: {probability:.3f} is not below the threshold {threshold:.3f}."
    return f"Called negative: {probability:.3f} is below the threshold {threshold:.3f}."


VERDICTS = {
    "passed": "Passed: this net's heat-maps met all checks.",
    "failed": "Failed: this net's heat-maps did not meet all checks.",
    "unchecked": "Unchecked: this net's heat-maps were never judged.",
}


def quality_in_words(quality: Mapping[str, object] | None) -> str:
    """Figures of the lung mask in a sentence or two; empty where there is no mask."""
    if quality is None:
        return ""
    cut = {
        "at the sides": quality["cut_sides_cm2"],
        "at the top": quality["cut_top_cm2"],
        "below": quality["cut_bottom_cm2"],
    }
    places = [f"{place} ({area:.0f} cm²)" for place, area in cut.items() if area >= 0.5]
    ending = f"the field of view cuts them {', '.join(places)}" if places else "nowhere cut"
    flags = ", ".join(str(one).replace("_", " ") for one in quality["flags"])
    return (
        f"Lungs {quality['lungs_ml'] / 1000:.1f} L, {quality['left_share']:.0%} of it on the left; "
        f"mask {quality['mask_ml'] / 1000:.1f} L; {ending}. "
        + (f"Flagged: {flags}." if flags else "Nothing is flagged.")
    )
