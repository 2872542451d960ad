"""Page of several runs: sections with content alone, listed in its contents."""

from lungcam import RESEARCH_USE_ONLY
from lungcam.report.page import Html
from lungcam.report.summary_page import command_text, run_link, summary_page


def test_only_sections_with_content_are_shown_and_listed():
    page = summary_page(
        "<name>",
        "a kind",
        sections=[("a", "First", Html("<p>text</p>")), ("b", "Second", Html())],
        note="a <note>",
    )
    assert '<a href="#a">First</a>' in page
    assert "Second" not in page
    assert "&lt;name&gt;" in page
    assert "a &lt;note&gt;" in page
    assert RESEARCH_USE_ONLY in page


def test_commands_are_escaped_and_links_lead_to_reports():
    assert command_text("a='<b>'") == "<pre><code>a=&#x27;&lt;b&gt;&#x27;</code></pre>"
    assert command_text("") == ""
    assert run_link("1", "fold_1") == '<a href="fold_1/report.html">1</a>'
    assert run_link("1", None) == "1"
