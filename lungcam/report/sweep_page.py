"""Page of a sweep: its figure, a row for each run, and the failed ones."""

from collections.abc import Sequence

from lungcam.report.page import Html, data_url, definitions, join, tag
from lungcam.report.summary_page import command_text, run_link, summary_page


def sweep_page(
    name: str,
    *,
    columns: Sequence[str],
    rows: Sequence[tuple[Sequence[str], str | None]],
    failures: Sequence[tuple[str, str]],
    figure: bytes | None,
    best: str | None,
    command: str,
) -> Html:
    """Make the page of a sweep, as a single file.

    Args:
        name: Name of its folder.
        columns: Names of the columns.
        rows: Cells of each run, best first, and its run folder relative to the sweep's, or None.
        failures: Name of each failed run, and the reason.
        figure: PNG of the sweep.
        best: Sentence on the best run, or None.
        command: Command that runs it again.
    """
    picture = Html()
    if figure is not None:
        text = "Validation score of each run"
        picture = tag(
            '<figure><img src="$source" alt="$text"></figure>', source=data_url(figure), text=text
        )
    heads = join(tag('<th scope="col">$name</th>', name=column) for column in columns)
    body = join(
        tag(
            "<tr>$cells</tr>",
            cells=join(
                tag("<td>$value</td>", value=run_link(value, folder) if column == 0 else value)
                for column, value in enumerate(cells)
            ),
        )
        for cells, folder in rows
    )
    table = tag(
        '<div class="scroll"><table><caption>Best first. The test scores of many runs are not to '
        "be chosen by: the best of them is too good by chance.</caption>"
        "<thead><tr>$heads</tr></thead><tbody>$body</tbody></table></div>",
        heads=heads,
        body=body,
    )
    sections = [
        ("result", "Result", join([tag("<p>$best</p>", best=best) if best else Html(), picture])),
        ("runs", "Runs", table if rows else Html()),
        ("failed", "Failed runs", definitions(failures) if failures else Html()),
        ("command", "Run it again", command_text(command)),
    ]
    return summary_page(name, "report of a sweep", sections=sections)
