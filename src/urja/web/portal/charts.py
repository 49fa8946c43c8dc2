"""Bar charts of use: where everything stands in the SVG that `portal/chart.html` writes.

They work without JavaScript, on paper, and read aloud. Positions along the axis are percentages and heights are pixels,
so a chart fills whatever width it is given and its letters keep their size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.utils.translation import gettext as _

from urja.web.shared import formats

PLOT_PX = 104
TOP_PX = 18
AXIS_PX = 20
BASELINE_PX = TOP_PX + PLOT_PX
BAR_SHARE = 0.7
"""How much of its slot a bar fills."""
MISSING_PX = 5
"""How tall the mark of an interval is that nothing has been read of."""


@dataclass(frozen=True, slots=True)
class Use:
    """What was used in one interval: None where nothing has been read, which is not the same as zero."""

    label: str
    amount: int | None
    """Wh of electricity, litres of gas."""
    estimated: int = 0
    """The part of the amount that is estimated."""
    tick: str = ""
    """What stands under the axis."""


class Rect(NamedTuple):
    """A part of a bar."""

    kind: str
    """Its class in the style sheet."""
    y: str
    height: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One interval in the picture and in the table."""

    label: str
    value: str
    """Its amount, or that no interval of it has been read: a register may have been, and bills it."""
    text: str
    """Label, value and unit."""
    known: bool
    estimated: bool
    x: str
    width: str
    rects: tuple[Rect, ...]


class Tick(NamedTuple):
    """A label under the axis."""

    x: str
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture and the same values as a table."""

    scale: str
    """The top of the scale."""
    unit: str
    """Of the scale and of all values."""
    bars: tuple[Bar, ...]
    """An interval that lies ahead has none: it is left blank, and is not listed in the table."""
    ticks: tuple[Tick, ...]
    any_estimated: bool
    any_missing: bool
    height_px: int = BASELINE_PX + AXIS_PX
    baseline_px: int = BASELINE_PX
    grid_px: tuple[int, ...] = (TOP_PX, TOP_PX + PLOT_PX // 2)
    scale_px: int = TOP_PX - 6
    tick_px: int = BASELINE_PX + 15


def ceiling(largest: int) -> int:
    """The top of the scale: a round value not far above the largest, and at least 100 (Wh or litres)."""
    step = 10
    while True:
        for tenths in (10, 12, 16, 20, 30, 40, 50, 60, 80):
            if largest <= tenths * step:
                return tenths * step
        step *= 10


def plain_number(amount: int, commodity: str) -> str:
    """Kilowatt-hours or cubic metres for a scale or a table; a volume with all three decimals."""
    text = f"{amount / 1000:.3f}"
    return text if commodity == "gas" else text.rstrip("0").rstrip(".")


def chart(uses: Sequence[Use], begun: range, commodity: str = "electricity") -> Chart:
    """Return the chart of intervals; `begun` are the numbers of the intervals that have begun, the last of them still open."""
    top = ceiling(max((use.amount or 0 for use in uses), default=0))
    width = 100 / max(len(uses), 1)
    bars = tuple(
        _bar(use, number, width, top, commodity, current=bool(begun) and number == begun[-1])
        for number, use in enumerate(uses)
        if use.amount is not None or number in begun
    )
    return Chart(
        scale=plain_number(top, commodity),
        unit=formats.billed_unit(commodity),
        bars=bars,
        ticks=tuple(
            Tick(f"{width * number + width / 2:.2f}%", use.tick)
            for number, use in enumerate(uses)
            if use.tick
        ),
        any_estimated=any(bar.estimated for bar in bars),
        any_missing=not all(bar.known for bar in bars),
    )


def _bar(use: Use, number: int, width: float, top: int, commodity: str, *, current: bool) -> Bar:
    known = use.amount is not None
    value = plain_number(use.amount, commodity) if use.amount is not None else _("no interval read yet")
    return Bar(
        label=use.label,
        value=value,
        text=f"{use.label}: {value} {formats.billed_unit(commodity)}" if known else f"{use.label}: {value}",
        known=known,
        estimated=bool(use.estimated),
        x=f"{width * number + width * (1 - BAR_SHARE) / 2:.2f}%",
        width=f"{width * BAR_SHARE:.2f}%",
        rects=_rects(use, top, current=current),
    )


def _rects(use: Use, top: int, *, current: bool) -> tuple[Rect, ...]:
    """What was measured, and on it what is estimated."""
    if use.amount is None:
        return (Rect("missing", str(BASELINE_PX - MISSING_PX), str(MISSING_PX)),)
    height, estimated = use.amount * PLOT_PX / top, use.estimated * PLOT_PX / top
    rects = []
    if height > estimated:
        rects.append(_rect("bar current" if current else "bar", height - estimated, height - estimated))
    if estimated:
        rects.append(_rect("estimated", height, estimated))
    return tuple(rects)


def _rect(kind: str, top: float, height: float) -> Rect:
    top, height = round(top * 10) / 10, round(height * 10) / 10
    return Rect(kind, f"{BASELINE_PX - top:.1f}", f"{height:.1f}")
