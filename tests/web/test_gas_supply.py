"""A supply of gas on every page: cubic metres, never kilowatt-hours, in both languages."""

from datetime import timedelta

import pytest
from tests.apps.town import START, ZONE, in_stock, passed
from tests.pipeline.test_channel_sets import batch
from tests.pipeline.test_post import TARIFF
from tests.usecases.life import DAY, connect, do
from tests.web.reading import Page

PIPED = TARIFF.replace('code = "demo"', 'code = "piped"\ncommodity = "gas"').replace(
    "up_to = 10", "up_to = 1"
)
PIPED = PIPED.replace("from = 10", "from = 1")
ENERGY = ("kWh", "Wh", "units", "यूनिट")
"""What no amount of gas is in."""


@pytest.fixture
def gas(database):
    """Two days with a gas meter, from batches of the stream: 1,920 litres on the first, charged; the second is open."""
    from urja.pipeline import post
    from urja.pipeline.ingest import Ingester
    from urja.pipeline.stage import StageConnection
    from urja.quantities.channel_sets import GAS_BLOCK, GAS_REGISTERS
    from urja.stream.subjects import Kind
    from urja.usecases.operations import InstallMeter, MoveIn
    from urja.usecases.tariffs import load_tariffs

    load_tariffs([PIPED.format(version="1", valid_from="2024-01-01", rate="30.00")], START)
    connect("G-1", commodity="gas")
    device = in_stock(1, device_type="urja-g1", commodity="gas", interval_s=1800, load_switch=True)
    installed = InstallMeter(
        consumer_number="G-1", serial="URJ00000001", installed_at=START, register_l=5_000
    )
    do(installed, START)
    passed(device.id, START)
    moved = MoveIn(
        consumer_number="G-1",
        at=START,
        name="Ravi",
        email="ravi@example.org",
        sanctioned_load_w=5000,
        tariff_code="piped",
        credit_minor=50_000,
    )
    made = do(moved, START).outcome
    session = StageConnection(database.conninfo("urja_pipeline"))
    Ingester(session, ZONE).apply(
        [
            batch(Kind.BLOCK, GAS_BLOCK, device.id, START, *[(40, 250, 101_325)] * 72),
            batch(Kind.REGISTER, GAS_REGISTERS, device.id, START, (5_000, None, 0)),
            batch(Kind.REGISTER, GAS_REGISTERS, device.id, START + DAY, (6_925, None, 0)),
        ],
        START + DAY + timedelta(hours=12),
    )
    session.close()
    post.run_once(START + DAY + timedelta(hours=2), timedelta(hours=1))
    return made


def words_of(page):
    assert page.status_code == 200
    return Page(page).text


@pytest.mark.parametrize("language", ["en", "hi"])
def test_pages_of_a_consumer_have_cubic_metres(gas, browser, language):
    """Register 5.000 to 6.925 m³ on the first day, with 1.920 by its intervals; 0.960 on the second so far."""
    from urja.apps.billing.queries.ledger_entries import entries

    client = browser(user_id=gas["user_id"], language=language)
    account = gas["account_id"]
    (charge,) = [one for one in entries(account, 100) if one.line == "energy"]
    home = words_of(client.get(f"/accounts/{account}/"))
    why = words_of(client.get(f"/accounts/{account}/entries/{charge.seq}/"))
    for shown in ("2.885 m³", "2.000 m³", "1.925", "0.960"):
        assert shown in home
    for shown in ("1 m³ × ₹30.00", "0.925 m³ × ₹5.00", "5.000", "6.925", "1.925", "1.920 m³"):
        assert shown in why
    assert not [word for word in ENERGY if word in f"{home} {why}"]
    # The same home may have electricity, under the same name.
    of_gas = {"en": "Neem House · Gas", "hi": "Neem House · गैस"}[language]
    assert of_gas in home
    assert of_gas in why


def test_the_towns_figures_of_gas_are_litres_of_gas_alone(gas, django):
    """1,925 L by the register and 960 L of intervals since; nothing was collected, and the opening credit is charged."""
    from urja.apps.books.models import Account
    from urja.apps.supply.queries.feed import CommodityFigures, commodity_figures

    balance = Account.objects.get(id=gas["account_id"]).balance_minor
    assert commodity_figures(START) == [CommodityFigures("gas", 1, 2_885, 0, balance)]


def test_a_notice_names_the_usual_use_in_cubic_metres(gas, database):
    from zoneinfo import ZoneInfo

    from urja.apps.contracts.queries import agreement_at
    from urja.apps.notices.composing import usual_use
    from urja.apps.notices.wording import text

    now = START + 2 * DAY
    agreement = agreement_at(gas["account_id"], now)
    assert agreement.commodity == "gas"
    params = {"currency": "INR", "balance_minor": 45_440, "ends_at": (now + 4 * DAY).isoformat()}
    for language, said in (("en", "(1.9 m³ a day)"), ("hi", "1.9 m³ प्रतिदिन")):
        assert said in text(
            "low-30", params, now=now, language=language, usual=1_925, commodity=agreement.commodity
        )
    assert usual_use(agreement, START + 3 * DAY, ZoneInfo(ZONE)) == 960


def test_the_console_knows_no_load_and_no_power_of_gas(gas, django):
    from urja.apps.contracts.queries import agreement_at
    from urja.web.console import wording
    from urja.web.console.service_point_residents import terms_in_words

    agreement = agreement_at(gas["account_id"], START + DAY)
    assert " kW " not in terms_in_words(agreement.terms_at(START + DAY), agreement.commodity)
    assert " kW " in terms_in_words(agreement.terms_at(START + DAY), "electricity")
    assert wording.power("powered", "gas") == "communicating"


def test_a_work_order_at_a_gas_meter_has_its_register_in_cubic_metres(gas, django):
    from types import SimpleNamespace

    from django.template.loader import render_to_string

    from urja.web.console.work_page import CloseForm, _result

    order = SimpleNamespace(
        unfinished=False,
        result={"register_l": 6_925},
        closed_at=None,
        service_point=SimpleNamespace(commodity="gas"),
    )
    assert _result(order, START) == ["register 6.925 m³"]
    page = {"id": 1, "serial": "G", "unit": "m³", "register": "register_l", "close": CloseForm()}
    assert "Register, m³" in render_to_string("console/order.html", {"page": page})


def test_the_console_shows_the_volume_of_the_period(gas, django):
    from urja.apps.assets.models import DevicePeriod
    from urja.apps.readings.queries.channel_values import measured_so_far
    from urja.web.console.service_point_meters import _measured

    period = DevicePeriod.objects.get()
    now = START + 2 * DAY
    found = measured_so_far(period.service_point_id, [period.device_id], START, now)[period.device_id]
    assert (found.billed, found.newest["mean_temperature_dc"]) == (2_880, 250)
    assert (found.demand, found.export_wh) == (None, None)
    assert _measured(found, "gas", START, now) == ["2.880 m³ since 2 March 2026"]


def test_a_gas_meter_is_not_called_powered(gas):
    """Its module has a battery: a message says nothing of the gas."""
    from urja.core.power import Disconnected, Powered
    from urja.web.shared.power_words import shown

    now = START + 2 * DAY
    heard = Powered(now - timedelta(minutes=30))
    assert shown(heard, now, "gas").text == "The meter last reported 3 March, 23:30."
    valve = Disconnected(frozenset({"credit"}), None, heard)
    assert shown(valve, now, "gas").text == "The valve is closed."


def test_answers_of_the_api_have_litres_and_no_energy(gas, browser):
    from types import SimpleNamespace

    from urja.apps.billing.queries.ledger_entries import entries
    from urja.apps.contracts.queries import agreement_at
    from urja.web.api import ledger

    agreement = agreement_at(gas["account_id"], START + DAY)
    (charge,) = [one for one in entries(agreement.account_id, 100) if one.line == "energy"]
    patched = pytest.MonkeyPatch()
    patched.setattr(ledger, "agreement_of_account", lambda ask: agreement)
    try:
        why = ledger.entry(SimpleNamespace(parts={"id": agreement.account_id, "seq": charge.seq}))
    finally:
        patched.undo()
    assert (why.advance_l, why.volume_l, why.blocks_l, why.residual_l) == (1_925, 1_925, 1_920, 5)
    assert (why.advance_wh, why.energy_wh, why.blocks_wh, why.residual_wh) == (None, None, None, None)
    assert [(read.register_l, read.register_wh) for read in why.reads] == [(5_000, None), (6_925, None)]
    assert [(row.label, row.unit) for row in why.rows] == [
        ("slab 1: 0 to 1 m³", "m³"),
        ("slab 2: above 1 m³", "m³"),
    ]


@pytest.fixture
def escaping(gas):
    from urja.apps.assets.models import DevicePeriod
    from urja.apps.work import operations

    installed = DevicePeriod.objects.get()
    return operations.open_order(
        "gas_escapes",
        device_id=installed.device_id,
        service_point_id=installed.service_point_id,
        opened_at=START + DAY,
        asked={},
    )


@pytest.mark.parametrize(
    ("language", "number", "said"),
    [
        ("en", "1906", ("Close the tap", "Call 1906 now")),
        ("hi", "1906", ("नल बंद करें", "1906 पर अभी फ़ोन करें")),
        ("en", "", ("Close the tap", "Call your gas company's emergency number now.")),
    ],
)
def test_gas_that_escapes_is_said_with_what_to_do(gas, escaping, browser, language, number, said):
    from django.test import override_settings

    client = browser(user_id=gas["user_id"], language=language)
    with override_settings(URJA_GAS_EMERGENCY_NUMBER=number):
        page = client.get(f"/accounts/{gas['account_id']}/")
    assert not [one for one in said if one not in words_of(page)]
    assert ('href="tel:1906"' in page.text) is bool(number)


def test_no_danger_is_shown_without_a_report(gas, browser):
    page = browser(user_id=gas["user_id"], language="en").get(f"/accounts/{gas['account_id']}/")
    assert "Danger" not in words_of(page)


@pytest.fixture
def heated(gas):
    """Heat values of 36 MJ/m³ for gas at 25 °C and 101.4 kPa, and the determinants of the first day."""
    from tests.apps.rulebook.test_heat_values import load
    from tests.core.test_heat_values import changed

    from urja.pipeline.determine import Determine

    month = changed(("2026-04", "2026-03"), ("2026-03-30", "2026-03-31"), ("38.52", "36"))
    load(month)
    Determine().run_once(START + DAY + timedelta(hours=2))
    return gas


SAID = {
    "en": (
        "1.925 m³ as metered up to 2 March 2026 are 1.861 m³ at base conditions (15 °C, 101.325 kPa): times 0.96718.",
        "The gas at the meter counts as having 25 °C, 101.4 kPa.",
        "Its energy is 18.618 kWh: 10.0000 kWh for each m³ at base conditions (gross heat value).",
    ),
    "hi": (
        "2 मार्च 2026 तक मीटर से नापा गया 1.925 m³ आधार दशाओं (15 °C, 101.325 kPa) पर 1.861 m³ है: गुणा 0.96718।",
        "मीटर पर गैस की दशाएँ 25 °C, 101.4 kPa मानी जाती हैं।",
        "उसकी ऊर्जा 18.618 kWh है: आधार दशाओं पर हर m³ में 10.0000 kWh (सकल ऊष्मा मान)।",
    ),
}


@pytest.mark.parametrize("language", ["en", "hi"])
def test_the_calculation_of_a_charge_says_standard_volume_and_energy_with_their_factors(
    heated, browser, language
):
    from urja.apps.billing.queries.ledger_entries import entries

    client = browser(user_id=heated["user_id"], language=language)
    (charge,) = [one for one in entries(heated["account_id"], 100) if one.line == "energy"]
    why = words_of(client.get(f"/accounts/{heated['account_id']}/entries/{charge.seq}/"))
    for sentence in SAID[language]:
        assert sentence in why


def test_the_console_says_standard_volume_and_energy_beside_the_billing_meter(heated, django):
    from urja.apps.contracts.queries import agreement_at
    from urja.apps.network.models import ServicePoint
    from urja.web.console.service_point_meters import meters_of
    from urja.web.shared import gas_words

    agreement = agreement_at(heated["account_id"], START + DAY)
    (meter,) = meters_of(ServicePoint.objects.get(), agreement, None, START + 2 * DAY)
    assert meter.facts[-2:] == [" ".join(SAID["en"][:2]), SAID["en"][2]]
    assert gas_words.of_agreement(agreement.id, (START - 40 * DAY).date()) == []


def test_what_is_not_known_of_gas_is_said(django):
    from urja.apps.determinants.queries import GasConversion, HeatSpan
    from urja.core.gas import RegisterConditions
    from urja.web.shared.gas_words import sentences

    none = (HeatSpan(START.date(), None, None, ()),)
    nothing = GasConversion(1_925, None, None, {1: RegisterConditions("line")}, none)
    assert (
        "the utility has not stated temperature, pressure and heat value"
        in sentences(nothing, START.date())[0]
    )
    volume = GasConversion(1_925, 1_925, None, {1: RegisterConditions("converted", 150, 101_325)}, none)
    first, second = sentences(volume, START.date())
    assert "are 1.925 m³ at base conditions (15 °C, 101.325 kPa): times 1.00000." in first
    assert second == "Its energy is not known yet: the utility has not stated the heat value of all days."


def test_no_days_are_promised_of_readings_that_do_not_come_any_more(django):
    """Beside "No communication since" there was "About 11 days at your average use"."""
    from types import SimpleNamespace

    from urja.core.power import NotCommunicating
    from urja.web.portal.balance import BalanceView, without_power

    view = BalanceView("₹500.00", "good", "About 11 days at your average use", (object(),), "", "", [])
    balance = SimpleNamespace(balance_minor=50_000, credits_minor=0, days_left=11)
    shown = without_power(view, balance, NotCommunicating(START))
    assert (shown.state, shown.days, shown.runway) == (
        "no-power",
        "Days left are shown once the meter reports again",
        (),
    )
    owed = SimpleNamespace(balance_minor=-100, credits_minor=0, days_left=0)
    assert without_power(view, owed, NotCommunicating(START)).days == view.days


@pytest.mark.parametrize("language", ["en", "hi"])
def test_titles_letters_and_promises_of_gas_name_gas(django, language):
    """Each in the place of words of electricity: messages, a letter, a receipt, the balance's promise."""
    from types import SimpleNamespace

    from django.utils import translation

    from urja.web.console.letter_page import _heading
    from urja.web.shared import formats, notice_words, standing

    ahead = SimpleNamespace(not_before=START + DAY, ends_at=START + DAY, arrears_minor=0, arrears_percent=0)
    place = SimpleNamespace(commodity="gas", consumer_number="G-1")
    with translation.override(language):
        said = [
            *(notice_words.title_of(kind, "gas") for kind in ("cut", "reconnected", "letter")),
            _heading(place),
            formats.commodity_name("gas"),
            standing.told(ahead, "INR", START, "gas"),
        ]
    word = {"en": "gas", "hi": "गैस"}[language]
    assert not [text for text in said if word not in text.lower() or "बिजली" in text or "onnect" in text]
