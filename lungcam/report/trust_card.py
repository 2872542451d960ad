"""Card of a scan's page that stands before the answer: may it be believed?"""

from collections.abc import Mapping, Sequence
from typing import Any

from lungcam.report.page import Html, definitions, sentences, tag

# verdicts of `lungcam.inference.trust`, with the style of each
STYLES = {"phantoms": "failed", "doubtful": "unchecked", "unknown": "unchecked", "alike": "passed"}


def trust_card(trust: Mapping[str, Any], *, ranges: Sequence[tuple[str, str]]) -> Html:
    """Make the card.

    Args:
        trust: As in prediction.json.
        ranges: Name, and the range over the training scans, of each trait.
    """
    verdict = trust["verdict"]
    summary = tag(
        '<p class="$kind">$text</p>',
        kind="mark" if verdict == "phantoms" else f"verdict {STYLES[verdict]}",
        text=trust["summary"],
    )
    tested = trust["tested_on"] or "It has no score on scans that it had not seen."
    facts = [
        *((f"{name} in training", text) for name, text in ranges),
        ("Compared with the scan", ", ".join(trust["compared"]) or "nothing: no range is known"),
    ]
    return tag(
        "$summary<p>$trained $tested</p>$doubts<details><summary>Scans that the net has learnt from"
        "</summary>$facts</details>",
        summary=summary,
        trained=trust["trained_on"],
        tested=tested,
        doubts=sentences(map(_sentence, trust["doubts"]), "doubts"),
        facts=definitions(facts),
    )


def _sentence(doubt: str) -> str:
    return f"{doubt[:1].upper()}{doubt[1:]}."
