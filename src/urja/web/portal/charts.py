"""Bar charts as SVG, drawn on the server: they work without JavaScript, on paper, and read aloud.

Positions along the axis are percentages and heights are pixels, so a chart fills whatever width it is given and
its letters keep their size. Colours are classes of the style sheet; the markup holds no style of its own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import NamedTuple

from django.utils.safestring import SafeString, mark_safe

PLOT_PX = 104
TOP_PX = 18
AXIS_PX = 20
BASELINE_PX = TOP_PX + PLOT_PX
_UPRIGHT = tuple(
    f'y="{BASELINE_PX - tenths / 10:.1f}" height="{tenths / 10:.1f}"/>' for tenths in range(PLOT_PX * 10 + 1)
)
"""Where a bar that stands on the axis begins and ends, by its height in tenths of a pixel."""
BAR_SHARE = 0.7
"""How much of its slot a bar fills."""


type Use = tuple[object, int | None, int]
"""Of one interval: when it was, its Wh, and how much of it is estimated.

The energy is None where nothing has been read, which is not the same as zero.
"""


class Slot(NamedTuple):
    """The place of a bar, and what is written of it whatever its height."""

    label: str
    named: str
    """Begins the bar."""
    across: str
    """Where it stands and how wide it is."""
    tick: str
    """Under the axis; empty where nothing is written."""
    row: str
    """Begins its row in the table."""


@dataclass(frozen=True, slots=True)
class Captions:
    """The words of a chart, already in the reader's language."""

    title: str
    interval: str
    unit: str
    estimated: str
    missing: str


@dataclass(frozen=True, slots=True)
class Axis:
    """All of a chart that is the same for everybody who looks at these hours or days in one language."""

    slots: tuple[Slot, ...]
    unit: str
    estimated: str
    missing: str
    picture: str
    """Begins the picture, up to what it shows in words."""
    table: str
    """Begins the table."""


class Chart(NamedTuple):
    """A picture, what dashes and grey mean in it where there are any, and the same values as a table."""

    picture: SafeString
    legend: SafeString
    table: SafeString


def axis(name: str, captions: Captions, labels: Sequence[str], ticks: Sequence[str] = ()) -> Axis:
    """The places of as many bars, to be kept; `name` makes the chart's ids unique on the page.

    Of the ticks each stands under the bar of its number; where one is empty nothing is written.
    """
    title, unit = escape(captions.title), escape(captions.unit)
    return Axis(
        slots=tuple(_slots(labels, ticks or [""] * len(labels))),
        unit=unit,
        estimated=escape(captions.estimated),
        missing=escape(captions.missing),
        picture=(
            f'<svg class="chart" width="100%" height="{BASELINE_PX + AXIS_PX}" role="img" '
            f'aria-labelledby="{name}-title {name}-desc">'
            f'<title id="{name}-title">{title}</title><desc id="{name}-desc">'
        ),
        table=(
            f"<table><caption>{title}</caption>"
            f"<thead><tr><th scope=col>{escape(captions.interval)}<th scope=col>{unit}</thead><tbody>"
        ),
    )


def _slots(labels: Sequence[str], ticks: Sequence[str]) -> Iterator[Slot]:
    width = 100 / max(len(labels), 1)
    for index, (label, tick) in enumerate(zip(labels, ticks, strict=True)):
        text, left = escape(label), width * index
        under = f'<text class="tick" x="{left + width / 2:.2f}%" y="{BASELINE_PX + 15}">{escape(tick)}</text>'
        yield Slot(
            label=label,
            named=f"<g><title>{text}: ",
            across=f'x="{left + width * (1 - BAR_SHARE) / 2:.2f}%" width="{width * BAR_SHARE:.2f}%"',
            tick=under if tick else "",
            row=f"<tr><th scope=row>{text}<td>",
        )


def ceiling(largest_wh: int) -> int:
    """The top of the scale: a round value not far above the largest, and at least 100 Wh."""
    step = 10
    while True:
        for tenths in (10, 12, 16, 20, 30, 40, 50, 60, 80):
            if largest_wh <= tenths * step:
                return tenths * step
        step *= 10


_DECIMALS = tuple(f".{rest:03d}".rstrip("0").rstrip(".") for rest in range(1000))


def kwh_text(wh: int) -> str:
    """Plain kilowatt-hours for a scale or a table."""
    return f"{wh // 1000}{_DECIMALS[wh % 1000]}"


_GRID = "".join(
    f'<line class="grid" x1="0" x2="100%" y1="{y}" y2="{y}"/>' for y in (TOP_PX, TOP_PX + PLOT_PX // 2)
)
_BASELINE = f'<line class="axis" x1="0" x2="100%" y1="{BASELINE_PX}" y2="{BASELINE_PX}"/></svg>'


def draw(axis: Axis, uses: Sequence[Use], begun: range, summary: str) -> Chart:
    """The chart of as many uses (`Use`) as there are places; `summary` says in words what it shows.

    `begun` are the places of the intervals that have begun; the last of them goes on. One that lies ahead is left blank
    without remark, and is not listed in the table.
    """
    top_wh = ceiling(max((wh or 0 for _, wh, _ in uses), default=0))
    unit, missing, current = axis.unit, axis.missing, begun[-1] if begun else None
    scale = f'<text class="scale" x="0" y="{TOP_PX - 6}">{kwh_text(top_wh)} {unit}</text>'
    picture, rows = [f"{axis.picture}{escape(summary)}</desc>{_GRID}{scale}"], [axis.table]
    any_estimated = any_missing = False
    places = zip(axis.slots, uses, strict=True)
    for number, ((_, named, across, tick, row), (_, wh, estimated_wh)) in enumerate(places):
        if wh is not None:
            text = kwh_text(wh)
            rects = _rects(wh, estimated_wh, top_wh, across, current=number == current)
            picture.append(f"{named}{text} {unit}</title>{rects}</g>")
            rows.append(f"{row}{text}")
        elif number in begun:
            any_missing = True
            rect = f'<rect class="missing" {across} y="{BASELINE_PX - 5}" height="5"/>'
            picture.append(f"{named}{missing}</title>{rect}</g>")
            rows.append(f"{row}{missing}")
        if estimated_wh:
            any_estimated = True
            rows.append(f" <small>({axis.estimated})</small>")
        picture.append(tick)
    picture.append(_BASELINE)
    rows.append("</tbody></table>")
    keys = []
    if any_estimated:
        keys.append(f'<span class="key-estimated">{axis.estimated}</span>')
    if any_missing:
        keys.append(f'<span class="key-missing">{missing}</span>')
    legend = f'<p class="legend">{" ".join(keys)}</p>' if keys else ""
    # Every text is escaped.
    return Chart(mark_safe("".join(picture)), mark_safe(legend), mark_safe("".join(rows)))  # noqa: S308


def _rects(wh: int, estimated_wh: int, top_wh: int, across: str, *, current: bool) -> str:
    """What was measured, and on it what is estimated."""
    kind = "bar current" if current else "bar"
    if not estimated_wh:
        if wh <= 0:
            return ""
        return f'<rect class="{kind}" rx="2" {across} {_UPRIGHT[round(wh * PLOT_PX * 10 / top_wh)]}'
    height = wh * PLOT_PX / top_wh
    estimated = estimated_wh * PLOT_PX / top_wh
    measured = ""
    if height - estimated > 0:
        measured = (
            f'<rect class="{kind}" rx="2" {across} '
            f'y="{BASELINE_PX - height + estimated:.1f}" height="{height - estimated:.1f}"/>'
        )
    return (
        f'{measured}<rect class="estimated" rx="2" {across} '
        f'y="{BASELINE_PX - height:.1f}" height="{estimated:.1f}"/>'
    )
