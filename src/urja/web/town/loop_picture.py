"""The chain as one picture (SVG): eight stations from the meters to the relay, each with its live figure.

The same ring is drawn twice, wide for a desk and tall for a phone; the style sheet shows one of them. Nothing in it
has a style of its own, so the content security policy holds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

WIDTH: Final = 168
HEIGHT: Final = 92
_GAP_X: Final = 56
_GAP_Y: Final = 44
_EDGE: Final = 6


@dataclass(frozen=True, slots=True)
class Station:
    """One station: its name, figure and note, and whether it is faulty."""

    key: str
    name: str
    figure: str
    note: str
    ill: bool = False


def wide(stations: Sequence[Station], title: str) -> SafeString:
    """Return the wide picture: four stations from left to right, four below from right to left."""
    half = len(stations) // 2
    places = [(column, 0) for column in range(half)] + [(column, 1) for column in reversed(range(half))]
    return _draw(stations, places, title, "wide")


def tall(stations: Sequence[Station], title: str) -> SafeString:
    """Return the tall picture: four stations down on the left, four up on the right."""
    half = len(stations) // 2
    places = [(0, row) for row in range(half)] + [(1, row) for row in reversed(range(half))]
    return _draw(stations, places, title, "tall")


def _draw(
    stations: Sequence[Station], places: Sequence[tuple[int, int]], title: str, kind: str
) -> SafeString:
    gap_x, gap_y = (_GAP_X, _GAP_Y) if kind == "wide" else (24, 28)
    corners = [(_EDGE + x * (WIDTH + gap_x), _EDGE + y * (HEIGHT + gap_y)) for x, y in places]
    width = max(x for x, _ in corners) + WIDTH + _EDGE
    height = max(y for _, y in corners) + HEIGHT + _EDGE
    following = zip(corners, [*corners[1:], corners[0]], strict=True)
    return format_html(
        '<svg class="ring {}" viewBox="0 0 {} {}" role="img" aria-label="{}">{}{}</svg>',
        kind,
        width,
        height,
        f"{title}: " + "; ".join(f"{one.name}: {one.figure}, {one.note}" for one in stations),
        format_html_join("", '<path class="flow" d="{}"/>{}', (_arrow(a, b) for a, b in following)),
        format_html_join("", "{}", ((_box(*pair),) for pair in zip(stations, corners, strict=True))),
    )


def _box(station: Station, corner: tuple[int, int]) -> SafeString:
    x, y = corner
    return format_html(
        '<g class="station{}"><rect x="{}" y="{}" width="{}" height="{}" rx="14"/>'
        '<text class="name" x="{}" y="{}">{}</text><text class="figure" x="{}" y="{}">{}</text>'
        '<text class="note" x="{}" y="{}">{}</text></g>',
        " ill" if station.ill else "",
        x, y, WIDTH, HEIGHT,
        x + 14, y + 24, station.name,
        x + 14, y + 54, station.figure,
        x + 14, y + 78, station.note,
    )  # fmt: skip


def _arrow(source: tuple[int, int], target: tuple[int, int]) -> tuple[str, SafeString]:
    """Return the arrow between two neighbouring boxes: the line's path, and its head."""
    (x, y), (to_x, to_y) = source, target
    if y == to_y:
        direction = 1 if to_x > x else -1
        begin = (x + WIDTH if direction > 0 else x, y + HEIGHT // 2)
        end = (to_x if direction > 0 else to_x + WIDTH, y + HEIGHT // 2)
        tip, base = end[0] - 2 * direction, end[0] - 10 * direction
        head = f"{tip},{end[1]} {base},{end[1] - 6} {base},{end[1] + 6}"
        line = f"M{begin[0]} {begin[1]}H{base}"
    else:
        direction = 1 if to_y > y else -1
        begin = (x + WIDTH // 2, y + HEIGHT if direction > 0 else y)
        end = (x + WIDTH // 2, to_y if direction > 0 else to_y + HEIGHT)
        tip, base = end[1] - 2 * direction, end[1] - 10 * direction
        head = f"{end[0]},{tip} {end[0] - 6},{base} {end[0] + 6},{base}"
        line = f"M{begin[0]} {begin[1]}V{base}"
    return line, format_html('<polygon class="head" points="{}"/>', head)
