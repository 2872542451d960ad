"""What DICOM objects say of themselves in words."""

from dataclasses import dataclass

from lungcam import RESEARCH_USE_ONLY, __version__

# of the value representation LO (PS3.5 6.2)
LONGEST = 64


@dataclass(frozen=True)
class Told:
    """What a result rests on.

    Attributes:
        method: Such as Grad-CAM.
        code: The method by its key, such as gradcam.
        evidence: Which evidence the map shows: both, for or against.
        model: Name of the net.
        checkpoint: sha256 of the checkpoint.
        label_rule: What the positive class is.
        mark: The warning of a net whose heat-maps failed their checks, or None.
    """

    method: str
    code: str
    evidence: str
    model: str
    checkpoint: str
    label_rule: str
    mark: str | None = None

    @property
    def heat(self) -> str:
        """What a list of series shows of the heat-map."""
        failed = "FAILED CHECKS " if self.mark else ""
        evidence = "for+against" if self.evidence == "both" else self.evidence
        words = f"{failed}{self.method} {evidence} {self.model}"
        return _fitting(words, " RESEARCH ONLY")

    def mask(self, label: str) -> str:
        """What a list of series shows of a mask."""
        return _fitting(f"lungcam {label}", " RESEARCH ONLY")

    @property
    def notice(self) -> str:
        """All of it, in full."""
        sides = {
            "both": "above 0 speaks for the positive class, below 0 against it",
            "for": "how much speaks for the positive class",
            "against": "how much speaks against the positive class",
        }[self.evidence]
        failed = f"{self.mark}. " if self.mark else ""
        return (
            f"{failed}{self.method}, in units of the logit: {sides}. "
            f"Positive class: {self.label_rule}. Model: {self.model}, checkpoint sha256 "
            f"{self.checkpoint}. lungcam {__version__}. {RESEARCH_USE_ONLY}"
        )


def _fitting(words: str, end: str) -> str:
    """Cut words, but never their end."""
    return words[: LONGEST - len(end)].rstrip() + end
