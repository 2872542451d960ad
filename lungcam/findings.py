"""What a check found, in one verdict: JSON for programs, one line for people."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from lungcam.errors import InputError

Outcome = Literal["refused", "repaired", "skipped", "flagged"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is not as it should be.

    Attributes:
        code: Its name for programs, such as `missing_slices`.
        outcome: `refused`: the scan cannot be used; `repaired`: by the rule that `message` states;
            `skipped`: something beside the scan was left aside; `flagged`: usable, but a person
            should look.
        message: What and where, without a full stop; no patient-identifying value.
        remedy: What the user can do, without a full stop; empty where nothing need be done.
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
        scan: The path that was checked.
        findings: In the order found.
    """

    scan: str
    findings: list[Finding] = field(default_factory=list)

    def add(self, code: str, outcome: Outcome, message: str, remedy: str = "") -> None:
        """Note a finding; see `Finding`."""
        self.findings.append(Finding(code=code, outcome=outcome, message=message, remedy=remedy))

    def of(self, *outcomes: Outcome) -> list[Finding]:
        """Findings with one of these outcomes."""
        return [one for one in self.findings if one.outcome in outcomes]

    @property
    def usable(self) -> bool:
        """Whether nothing was refused."""
        return not self.of("refused")

    @property
    def line(self) -> str:
        """The verdict in one line; what is refused stands first."""
        order: Iterable[Outcome] = ("refused", "flagged", "repaired", "skipped")
        told = [one.sentence for outcome in order for one in self.of(outcome)]
        return f"{self.scan}: {' '.join(told) or 'no fault found.'}"

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "scan": self.scan,
            "usable": self.usable,
            "findings": [
                {"code": f.code, "outcome": f.outcome, "message": f.message, "remedy": f.remedy}
                for f in self.findings
            ],
        }

    def demand_usable(self) -> None:
        """Refuse the scan if anything about it is to be refused.

        Raises:
            InputError: Names the scan, every fault and its remedy.
        """
        if not self.usable:
            told = " ".join(one.sentence for one in self.of("refused"))
            raise InputError(f"{self.scan}: {told}")
