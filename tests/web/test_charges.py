"""What the billing period costs so far, by line, and the two sources of a supply with a generator, from batches of the stream."""

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from django.template.loader import render_to_string
from tests.apps.town import HALF_HOUR, START, ZONE, adopt
from tests.demo_documents import load_town_tariffs, town_document
from tests.pipeline.test_channel_sets import AnySet, batch

from urja.quantities.channel_sets import channel_set
from urja.stream.subjects import Kind

BLOCK = channel_set("dual-block", ("interval_import_wh", "interval_dg_import_wh"))
REGISTERS = channel_set("dual-registers", ("import_wh", "dg_import_wh"))
NO_BREAK = "\u00a0"
TEN = START.astimezone(ZoneInfo(ZONE)) + timedelta(hours=10)


@pytest.fixture
def flats(database):
    """A block of flats with a generator: six hours on the grid."""
    load_town_tariffs("town-flats", "town-roof", recorded_at=START)
    adopted = adopt(tariff_code="town-flats", credit_minor=80_000)
    arrives(database, adopted, batch(Kind.REGISTER, REGISTERS, adopted.device_id, START, (10_000, 500)))
    arrives(database, adopted, batch(Kind.BLOCK, BLOCK, adopted.device_id, START, *[(1000, 0)] * 12))
    return adopted


def arrives(database, adopted, one, now=START + timedelta(hours=9)):
    from urja.pipeline.ingest import Ingester
    from urja.pipeline.stage import StageConnection

    session = StageConnection(database.conninfo("urja_pipeline"))
    Ingester(session, ZONE, lambda _: AnySet()).apply([one], now)
    session.close()


def shown(adopted, now=TEN):
    from urja.apps.contracts.queries import agreement_at
    from urja.web.portal.charges import charges

    return charges(agreement_at(adopted.account_id, START), now)


def columns(found):
    return [(one.name, one.used, one.price, one.supplies) for one in found.sources]


def test_a_failed_grid_turns_the_page_to_the_generators_price_and_both_columns_move(flats, database):
    from urja.apps.billing.queries import fresh_balance

    found = shown(flats)
    assert columns(found) == [
        ("Grid", "12 kWh", "₹6.00 per kWh", True),
        ("Generator", "0 kWh", "₹19.50 per kWh", False),
    ]
    assert found.sentence == "The grid supplies, at ₹6.00 per kWh (reading: today, 06:00)."
    before = fresh_balance(flats.account_id, TEN).balance_minor
    blocks = [(0, 2000), (500, 1500)]
    arrives(database, flats, batch(Kind.BLOCK, BLOCK, flats.device_id, START + 12 * HALF_HOUR, *blocks))
    found = shown(flats)
    assert columns(found) == [
        ("Grid", "12.5 kWh", "₹6.00 per kWh", False),
        ("Generator", "3.5 kWh", "₹19.50 per kWh", True),
    ]
    assert found.sentence == (
        "The grid has failed and the generator supplies, at ₹19.50 per kWh (reading: today, 07:00)."
    )
    # The grid's energy bears a duty of 5 %.
    assert before - fresh_balance(flats.account_id, TEN).balance_minor == 315 + 6825
    assert [(line.title, line.amount) for line in found.lines] == [
        ("Energy of the grid", "₹75.00"),
        ("Energy of the generator", "₹68.25"),
        ("Fixed charge", "₹12.00"),
        ("Electricity duty", "₹4.35"),
    ]
    assert found.lines[1].parts[0].product == "3.5 kWh × ₹19.50".replace(" ", NO_BREAK)
    assert found.total == "₹159.60"


def test_the_page_says_what_each_figure_covers(flats, database):
    """The charges end where intervals lack, and the charts have those after it as well."""
    found = shown(flats)
    assert found.covers == "Up to the reading of today, 06:00, with what is not posted yet"
    assert found.later == ""
    later = batch(Kind.BLOCK, BLOCK, flats.device_id, START + 13 * HALF_HOUR, (700, 0))
    arrives(database, flats, later)
    found = shown(flats)
    assert found.covers == "Up to the reading of today, 06:00, with what is not posted yet"
    assert found.later == (
        "The use of today and of the month is shown up to today, 07:00. What came after today, 06:00 is charged "
        "with the next reading."
    )


def test_rows_that_a_version_of_the_tariff_splits_name_their_days(flats, database):
    from urja.apps.rulebook.operations import load_tariff

    text = town_document("town-flats").replace('"6.00"', '"7.00"')
    load_tariff(text.replace("2024-01-01", "2026-03-03").replace("2024-1", "2026-1"), START)
    now, later = TEN + timedelta(days=1), [(100, 0)] * 38
    arrives(
        database, flats, batch(Kind.BLOCK, BLOCK, flats.device_id, START + 12 * HALF_HOUR, *later), now=now
    )
    found = shown(flats, now)
    energy, _generator, fixed, *_ = found.lines
    assert [(part.label, part.product.replace(NO_BREAK, " ")) for part in energy.parts] == [
        ("all energy, 2 March 2026", "15.6 kWh × ₹6.00"),
        ("all energy, 3 March 2026", "0.2 kWh × ₹7.00"),
    ]
    assert "March" not in fixed.parts[0].label


def test_an_average_without_an_end_is_shown_to_the_paisa(django):
    from urja.web.shared.ledger_words import product

    exact = product(Fraction(41601331, 1495), "minor", Fraction(-15, 100), "INR")
    assert exact == "−\u206015 % × ₹278.27".replace(" ", NO_BREAK)
    assert product(Fraction(2711), "minor", Fraction(5, 100), "INR") == "5 % × ₹27.11".replace(" ", NO_BREAK)


def test_no_line_ends_inside_a_product_or_a_percentage_and_minus_is_no_hyphen(django):
    from urja.web.shared.ledger_words import label, note, product

    negative = product(Fraction(-4132), "minor", Fraction(5, 100), "INR")
    assert negative == "5 % × −\u2060₹41.32".replace(" ", NO_BREAK)
    assert label("solar: -20 % of Energy charge on average") == (
        f"Solar: −\u206020{NO_BREAK}% of the average of Energy charge"
    )
    assert label("-3 % of Energy charge") == f"−\u20603{NO_BREAK}% of Energy charge"
    assert label("power factor 0.98: -1 % of Energy charge") == (
        f"power factor 0.98: −\u20601{NO_BREAK}% of Energy charge"
    )
    assert label("load factor 80 %: -3.75 % of Energy charge") == (
        f"load factor 80{NO_BREAK}%: −\u20603.75{NO_BREAK}% of Energy charge"
    )
    # A month is no negative number.
    assert label("2026-03, 2 of 31 days") == "2 of 31 days of the month"
    assert note("energy: -3/8 kWh in no zone, calculated as normal").startswith("−0.375 kWh")
    assert note("energy: 918631/7750 kWh in no zone, calculated as normal").startswith("118.53 kWh")
    assert note("power: mean power factor 48/49") == "The mean power factor of the billing period is 0.98."
    assert note("load: load factor 75.25 %") == "The load factor of the billing period is 75.25 %."
    assert note("energy: demand 400/3 kVA") == "It goes by a demand of 133.33 kVA."
    assert note("energy of 15 of 31 days of 918631/7750 kWh rounded half-up to 119 kWh") == (
        "The use of 15 of 31 days, 118.53 kWh, is rounded to 119 kWh."
    )
    assert "−97.33 kWh is rounded to −98 kWh" in note(
        "energy: energy of -292/3 kWh rounded half-up to -98 kWh"
    )


def test_a_roof_sees_its_bank_before_the_first_close(database):
    load_town_tariffs("town-roof", recorded_at=START)
    roof = adopt(tariff_code="town-roof", credit_minor=40_000)
    net = channel_set("net-block", ("interval_import_wh", "interval_export_wh"))
    registers = channel_set("net-registers", ("import_wh", "export_wh"))
    arrives(database, roof, batch(Kind.REGISTER, registers, roof.device_id, START, (10_000, 0)))
    arrives(database, roof, batch(Kind.BLOCK, net, roof.device_id, START, *[(1000, 0)] * 4, *[(0, 700)] * 8))
    found = shown(roof)
    assert found.bank == [
        (
            "Bank of units: 0 kWh at the beginning, 5.6 kWh fed into the grid, 4 kWh set off against use, "
            "0 kWh settled in money, 1.6 kWh left."
        )
    ]
    assert [(line.title, line.amount) for line in found.lines] == [
        ("Fixed charge", "₹4.00"),
        ("Electricity duty", "₹0.20"),
    ]


def test_charges_so_far_end_with_the_last_posting_of_an_ended_agreement(flats):
    from urja.apps.contracts.queries import agreement_at
    from urja.pipeline import post
    from urja.web.portal.charges import charges

    ended = replace(agreement_at(flats.account_id, START), valid_to=START + 12 * HALF_HOUR)
    assert charges(ended, TEN) is not None, "not posted yet"
    post.run_once(START + timedelta(days=2))
    assert charges(ended, TEN + timedelta(days=2)) is None


def test_the_same_in_hindi(flats, in_hindi):
    page = render_to_string("portal/charges.html", {"charges": shown(flats)})
    for words in ("ग्रिड", "जनरेटर", "अभी इसी से", "₹19.50 प्रति kWh", "ग्रिड की बिजली", "आज, 06:00 बजे की रीडिंग"):
        assert words in page


def test_the_charts_of_the_grids_energy_say_that_the_generators_is_not_in_them(flats):
    use = SimpleNamespace(name="today", chart=None)
    page = SimpleNamespace(
        charges=shown(flats), uses=[use], account=SimpleNamespace(href="/"), balance={}, postings={}
    )
    said = "From the grid, without the energy of the generator."
    assert said in render_to_string("portal/live.html", {"page": page})
    page.charges = replace(page.charges, sources=[])
    assert said not in render_to_string("portal/live.html", {"page": page})


def test_a_tariff_of_one_quantity_has_no_such_card(database):
    from tests.pipeline.test_post import load

    load()
    assert shown(adopt()) is None
