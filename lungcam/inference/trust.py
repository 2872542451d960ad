"""Trust in an answer: what a net has learnt from, how it was tested, and if the scan is alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lungcam.data.scan_traits import ScanTraits, compared, deviations
from lungcam.evaluation.track_record import TrackRecord
from lungcam.phantom.recognise import is_phantom

PHANTOMS, DOUBTFUL, UNKNOWN, ALIKE = "phantoms", "doubtful", "unknown", "alike"
# over pictures and slices, and in DICOM objects
PHANTOM_MARK = "Trained on phantoms alone: means nothing for a person"
SUMMARIES = {
    PHANTOMS: "No. The net has seen computer-made chests alone (phantoms), and this scan is not "
    "known to be one of them: neither the number nor the heat-map means anything for a person.",
    DOUBTFUL: "With doubts, see below.",
    UNKNOWN: "Not known: the checkpoint does not say what it was trained or tested on.",
    ALIKE: "No reason against it was found, which is no proof: as far as they could be compared, "
    "the scan is like those that the net has learnt from.",
}
SEEN = "the scan was in training or validation, so the answer is better than for a new one"
NO_TEST = "the net has no score on scans that it had not seen"
CHANCE = "the interval of its AUC includes 0.5, so it may know nothing"
PERSON = "the scan is a phantom, and the net has learnt from people"
ON_NODULES = "its score is that of nodules at a known place; the search of a whole scan is untested"


@dataclass(frozen=True, kw_only=True)
class Trust:
    """Reasons for and against an answer.

    Attributes:
        record: Track record of the net.
        traits: Traits of the scan.
        verdict: `phantoms`, `doubtful`, `unknown` or `alike`.
        doubts: Reasons against it.
    """

    record: TrackRecord
    traits: ScanTraits
    verdict: str
    doubts: Sequence[str]

    @property
    def mark(self) -> str | None:
        """Warning for pictures; None unless a net of phantoms is shown a person."""
        return PHANTOM_MARK if self.verdict == PHANTOMS else None

    def as_record(self) -> dict[str, Any]:
        """Return it as prediction.json holds it, without the person's age."""
        known = self.traits.known()
        score = self.record.score
        return {
            "verdict": self.verdict,
            "summary": SUMMARIES[self.verdict],
            "doubts": list(self.doubts),
            "trained_on": self.record.training_sentence,
            "tested_on": None if score is None else score.sentence,
            "compared": list(compared(known, self.record.inputs)),
            "scan": {name: value for name, value in known.items() if name != "age"},
            "training_scans": dict(self.record.inputs),
        }


def judge(
    record: TrackRecord, traits: ScanTraits, *, image: Path, seen: bool, searched: bool
) -> Trust:
    """Collect what speaks against an answer.

    Args:
        record: Track record of the net.
        traits: Traits of the scan.
        image: File or folder of the scan.
        seen: True if the scan was in training or validation.
        searched: True if the whole scan was searched by a net of nodules.
    """
    phantom = is_phantom(image)
    if record.n is None and record.score is None:
        return Trust(record=record, traits=traits, verdict=UNKNOWN, doubts=[SEEN] if seen else [])
    score = record.score
    reasons = {
        PERSON: phantom and not record.synthetic and record.n is not None,
        NO_TEST: score is None or score.value is None,
        CHANCE: score is not None and score.is_chance,
        ON_NODULES: searched,
        SEEN: seen,
    }
    doubts = [reason for reason, applies in reasons.items() if applies]
    doubts += deviations(traits.known(), record.inputs)
    verdict = DOUBTFUL if doubts else ALIKE
    if record.synthetic and not phantom:
        verdict = PHANTOMS
    return Trust(record=record, traits=traits, verdict=verdict, doubts=doubts)


def trust_lines(trust: Mapping[str, Any], *, red: bool = False) -> list[str]:
    """Put the trust in an answer into lines for the console.

    Args:
        trust: From `Trust.as_record`.
        red: True to print a warning of phantoms in red, on a terminal.
    """
    summary = f"May I believe this? {trust['summary']}"
    if red and trust["verdict"] == PHANTOMS:
        summary = f"\x1b[1;31m{summary}\x1b[0m"
    tested = [] if trust["tested_on"] is None else [f"  {trust['tested_on']}"]
    return [
        summary,
        *([] if trust["verdict"] == UNKNOWN else [f"  {trust['trained_on']}"]),
        *tested,
        *(f"  doubt: {doubt}" for doubt in trust["doubts"]),
    ]


def many_lines(record: TrackRecord, verdicts: Mapping[str, int], *, red: bool = False) -> list[str]:
    """Put the trust in the answers for many scans into lines for the console.

    Args:
        record: Track record of the net.
        verdicts: Number of scans by verdict.
        red: True to print a warning of phantoms in red, on a terminal.
    """
    lines = [f"May I believe this? {record.training_sentence}"]
    if record.score is not None:
        lines.append(f"  {record.score.sentence}")
    counts = {
        DOUBTFUL: "doubts about {n} scans: trust in their prediction.json",
        ALIKE: "{n} scans are like those that the net has learnt from",
    }
    lines += [
        f"  {text.format(n=verdicts[verdict])}"
        for verdict, text in counts.items()
        if verdicts.get(verdict)
    ]
    if verdicts.get(PHANTOMS):
        warning = f"  {verdicts[PHANTOMS]} scans: {SUMMARIES[PHANTOMS]}"
        lines.append(f"\x1b[1;31m{warning}\x1b[0m" if red else warning)
    return lines
