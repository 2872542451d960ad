"""Card before the answer: what the record says, and red for a net of phantoms alone."""

import pytest

from lungcam.report.trust_card import trust_card

TRUST = {
    "verdict": "alike",
    "summary": "No reason against it was found.",
    "doubts": [],
    "trained_on": "Trained on <100> samples.",
    "tested_on": None,
    "compared": [],
}


def test_card_names_training_test_and_ranges():
    card = trust_card(TRUST, ranges=[("Pixels", "0.60 to 0.90 mm")])
    assert '<p class="verdict passed">No reason against it was found.</p>' in card
    assert "Trained on &lt;100&gt; samples." in card
    assert "It has no score on scans that it had not seen." in card
    assert "<dt>Pixels in training</dt><dd>0.60 to 0.90 mm</dd>" in card
    assert "nothing: no range is known" in card


@pytest.mark.parametrize(
    ("verdict", "style"),
    [("phantoms", "mark"), ("doubtful", "verdict unchecked"), ("unknown", "verdict unchecked")],
)
def test_a_doubt_is_seen_before_it_is_read(verdict, style):
    card = trust_card(TRUST | {"verdict": verdict, "doubts": ["it may know nothing"]}, ranges=[])
    assert f'<p class="{style}">' in card
    assert "<li>It may know nothing.</li>" in card
