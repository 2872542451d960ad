"""What the slices of a scan's page can be told: where to go, and what to hide."""

from collections.abc import Sequence

from lungcam.report.page import Html, join, tag
from lungcam.report.scan_report import ScanReport, index_of, place_in_words


def jumps(report: ScanReport) -> Html:
    """Buttons that move the crosshair to what matters."""
    peak = report.prediction["heatmap_peak_ras_mm"]
    buttons = [_jump("To the heat-map's peak", report, peak, "peak")] if peak is not None else []
    for number, (center, _) in enumerate(report.lesions, 1):
        which = "" if len(report.lesions) == 1 else f" {number}"
        buttons.append(_jump(f"To the known lesion{which}", report, center))
    return join(buttons, " ")


def ticks(report: ScanReport) -> Html:
    """What can be hidden."""
    shown = [("crosshair", "Crosshair")]
    if report.prediction["explanation"]["evidence"] == "both":
        shown.append(("against", "What speaks against"))
    if report.lesions:
        shown.append(("outlines", "Outline of the known lesion"))
    markup = '<label class="tick"><input id="$name" type="checkbox" checked> $words</label>'
    return join(tag(markup, name=name, words=words) for name, words in shown)


def candidates(report: ScanReport) -> Html:
    """A table of the most suspicious places of a scan that was searched."""
    found = report.prediction.get("candidates")
    if found is None:
        return Html()
    if not found:
        return Html("<p>Nothing in the lungs speaks for the positive class.</p>")
    rows = join(
        tag(
            "<tr><td>$jump</td><td>$probability</td><td>$height</td><td>$place</td></tr>",
            jump=_jump(f"To candidate {number}", report, one["center_ras_mm"]),
            probability=f"{one['probability']:.3f}",
            height=f"{one['map_height']:.2f}",
            place=place_in_words(one["center_ras_mm"]),
        )
        for number, one in enumerate(found, 1)
    )
    return tag(
        '<h3>Most suspicious places</h3><div class="few" tabindex="0"><table class="candidates">'
        "<caption>The map's peaks, the highest first, and the net's answer to a cube around each."
        "</caption>"
        '<thead><tr><th scope="col">Place</th><th scope="col">Probability</th><th scope="col">'
        'Map\'s height (logit)</th><th scope="col">RAS mm</th></tr></thead><tbody>$rows</tbody>'
        "</table></div>",
        rows=rows,
    )


def _jump(words: str, report: ScanReport, point_mm: Sequence[float], name: str = "") -> Html:
    return tag(
        '<button type="button" $name data-index="$index">$words</button>',
        name=tag('id="$name"', name=name) if name else Html(),
        index=index_of(report, point_mm),
        words=words,
    )
