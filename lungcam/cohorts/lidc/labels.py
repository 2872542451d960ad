"""The rule that turns readers' ratings into a label."""

from dataclasses import dataclass

from lungcam.cohorts.lidc.annotation import READERS
from lungcam.cohorts.lidc.consensus import STATISTICS, Nodule
from lungcam.cohorts.settings import as_choice, as_integer, as_number
from lungcam.errors import InputError


@dataclass(frozen=True, kw_only=True)
class LabelRule:
    """Malignancy as readers suspect it; it is not pathology.

    Published papers use several such rules, whose figures cannot be compared: the sentence stands
    beside each figure.

    Attributes:
        statistic: `mean` or `median` of the readers' ratings, 1 to 5.
        benign_below: Below it the label is 0.
        malignant_above: Above it the label is 1; in between, bounds included, there is none.
        least_readers: A nodule that fewer readers marked has no label.

    Raises:
        InputError: A setting is out of range.
    """

    statistic: str = "mean"
    benign_below: float = 3.0
    malignant_above: float = 3.0
    least_readers: int = 1

    def __post_init__(self) -> None:
        as_choice("statistic", self.statistic, choices=tuple(STATISTICS))
        as_number("benign_below", self.benign_below)
        as_number("malignant_above", self.malignant_above)
        as_integer("least_readers", self.least_readers, least=1, most=READERS)
        if self.benign_below > self.malignant_above:
            raise InputError(
                f"data.benign_below is {self.benign_below} and data.malignant_above "
                f"{self.malignant_above}; set benign_below to at most malignant_above."
            )

    def counts(self, nodule: Nodule) -> bool:
        """Whether enough readers marked a nodule."""
        return len(nodule.readers) >= self.least_readers

    def label(self, nodule: Nodule) -> int | None:
        """1 malignant, 0 benign, None where the rule leaves it out."""
        if not self.counts(nodule):
            return None
        rating = nodule.rating("malignancy", self.statistic)
        if rating > self.malignant_above:
            return 1
        return 0 if rating < self.benign_below else None

    @property
    def sentence(self) -> str:
        """The rule in words."""
        return (
            f"label 1: {self.statistic} of the readers' malignancy ratings (1-5) above "
            f"{self.malignant_above:g}; 0: below {self.benign_below:g}; else left out{self.few}; "
            "the readers' suspicion, not pathology"
        )

    @property
    def few(self) -> str:
        """What becomes of nodules with too few readers, as the end of a clause."""
        if self.least_readers == 1:
            return ""
        return f", as are nodules that fewer than {self.least_readers} readers marked"
