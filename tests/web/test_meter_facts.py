"""What a meter's quantities say to its consumer and its clerk: demand, export, phases and a valve, and contradictions."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.template.loader import render_to_string
from tests.apps.determinants.test_rows import connection, database, home, run  # noqa: F401 - fixtures
from tests.apps.town import HALF_HOUR, START, ZONE
from tests.pipeline.test_channel_sets import AnySet, batch

from urja.quantities.channel_sets import D2_BLOCK, channel_set
from urja.stream.subjects import Kind

DAY = timedelta(days=1)
NOW = START + DAY + timedelta(hours=10)
VOLTS = (23_011, 22_950, 23_149, 2_000, 2_000, 2_000, None)


@pytest.fixture
def workshop(database, home):  # noqa: F811 - the fixture
    """A three-phase meter with a day of 100 Wh in each half hour, one of 450 VA, and some export."""
    from urja.pipeline.ingest import Ingester
    from urja.pipeline.stage import StageConnection

    usual = (100, 125, 3, 4, 60, 0, 0, 15, *VOLTS)
    # Three phases carry 6,900 VAh in half an hour, and not 8,100.
    odd = (100, 8_100, 3, 4, 60, 0, 0, 15, *VOLTS)
    zoned = channel_set("zoned", ("import_wh", "import_vah", "export_wh", "import_wh_z1", "import_wh_z2"))
    reads = [(START, (10_000, 10_000, 0, 6_000, 4_000)), (START + DAY, (14_800, 30_000, 144, 9_000, 5_798))]
    session = StageConnection(database.conninfo("urja_pipeline"))
    Ingester(session, ZONE, lambda _: AnySet()).apply(
        [
            batch(Kind.BLOCK, D2_BLOCK, home.device_id, START, *[usual] * 20, odd, *[usual] * 27),
            *(batch(Kind.REGISTER, zoned, home.device_id, at, values) for at, values in reads),
        ],
        START + DAY + HALF_HOUR,
    )
    session.close()
    run(START + DAY + timedelta(hours=2))
    return home


def facts_of(account_id, supply="on", now=NOW):
    from zoneinfo import ZoneInfo

    from urja.apps.contracts.queries import agreement_at
    from urja.web.portal.meter_facts import meter_facts

    agreement = agreement_at(account_id, now)
    return meter_facts(agreement, SimpleNamespace(supply=supply), now.astimezone(ZoneInfo(ZONE)))


def test_a_consumer_with_three_phases_sees_demand_export_and_voltages(workshop):
    found = facts_of(workshop.account_id)
    assert found.figures == [
        ("Highest demand so far", "16.2 kVA (2 March, 10:30)"),
        ("Sanctioned load", "5 kW"),
        ("Fed into the grid", "0.144 kWh"),
        ("Voltage of phase L1", "230 V"),
        ("Voltage of phase L2", "230 V"),
        ("Voltage of phase L3", "231 V"),
    ]
    assert found.sentences == [
        "Of the billing period, up to the last reading.",
        "Voltages: today, 00:00.",
    ]


def test_the_demand_so_far_stands_against_the_sanctioned_load(workshop):
    """Also on the first day, before a row of determinants is stored; the bar ends at the load, the sentence does not."""
    from urja.apps.determinants.queries import up_to

    for now in (NOW, START + timedelta(hours=20)):
        gauge = facts_of(workshop.account_id, now=now).gauge
        assert (gauge.width, gauge.above) == ("4%", False)
        assert gauge.text == "Your demand so far, 0.2 kW, is 4 % of your sanctioned load."
    assert up_to(workshop.agreement_id, START.date()) is None
    above = gauge_of(6_200, 5_000)
    assert (above.width, above.above) == ("100%", True)
    assert above.text == "Your demand so far, 6.2 kW, is 124 % of your sanctioned load: above it."


def gauge_of(demand_w, load_w):
    from urja.web.portal.meter_facts import _gauge

    return _gauge(demand_w, "kW", load_w)


def test_the_same_in_hindi_on_the_page(workshop, in_hindi):
    page = SimpleNamespace(
        meter=facts_of(workshop.account_id),
        uses=[],
        account=SimpleNamespace(href="/"),
        balance={},
        postings={},
    )
    shown = render_to_string("portal/live.html", {"page": page})
    for words in ("आपका मीटर", "अब तक की अधिकतम माँग", "फ़ेज़ L1 का वोल्टेज", "230 V"):
        assert words in shown


def test_one_phase_without_export_has_nothing_beside_its_balance(home):  # noqa: F811
    assert facts_of(home.account_id) is None


@pytest.mark.parametrize(("supply", "shown"), [("on", "open"), ("off", "closed"), ("unknown", "")])
def test_a_valve_is_open_closed_or_not_known(workshop, supply, shown):
    from dataclasses import replace

    from urja.apps.contracts.queries import agreement_at
    from urja.web.portal.meter_facts import meter_facts

    gas = replace(agreement_at(workshop.account_id, NOW), commodity="gas")
    found = meter_facts(gas, SimpleNamespace(supply=supply), NOW)
    assert (found.figures if found else []) == ([("Gas valve", shown)] if shown else [])


def test_contradictions_are_sentences_on_the_clerks_page(workshop):
    from urja.web.console.service_point_meters import _contradictions

    [said] = _contradictions(workshop.service_point_id, START, NOW, by_phase=True).values()
    assert said[0] == "energy import: the total is 0.002 kWh above its zones (today, 00:00)"
    assert said[1].startswith("intervals with more apparent energy than the phases carried: 1, by up to ")
    [alone] = _contradictions(workshop.service_point_id, START, START + DAY, by_phase=False).values()
    assert alone == ["energy import: the zones add up to the total (today, 00:00)"]
