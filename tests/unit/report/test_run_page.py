"""Page of a run: its wrong answers, its command, and contents that lead somewhere."""

import re

import pytest

from lungcam.report.page import Html
from lungcam.report.run_figures import RunFigures
from lungcam.report.run_page import ReportError, RunReport, run_page

METRICS = {"rules": {"auc_ci95": "a rule"}, "cohort_notes": [], "versions": {"torch": "2"}}


@pytest.fixture
def report():
    return RunReport(
        name="run",
        metrics=METRICS,
        results=RunFigures(head=Html("<p>head</p>"), table=Html("<p>table</p>")),
        titles={},
        figures={},
        cases=[],
        localisation=[],
        excluded=[],
        overview=[("Seed", 0)],
        errors=[
            ReportError(name="<s>", kind="false positive", answer="p = 0.900, label 0", png=b"png"),
            ReportError(name="b", kind="false negative", answer="p = 0.100, label 1"),
        ],
        more_errors=3,
        command="python train.py seed=0",
    )


def test_wrong_answers_are_a_grid_with_names(report):
    page = run_page(report)
    assert page.count('<figure class="error">') == 2
    assert "<b>False positive</b>: &lt;s&gt;, p = 0.900, label 0" in page
    assert "a false positive" in page
    assert "3 further wrong answers are in predictions.csv." in page
    assert "<code>python train.py seed=0</code>" in page


def test_contents_lead_to_sections_that_exist(report):
    page = run_page(report)
    targets = re.findall(r'href="#([^"]+)"', page)
    assert len(targets) > 8
    assert [name for name in targets if f'id="{name}"' not in page] == []
