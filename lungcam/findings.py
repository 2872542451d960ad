"""Findings of a check on a scan: JSON for programs, one line for people."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from lungcam.errors import InputError, plain_text

# texts in the place of an identifier or a value that mean that there is none, in lower case
NONE = (
    "",
    "-",
    "--",
    "?",
    "n/a",
    "na",
    "<na>",
    "nan",
    "nat",
    "nil",
    "none",
    "null",
    "undefined",
)

Outcome = Literal["refused", "repaired", "skipped", "flagged"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A fault or an oddity of a scan.

    Attributes:
        code: Name for programs, such as `missing_slices`.
        outcome: `refused`: the scan cannot be used; `repaired`: corrected by the rule in `message`;
            `skipped`: files that do not belong to the scan were ignored; `flagged`: usable, but a
            person should look.
        message: Description of the fault and its place, without a full stop; no
            patient-identifying value.
        remedy: Advice to the user, without a full stop; empty if there is nothing to do.
    """

    code: str
    outcome: Outcome
    message: str
    remedy: str = ""

    @property
    def sentence(self) -> str:
        """Message and remedy as one sentence."""
        return f"{self.message}; {self.remedy}." if self.remedy else f"{self.message}."


@dataclass
class ScanCheck:
    """All findings about one scan.

    Attributes:
        scan: Path of the scan.
        findings: In the order in which they were added.
    """

    scan: str
    findings: list[Finding] = field(default_factory=list)

    def add(self, code: str, outcome: Outcome, *, message: str, remedy: str = "") -> None:
        """Add a finding; see `Finding` for the arguments."""
        self.findings.append(
            Finding(
                code=code,
                outcome=outcome,
                # file names and headers are anyone's
                message=plain_text(message),
                remedy=plain_text(remedy),
            )
        )

    def with_outcome(self, *outcomes: Outcome) -> list[Finding]:
        """Return the findings with any of these outcomes."""
        return [finding for finding in self.findings if finding.outcome in outcomes]

    @property
    def usable(self) -> bool:
        """True if nothing was refused."""
        return not self.with_outcome("refused")

    @property
    def line(self) -> str:
        """All findings in one line, refusals first."""
        order: Iterable[Outcome] = ("refused", "flagged", "repaired", "skipped")
        sentences = [
            finding.sentence for outcome in order for finding in self.with_outcome(outcome)
        ]
        return f"{plain_text(self.scan)}: {' '.join(sentences) or 'no fault found.'}"

    def as_dict(self) -> dict[str, object]:
        """Return a dictionary for JSON."""
        return {
            "scan": self.scan,
            "usable": self.usable,
            "findings": [
                {"code": f.code, "outcome": f.outcome, "message": f.message, "remedy": f.remedy}
                for f in self.findings
            ],
        }

    def raise_if_unusable(self) -> None:
        """Raise an error if any finding is a refusal.

        Raises:
            InputError: Names the scan, every refused fault and its remedy.
        """
        if not self.usable:
            sentences = " ".join(finding.sentence for finding in self.with_outcome("refused"))
            raise InputError(f"{self.scan}: {sentences}")
