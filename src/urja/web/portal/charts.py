"""Bar charts as SVG, drawn on the server: they work without JavaScript, on paper, and read aloud.

Positions along the axis are percentages and heights are pixels, so a chart fills whatever width it is given and
its letters keep their size. Colours are classes of the style sheet; the markup holds no style of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape

from django.utils.safestring import SafeString, mark_safe

PLOT_PX = 104
TOP_PX = 18
AXIS_PX = 20
BAR_SHARE = 0.7
"""How much of its slot a bar fills."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One interval. `wh` is None where nothing has been read, which is not the same as zero."""

    label: str
    wh: int | None
    estimated_wh: int = 0
    tick: str = ""
    """Written under the axis, if not empty."""
    due: bool = True
    """Has the interval begun? One that lies ahead is left blank without remark."""
    current: bool = False


@dataclass(frozen=True, slots=True)
class Captions:
    """The words of a chart, already in the reader's language."""

    title: str
    summary: str
    interval: str
    unit: str
    estimated: str
    missing: str


def ceiling(largest_wh: int) -> int:
    """The top of the scale: a round value not far above the largest, and at least 100 Wh."""
    step = 10
    while True:
        for tenths in (10, 12, 16, 20, 30, 40, 50, 60, 80):
            if largest_wh <= tenths * step:
                return tenths * step
        step *= 10


def kwh_text(wh: int) -> str:
    """Plain kilowatt-hours for a scale or a table."""
    whole, rest = divmod(wh, 1000)
    return f"{whole}.{rest:03d}".rstrip("0").rstrip(".")


def draw(name: str, bars: Sequence[Bar], captions: Captions) -> SafeString:
    """The chart; `name` makes its ids unique on the page."""
    top_wh = ceiling(max((bar.wh or 0 for bar in bars), default=0))
    baseline = TOP_PX + PLOT_PX
    head = (
        f'<svg class="chart" width="100%" height="{baseline + AXIS_PX}" role="img" '
        f'aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{escape(captions.title)}</title>'
        f'<desc id="{name}-desc">{escape(captions.summary)}</desc>'
        f'<line class="grid" x1="0" x2="100%" y1="{TOP_PX}" y2="{TOP_PX}"/>'
        f'<line class="grid" x1="0" x2="100%" y1="{TOP_PX + PLOT_PX // 2}" y2="{TOP_PX + PLOT_PX // 2}"/>'
        f'<text class="scale" x="0" y="{TOP_PX - 6}">{kwh_text(top_wh)} {escape(captions.unit)}</text>'
    )
    parts = [head]
    for bar, (across, middle) in zip(bars, _slots(len(bars)), strict=True):
        parts.append(_bar(bar, across, top_wh, captions))
        if bar.tick:
            parts.append(f'<text class="tick" x="{middle}%" y="{baseline + 15}">{escape(bar.tick)}</text>')
    parts.append(f'<line class="axis" x1="0" x2="100%" y1="{baseline}" y2="{baseline}"/></svg>')
    return mark_safe("".join(parts))  # noqa: S308 - every text above is escaped


@lru_cache(maxsize=64)
def _slots(count: int) -> tuple[tuple[str, str], ...]:
    """Of each of so many bars: where it stands and how wide it is, and the middle of it."""
    slot = 100 / max(count, 1)
    return tuple(
        (
            f'x="{slot * index + slot * (1 - BAR_SHARE) / 2:.2f}%" width="{slot * BAR_SHARE:.2f}%"',
            f"{slot * (index + 0.5):.2f}",
        )
        for index in range(count)
    )


def _bar(bar: Bar, across: str, top_wh: int, captions: Captions) -> str:
    baseline = TOP_PX + PLOT_PX
    if bar.wh is None:
        if not bar.due:
            return ""
        return (
            f"<g><title>{escape(bar.label)}: {escape(captions.missing)}</title>"
            f'<rect class="missing" {across} y="{baseline - 5}" height="5"/></g>'
        )
    height = bar.wh * PLOT_PX / top_wh
    estimated = bar.estimated_wh * PLOT_PX / top_wh
    kind = "bar current" if bar.current else "bar"
    text = f"{bar.label}: {kwh_text(bar.wh)} {captions.unit}"
    pieces = [f"<g><title>{escape(text)}</title>"]
    if height - estimated > 0:
        pieces.append(
            f'<rect class="{kind}" rx="2" {across} '
            f'y="{baseline - height + estimated:.1f}" height="{height - estimated:.1f}"/>'
        )
    if estimated > 0:
        pieces.append(
            f'<rect class="estimated" rx="2" {across} y="{baseline - height:.1f}" height="{estimated:.1f}"/>'
        )
    pieces.append("</g>")
    return "".join(pieces)


def legend(bars: Sequence[Bar], captions: Captions) -> SafeString:
    """What dashes and grey mean, where there are any."""
    keys = []
    if any(bar.estimated_wh for bar in bars):
        keys.append(f'<span class="key-estimated">{escape(captions.estimated)}</span>')
    if any(bar.wh is None and bar.due for bar in bars):
        keys.append(f'<span class="key-missing">{escape(captions.missing)}</span>')
    return mark_safe(f'<p class="legend">{" ".join(keys)}</p>' if keys else "")  # noqa: S308 - escaped


def table(bars: Sequence[Bar], captions: Captions) -> SafeString:
    """The same values as a table; intervals that lie ahead are not listed."""
    rows = []
    for bar in bars:
        if bar.wh is None and not bar.due:
            continue
        value = escape(captions.missing) if bar.wh is None else kwh_text(bar.wh)
        if bar.estimated_wh:
            value = f"{value} <small>({escape(captions.estimated)})</small>"
        rows.append(f"<tr><th scope=row>{escape(bar.label)}<td>{value}")
    return mark_safe(  # noqa: S308 - every text is escaped
        f"<table><caption>{escape(captions.title)}</caption>"
        f"<thead><tr><th scope=col>{escape(captions.interval)}<th scope=col>{escape(captions.unit)}</thead>"
        f"<tbody>{''.join(rows)}</tbody></table>"
    )
