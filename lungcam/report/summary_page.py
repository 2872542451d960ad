"""Page that sums up several runs: its frame, contents and parts."""

from collections.abc import Sequence

from lungcam.report.page import Html, fill, framed, join, tag


def summary_page(
    name: str, kind: str, *, sections: Sequence[tuple[str, str, Html]], note: str = ""
) -> Html:
    """Make a page of its sections: id, title and content; empty ones are left out."""
    shown = [section for section in sections if section[2]]
    main = fill(
        "summary.html",
        note=tag('<p class="soft">$note</p>', note=note) if note else Html(),
        contents=join(
            tag('<li><a href="#$id">$title</a></li>', id=id, title=title) for id, title, _ in shown
        ),
        sections=join(
            tag(
                '<section class="card" aria-labelledby="$id"><h2 id="$id">$title</h2>$content'
                "</section>",
                id=id,
                title=title,
                content=content,
            )
            for id, title, content in shown
        ),
    )
    return framed(name, main, kind=kind, style="run.css")


def command_text(command: str) -> Html:
    """Show a command; empty markup without one."""
    return tag("<pre><code>$command</code></pre>", command=command) if command else Html()


def run_link(text: str, folder: str | None) -> Html | str:
    """Link a text to the report of a run folder; the text alone without one."""
    if folder is None:
        return text
    return tag('<a href="$folder/report.html">$text</a>', folder=folder, text=text)
