"""Charts are well-formed, say in words what they show, and tell zero, missing and estimated apart."""

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from urja.web.portal.charts import PLOT_PX, Captions, axis, ceiling, draw

WORDS = Captions("Use <today>", "Hour", "kWh", "estimated", "no reading yet")
SVG = "{http://www.w3.org/2000/svg}"


def parse(markup):
    return ET.fromstring(markup.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


def chart(*known, ahead=0):
    """A chart of hours from midnight on, of which the last lie ahead: energy, or energy and what of it is estimated."""
    uses = [(hour, *(use if isinstance(use, tuple) else (use, 0))) for hour, use in enumerate(known)]
    hours = axis("day", WORDS, [f"{hour:02d}:00" for hour in range(len(uses))])
    return draw(hours, uses, range(len(uses) - ahead), "3 kWh altogether")


def heights(svg, kind):
    return [float(rect.get("height")) for rect in svg.iter(f"{SVG}rect") if kind in rect.get("class").split()]


@pytest.mark.parametrize(
    ("largest", "top"),
    [(0, 100), (100, 100), (101, 120), (590, 600), (601, 800), (7_900, 8_000), (81_000, 100_000)],
)
def test_the_scale_ends_at_a_round_value(largest, top):
    assert ceiling(largest) == top


@given(st.integers(0, 10**9))
def test_no_bar_is_taller_than_the_scale_nor_the_scale_much_taller_than_it(largest):
    assert largest <= ceiling(largest) <= max(100, largest * 3 // 2 + 20)


def test_title_and_description_are_tied_to_the_picture():
    svg = parse(chart(500).picture)
    assert svg.get("role") == "img"
    assert svg.get("aria-labelledby") == "day-title day-desc"
    assert svg.find(f"{SVG}title").text == "Use <today>"
    assert svg.find(f"{SVG}desc").text == "3 kWh altogether"


def test_heights_are_in_proportion():
    svg = parse(chart(1_000, 500).picture)
    assert heights(svg, "bar") == [PLOT_PX, PLOT_PX / 2]


def test_zero_missing_and_yet_to_come_differ():
    drawn = chart(0, None, None, ahead=1)
    svg = parse(drawn.picture)
    said = [title.text for title in svg.iter(f"{SVG}title")][1:]
    assert said == ["00:00: 0 kWh", "01:00: no reading yet"]
    assert heights(svg, "bar") == []
    assert len(heights(svg, "missing")) == 1
    rows = drawn.table
    assert "00:00<td>0" in rows
    assert "01:00<td>no reading yet" in rows
    assert "02:00" not in rows


def test_the_estimated_part_stands_on_the_measured_one():
    svg = parse(chart((1_000, 250)).picture)
    assert heights(svg, "bar") == [PLOT_PX * 0.75]
    assert heights(svg, "estimated") == [PLOT_PX * 0.25]


def test_a_legend_names_only_what_is_there():
    assert chart(5).legend == ""
    assert "estimated" in chart((5, 5)).legend
    assert "no reading yet" in chart(None).legend


def test_no_style_hides_in_the_markup():
    assert "style=" not in chart((1_000, 250)).picture


def test_labels_and_ticks_are_escaped_and_stand_under_their_bars():
    places = axis("day", WORDS, ["a<b", "c"], ["6&", ""])
    drawn = draw(places, [("a<b", 100, 0), ("c", 100, 0)], range(2), "")
    svg = parse(drawn.picture)
    assert [tick.text for tick in svg.iter(f"{SVG}text") if tick.get("class") == "tick"] == ["6&"]
    assert [title.text for title in svg.iter(f"{SVG}title")][1] == "a<b: 0.1 kWh"
    assert "<th scope=row>a&lt;b<td>0.1" in drawn.table


def test_the_interval_that_goes_on_is_marked():
    current = [rect.get("class") for rect in parse(chart(5, 7, 9, ahead=1).picture).iter(f"{SVG}rect")]
    assert current == ["bar", "bar current", "bar"]
