"""Charts are well-formed, say in words what they show, and tell zero, missing and estimated apart."""

from types import SimpleNamespace
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, strategies as st

from urja.web.portal.charts import PLOT_PX, Use, ceiling, chart

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def drawn(django):
    """The chart of hours from midnight on, of which the last lie ahead, as the page has it: picture and table."""
    from django.template.loader import render_to_string

    def draw(*known, ahead=0, labels=None, ticks=()):
        uses = [
            Use(
                labels[hour] if labels else f"{hour:02d}:00",
                *(use if isinstance(use, tuple) else (use, 0)),
                ticks[hour] if ticks else "",
            )
            for hour, use in enumerate(known)
        ]
        use = SimpleNamespace(
            name="day",
            title="Use <today>",
            summary="3 kWh altogether",
            interval="Hour",
            chart=chart(uses, range(len(uses) - ahead)),
        )
        text = render_to_string("portal/chart.html", {"use": use})
        return ET.fromstring(
            f"<div>{text.replace('<svg ', '<svg xmlns="http://www.w3.org/2000/svg" ', 1)}</div>"
        )

    return draw


def heights(found, kind):
    return [
        float(rect.get("height")) for rect in found.iter(f"{SVG}rect") if kind in rect.get("class").split()
    ]


def said(found):
    return [title.text for title in found.iter(f"{SVG}title")]


def rows(found):
    return [tuple("".join(cell.itertext()) for cell in row) for row in found.iter("tr")][1:]


@pytest.mark.parametrize(
    ("largest", "top"),
    [(0, 100), (100, 100), (101, 120), (590, 600), (601, 800), (7_900, 8_000), (81_000, 100_000)],
)
def test_the_scale_ends_at_a_round_value(largest, top):
    assert ceiling(largest) == top


@given(st.integers(0, 10**9))
def test_no_bar_is_taller_than_the_scale_nor_the_scale_much_taller_than_it(largest):
    assert largest <= ceiling(largest) <= max(100, largest * 3 // 2 + 20)


def test_title_and_description_are_tied_to_the_picture(drawn):
    svg = drawn(500).find(f"{SVG}svg")
    assert svg.get("role") == "img"
    assert svg.get("aria-labelledby") == "day-title day-desc"
    assert svg.find(f"{SVG}title").text == "Use <today>"
    assert svg.find(f"{SVG}desc").text == "3 kWh altogether"


def test_heights_are_in_proportion(drawn):
    assert heights(drawn(1_000, 500), "bar") == [PLOT_PX, PLOT_PX / 2]


def test_zero_missing_and_yet_to_come_differ(drawn):
    found = drawn(0, None, None, ahead=1)
    assert said(found)[1:] == ["00:00: 0 kWh", "01:00: no interval read yet"]
    assert heights(found, "bar") == [0]
    assert len(heights(found, "missing")) == 1
    assert rows(found) == [("00:00", "0"), ("01:00", "no interval read yet")]


def test_the_estimated_part_stands_on_the_measured_one(drawn):
    found = drawn((1_000, 250))
    assert heights(found, "bar") == [PLOT_PX * 0.75]
    assert heights(found, "estimated") == [PLOT_PX * 0.25]
    assert rows(found) == [("00:00", "1 (estimated)")]


def test_a_legend_names_only_shown_series(drawn):
    def legend(*known):
        return ["".join(p.itertext()).strip() for p in drawn(*known).iter("p")]

    assert legend(5) == []
    assert legend((5, 5)) == ["estimated"]
    assert legend(None) == ["no interval read yet"]


def test_no_style_hides_in_the_markup(drawn):
    assert all(element.get("style") is None for element in drawn((1_000, 250)).iter())


def test_labels_and_ticks_are_escaped_and_stand_under_their_bars(drawn):
    found = drawn(100, 100, labels=["a<b", "c"], ticks=["6&", ""])
    assert [tick.text for tick in found.iter(f"{SVG}text") if tick.get("class") == "tick"] == ["6&"]
    assert said(found)[1] == "a<b: 0.1 kWh"
    assert rows(found)[0] == ("a<b", "0.1")


def test_the_interval_that_goes_on_is_marked(drawn):
    kinds = [rect.get("class") for rect in drawn(5, 7, 9, ahead=1).iter(f"{SVG}rect")]
    assert kinds == ["bar", "bar current", "bar"]
