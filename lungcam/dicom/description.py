"""Texts that describe a result in DICOM objects: series descriptions and image comments."""

from collections.abc import Sequence
from dataclasses import Field, dataclass, field, fields

from lungcam import RESEARCH_USE_ONLY, __version__

# characters in the value representation LO (PS3.5 6.2)
MAX_LENGTH = 64
ONLY = " RESEARCH ONLY"


@dataclass(frozen=True, kw_only=True)
class ObjectDescription:
    """Description of a result: the net, the method and the warning that it carries.

    Attributes:
        method: Name of the explanation method, such as Grad-CAM.
        code: Key of the method, such as gradcam.
        evidence: Evidence in the map: both, for or against.
        model: Class name of the net.
        checkpoint: sha256 of the checkpoint.
        label_rule: Definition of the positive class.
        mark: Warning of a net with heat-maps that failed their checks, or None.
        doubt: Warning that the answer means nothing for a person, or None; decides no UID.
        trust: Sentences on what the net has learnt from, how it was tested and what speaks against
            its answer; they follow from the other fields and the scan, and decide no UID.
    """

    method: str
    code: str
    evidence: str
    model: str
    checkpoint: str
    label_rule: str
    mark: str | None = None
    doubt: str | None = field(default=None, metadata={"decides": False})
    trust: Sequence[str] = field(default=(), metadata={"decides": False})

    @property
    def identity(self) -> str:
        """Return all fields as a string for deriving UIDs.

        The leading name is that of the first version, so that a result keeps its UIDs.
        """
        values = ", ".join(f"{item.name}={getattr(self, item.name)!r}" for item in _deciding())
        return f"Told({values})"

    @property
    def heat_series_description(self) -> str:
        """Return the series description of the heat-map, as viewers list it."""
        failed = "FAILED CHECKS " if self.mark else ""
        failed = f"PHANTOM NET {failed}" if self.doubt else failed
        evidence = "for+against" if self.evidence == "both" else self.evidence
        text = f"{failed}{self.method} {evidence}"
        named = f"{text} {self.model}"
        # warnings are longer than the room for a net's name
        return _truncate(named if len(named + ONLY) <= MAX_LENGTH else text, ONLY)

    def mask_series_description(self, label: str) -> str:
        """Return the series description of a mask, as viewers list it."""
        return _truncate(f"lungcam {label}", ONLY)

    @property
    def unit_explanation(self) -> str:
        """Return the meaning of the heat-map's values."""
        return {
            "both": "Logit units; > 0 for the positive class, < 0 against it",
            "for": "Logit units; evidence for the positive class",
            "against": "Logit units; evidence against the positive class",
        }[self.evidence]

    @property
    def heat_comments(self) -> str:
        """Return the image comments of the heat-map."""
        failed = f"{self.mark}. " if self.mark else ""
        explanation = f"{self.method}. {self.unit_explanation}: {self.label_rule}."
        return f"{failed}{' '.join([*self.trust, explanation])} {self._origin}"

    def mask_comments(self, label: str) -> str:
        """Return the image comments of a mask."""
        return f"Mask: {label}. {self._origin}"

    @property
    def _origin(self) -> str:
        return (
            f"Model {self.model}, checkpoint sha256 {self.checkpoint}, lungcam {__version__}. "
            f"{RESEARCH_USE_ONLY}"
        )


def _deciding() -> list[Field]:
    """Return the fields that decide the UIDs of a result."""
    return [item for item in fields(ObjectDescription) if item.metadata.get("decides", True)]


def _truncate(text: str, suffix: str) -> str:
    """Shorten a text to fit, and append a suffix that is never shortened."""
    return text[: MAX_LENGTH - len(suffix)].rstrip() + suffix
