"""What DICOM objects say of themselves in words."""

from dataclasses import dataclass

from lungcam import RESEARCH_USE_ONLY, __version__

# of the value representation LO (PS3.5 6.2)
LONGEST = 64


@dataclass(frozen=True, kw_only=True)
class ObjectDescription:
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
    def scale(self) -> str:
        """What the numbers of the heat-map mean."""
        return {
            "both": "Logit units; > 0 for the positive class, < 0 against it",
            "for": "Logit units; what speaks for the positive class",
            "against": "Logit units; what speaks against the positive class",
        }[self.evidence]

    @property
    def heat_notice(self) -> str:
        """All that is to be known of the heat-map."""
        failed = f"{self.mark}. " if self.mark else ""
        return f"{failed}{self.method}. {self.scale}: {self.label_rule}. {self._origin}"

    def mask_notice(self, label: str) -> str:
        """All that is to be known of a mask."""
        return f"Mask: {label}. {self._origin}"

    @property
    def _origin(self) -> str:
        return (
            f"Model {self.model}, checkpoint sha256 {self.checkpoint}, lungcam {__version__}. "
            f"{RESEARCH_USE_ONLY}"
        )


def _fitting(words: str, end: str) -> str:
    """Cut words, but never their end."""
    return words[: LONGEST - len(end)].rstrip() + end
