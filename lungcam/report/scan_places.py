"""Places of a scan's page: candidates of a search, or the heat-map's hottest spots, with pictures.

Each place is a row with three slices and a small 3D view, which the page's script draws from the
volumes that the page holds anyway, and a button that moves the crosshair there.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lungcam.report.page import Html, definitions, join, tag

# of the square that the small pictures show
FIELD_MM = 50
VIEWS = ("axial", "coronal", "sagittal")
CANDIDATES_NOTE = (
    "Places that look like a nodule to the detector, the most suspicious first. Nodule: "
    "probability that it is one. Rating: probability of label 1 if it is one, with its range over "
    "the nets. Suspicion: the product of both. Many of these places are vessels, scars or lymph "
    "nodes; a nodule may be missing."
)
HOT_NOTE = (
    "Peaks of the heat-map above a fifth of the highest. Size: a ball with the volume above half "
    "the place's own height; the map's cells limit how small it can be, and how exactly it lies: "
    "heat outside the lungs may belong to tissue at their wall."
)
PRIOR_NOTE = (
    "Answers of other commands for this scan. The pictures go through the peaks of their "
    "heat-maps and show the heat of this page's own."
)
# function of a position in RAS mm that returns the voxel of the shown grid
ToIndex = Callable[[Sequence[float]], Sequence[float]]


def candidates_section(candidates: Sequence[Mapping[str, Any]] | None, to_index: ToIndex) -> Html:
    """Make the list of the most suspicious places; empty for a scan that was not searched.

    Args:
        candidates: As in prediction.json.
        to_index: See `ToIndex`.
    """
    if candidates is None:
        return Html()
    if not candidates:
        return Html("<p>Nothing in the lungs looks like a nodule to the detector.</p>")
    rows = [
        _row(
            f"candidate {number}",
            to_index(candidate["center_ras_mm"]),
            head=f"{candidate['probability']:.3f} suspicion",
            facts=[
                ("Place", place_text(candidate)),
                ("Diameter", diameter_text(candidate)),
                ("Nodule", f"{candidate['nodule']:.2f}"),
                ("Rating", _rating(candidate)),
                ("RAS mm", format_point(candidate["center_ras_mm"])),
            ],
        )
        for number, candidate in enumerate(candidates, 1)
    ]
    return _section("Most suspicious places", CANDIDATES_NOTE, rows=rows)


def hot_places_section(
    places: Sequence[Mapping[str, Any]], to_index: ToIndex, *, unit: str
) -> Html:
    """Make the list of the heat-map's hottest places; empty if there are none.

    Args:
        places: As in prediction.json.
        to_index: See `ToIndex`.
        unit: Unit of the map's values, such as logit.
    """
    rows = [
        _row(
            f"hot place {number}",
            to_index(place["center_ras_mm"]),
            head=f"{100 * place['share']:.0f} % of the peak",
            facts=[
                ("Place", place_text(place)),
                ("Size", f"{place['diameter_mm']:.0f} mm"),
                ("Tissue", f"{place['mean_hu']} HU on average within 4 mm".replace("-", "\u2212")),
                ("Height", f"{place['value']:.3g} {unit}".replace("-", "\u2212")),
                ("RAS mm", format_point(place["center_ras_mm"])),
            ],
        )
        for number, place in enumerate(places, 1)
    ]
    return _section("Hottest places", HOT_NOTE, rows=rows) if rows else Html()


def prior_section(priors: Sequence[Mapping[str, Any]], to_index: ToIndex) -> Html:
    """Make the list of earlier results; empty if there are none.

    Args:
        priors: As in prediction.json.
        to_index: See `ToIndex`.
    """
    rows = []
    for number, prior in enumerate(priors, 1):
        peak, apart = prior["peak_ras_mm"], prior["peaks_apart_mm"]
        facts = [
            ("Nets", prior["nets"]),
            ("Label rule", prior["label_rule"]),
            ("Heat-map", prior["method"]),
            ("Peak", "none" if peak is None else f"RAS {format_point(peak)} mm"),
            ("From this peak", "" if apart is None else f"{apart:.0f} mm"),
        ]
        index = None if peak is None else to_index(peak)
        rows.append(_row(f"earlier peak {number}", index, head=_answer(prior), facts=facts))
    return _section("Earlier results", PRIOR_NOTE, rows=rows) if rows else Html()


def place_text(place: Mapping[str, Any]) -> str:
    """Say where in the lungs a place lies; empty without a mask of the lungs."""
    if "side" not in place:
        return ""
    where = f"{place['side']} lung, {place['third']} third"
    if place["pleura_mm"] < 0.5:
        return f"{place['side']} side, {place['third']} third, outside the lungs or at their wall"
    return f"{where}, {place['pleura_mm']:.0f} mm to the pleura"


def diameter_text(candidate: Mapping[str, Any]) -> str:
    """Return the measured diameter, or a dash where the nets outline nothing that ends."""
    diameter_mm = candidate["diameter_mm"]
    return "–" if diameter_mm is None else f"{diameter_mm:.0f} mm"


def format_point(point_mm: Sequence[float]) -> str:
    """Format the coordinates of a point in mm."""
    return ", ".join(f"{mm:.1f}" for mm in point_mm).replace("-", "\u2212")


def _section(title: str, note: str, *, rows: Sequence[Html]) -> Html:
    return tag(
        '<h3 class="places-title">$title</h3><p class="soft">$note Pictures: $field mm wide, in '
        'the lung window.</p><ol class="places" data-field-mm="$field">$rows</ol>',
        title=title,
        note=note,
        field=FIELD_MM,
        rows=join(rows),
    )


def _answer(prior: Mapping[str, Any]) -> str:
    """Return the probability and the decision of an earlier result."""
    if prior["probability"] is None:
        return "no probability"
    called = {0: ", called negative", 1: ", called positive", None: ""}[prior["label"]]
    return f"{prior['probability']:.3f}{called}"


def _row(
    name: str, index: Sequence[float] | None, *, head: str, facts: list[tuple[str, str]]
) -> Html:
    """Make a place: its button, its pictures and its facts; without an index, the facts alone."""
    if index is None:
        return tag(
            '<li class="place"><div class="place-head"><strong>$head</strong></div>$facts</li>',
            head=head,
            facts=definitions(facts),
        )
    canvas = (
        '<canvas data-small="$view" width="120" height="120" role="img" aria-label="$label">'
        "</canvas>"
    )
    pictures = [
        tag(canvas, view=view, label=f"{view.capitalize()} slice through {name}") for view in VIEWS
    ]
    pictures.append(tag(canvas, view="volume", label=f"3D view of {name}"))
    return tag(
        '<li class="place" data-place="$index"><div class="place-head"><button type="button" '
        'data-index="$index">Go to $name</button> <strong>$head</strong></div>'
        '<div class="small-views">$pictures</div>$facts</li>',
        index=list(index),
        name=name,
        head=head,
        pictures=join(pictures),
        facts=definitions(facts),
    )


def _rating(candidate: Mapping[str, Any]) -> str:
    """Return the rating, with its range over the nets if there are several."""
    each = candidate["rating_of_each_net"]
    rating = f"{candidate['rating']:.2f}"
    return rating if len(each) == 1 else f"{rating} ({min(each):.2f}–{max(each):.2f})"
