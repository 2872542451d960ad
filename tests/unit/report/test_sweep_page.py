"""Page of a sweep: a row for each run, best first, with links to reports that exist."""

from lungcam.report.sweep_page import sweep_page


def test_runs_are_rows_and_failures_are_named():
    page = sweep_page(
        "sweep",
        columns=("Job", "Validation AUC", "optimizer.lr"),
        rows=[(["2", "0.900", "0.01"], "2"), (["0", "0.700", "<a>"], None)],
        failures=[("job 1", "optimizer.lr=9: it diverged.")],
        figure=b"png",
        best="Best of 3 runs: job 2.",
        command="python train.py -m optimizer.lr=0.01,9",
    )
    assert page.index("0.900") < page.index("0.700")
    assert '<a href="2/report.html">2</a>' in page
    assert 'href="0/report.html"' not in page
    assert "&lt;a&gt;" in page
    assert "it diverged." in page
    assert 'alt="Validation score of each run"' in page
