"""Bar charts of use: where everything stands in the SVG that `portal/chart.html` writes.

They work without JavaScript, on paper, and read aloud. Positions along the axis are percentages and heights are pixels,
so a chart fills whatever width it is given and its letters keep their size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.utils.safestring import SafeString
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
    """A bar in the picture, or a part of one."""

    kind: SafeString
    """Its class in the style sheet."""
    x: SafeString
    width: SafeString
    y: SafeString
    height: SafeString
    text: str
    """The bar's label, value and unit."""


class Row(NamedTuple):
    """One interval in the table."""

    label: str
    value: str
    """Its amount, or that no interval of it has been read: a register may have been, and bills it."""
    estimated: bool


class Tick(NamedTuple):
    """A label under the axis."""

    x: SafeString
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture and the same values as a table."""

    scale: str
    """The top of the scale."""
    unit: str
    """Of the scale and of all values."""
    rects: tuple[Rect, ...]
    """An interval that lies ahead has none: it is left blank, and is not listed in the table."""
    rows: tuple[Row, ...]
    ticks: tuple[Tick, ...]
    any_estimated: bool
    any_missing: bool
    # As text: a template would write a number in the reader's language first.
    height_px: str = str(BASELINE_PX + AXIS_PX)
    baseline_px: str = str(BASELINE_PX)
    grid_px: tuple[str, ...] = (str(TOP_PX), str(TOP_PX + PLOT_PX // 2))
    scale_px: str = str(TOP_PX - 6)
    tick_px: str = str(BASELINE_PX + 15)


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
    unit = formats.billed_unit(commodity)
    shown = [(number, use) for number, use in enumerate(uses) if use.amount is not None or number in begun]
    rows = tuple(_row(use, commodity) for _, use in shown)
    rects: list[Rect] = []
    for (number, use), row in zip(shown, rows, strict=True):
        x = percent(width * number + width * (1 - BAR_SHARE) / 2)
        text = f"{row.label}: {row.value}" if use.amount is None else f"{row.label}: {row.value} {unit}"
        for kind, y, height in _parts(use, top, current=bool(begun) and number == begun[-1]):
            rects.append(Rect(SafeString(kind), x, percent(width * BAR_SHARE), y, height, text))
    return Chart(
        scale=plain_number(top, commodity),
        unit=unit,
        rects=tuple(rects),
        rows=rows,
        ticks=tuple(
            Tick(percent(width * number + width / 2), use.tick) for number, use in enumerate(uses) if use.tick
        ),
        any_estimated=any(row.estimated for row in rows),
        any_missing=any(use.amount is None for _, use in shown),
    )


def _row(use: Use, commodity: str) -> Row:
    value = _("no interval read yet") if use.amount is None else plain_number(use.amount, commodity)
    return Row(use.label, value, bool(use.estimated))


def _parts(use: Use, top: int, *, current: bool) -> list[tuple[str, SafeString, SafeString]]:
    """What was measured, and on it what is estimated: each with its class, y and height."""
    if use.amount is None:
        return [("missing", SafeString(BASELINE_PX - MISSING_PX), SafeString(MISSING_PX))]
    height, estimated = use.amount * PLOT_PX / top, use.estimated * PLOT_PX / top
    parts = []
    if height > estimated or not use.amount:
        parts.append(_part("bar current" if current else "bar", height - estimated, height - estimated))
    if estimated:
        parts.append(_part("estimated", height, estimated))
    return parts


def _part(kind: str, top: float, height: float) -> tuple[str, SafeString, SafeString]:
    top, height = round(top * 10) / 10, round(height * 10) / 10
    return kind, SafeString(f"{BASELINE_PX - top:.1f}"), SafeString(f"{height:.1f}")


def percent(share: float) -> SafeString:
    """Return a position or a width. It is our own number: looking for markup in these was a part of each page's time."""
    return SafeString(f"{share:.2f}%")
