"""Label rule: malignancy from the readers' ratings."""

from dataclasses import dataclass

from lungcam.cohorts.lidc.annotation import READERS
from lungcam.cohorts.lidc.nodule import STATISTICS, Nodule
from lungcam.cohorts.settings import as_choice, as_integer, as_number
from lungcam.errors import InputError


@dataclass(frozen=True, kw_only=True)
class LabelRule:
    """Malignancy as suspected by the readers; it is not pathology.

    Published papers use several such rules, and metrics under different rules cannot be compared:
    the rule's sentence is reported with every metric.

    Attributes:
        statistic: `mean` or `median` of the readers' ratings, 1 to 5.
        benign_below: Rating below which the label is 0.
        malignant_above: Rating above which the label is 1; in between, bounds included, there is
            no label.
        least_readers: Number of readers below which a nodule has no label.

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

    def has_enough_readers(self, nodule: Nodule) -> bool:
        """Return True if enough readers annotated a nodule for it to have a label."""
        return len(nodule.readers) >= self.least_readers

    def rating(self, nodule: Nodule) -> float:
        """Return the readers' malignancy rating of a nodule by the rule's statistic."""
        return nodule.rating("malignancy", self.statistic)

    def label(self, nodule: Nodule) -> int | None:
        """Return 1 for malignant, 0 for benign, None where the rule gives no label."""
        if not self.has_enough_readers(nodule):
            return None
        rating = self.rating(nodule)
        if rating > self.malignant_above:
            return 1
        return 0 if rating < self.benign_below else None

    @property
    def sentence(self) -> str:
        """Sentence that states the rule for a nodule."""
        return (
            f"label 1: {self.statistic} of the readers' malignancy ratings (1-5) above "
            f"{self.malignant_above:g}; 0: below {self.benign_below:g}; else left out"
            f"{self._few_readers}; the readers' suspicion, not pathology"
        )

    @property
    def scan_sentence(self) -> str:
        """Sentence that states the rule for a scan."""
        return (
            f"label 1: a nodule's {self.statistic} of the readers' malignancy ratings (1-5) is "
            f"above {self.malignant_above:g}; 0: each is below {self.benign_below:g}, or there is "
            f"no nodule; else left out{self._few_readers}; the readers' suspicion, not pathology"
        )

    @property
    def _few_readers(self) -> str:
        """Clause on nodules with too few readers; empty where one reader is enough."""
        if self.least_readers == 1:
            return ""
        return f", as are nodules that fewer than {self.least_readers} readers marked"
