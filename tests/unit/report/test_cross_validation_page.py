"""Page of a cross-validation: pooled score, folds with links, and intervals to scale."""

import re

from lungcam.report.cross_validation_page import FoldResult, cross_validation_page


def fold(value, low, high):
    test = {"n": 20, "n_positive": 8, "auc": value, "auc_ci95": [low, high], "threshold": 0.4}
    return {"test": test, "val": {"auc": 0.9}, "explanation": {"verdict": "failed"}}


METRICS = {
    "test": {
        "n": 40,
        "n_positive": 16,
        "n_patients": 30,
        "auc": 0.8,
        "auc_ci95": [0.7, 0.9],
        "against_baselines": {},
    },
    "folds": 2,
    "label_rule": "label 1: <x>",
    "cohort_notes": ["a note"],
    "rules": {"pooled": "a rule", "risk": {"deeper": "not a sentence"}},
    "versions": {"torch": "2"},
}


def page():
    return cross_validation_page(
        "cv",
        METRICS,
        folds=[
            FoldResult(name="fold_0", metrics=fold(0.75, 0.6, 0.9)),
            FoldResult(name="fold_1", metrics=fold(0.85, None, None)),
        ],
        score="auc",
        score_name="AUC",
        command="python train.py cv.folds=2",
    )


def test_pooled_score_and_folds_are_shown():
    text = page()
    assert "0.800" in text
    assert "AUC, pooled over 2 folds, 95 % interval 0.700 to 0.900" in text
    assert '<a href="fold_1/report.html">fold 1</a>' in text
    assert "label 1: &lt;x&gt;" in text
    assert "not a sentence" not in text
    targets = re.findall(r'href="#([^"]+)"', text)
    assert [name for name in targets if f'id="{name}"' not in text] == []


def test_intervals_are_drawn_to_scale():
    text = page()
    points = [float(x) for x in re.findall(r'<circle cx="([\d.]+)"', text)]
    bars = re.findall(r'<line x1="([\d.]+)" x2="([\d.]+)"', text)
    # a fold without an interval has no bar
    assert len(points) == 3
    assert len(bars) == 2
    (low, high), _ = [tuple(map(float, bar)) for bar in bars]
    # 0.75 lies in the middle of 0.6 to 0.9, and 0.85 five sixths along
    assert abs(points[0] - (low + high) / 2) < 0.2
    assert abs(points[1] - (low + (high - low) * 5 / 6)) < 0.2
