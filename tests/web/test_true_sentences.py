"""What a page says is true: no days without known use, no credit that is gone, no time that is past."""

import json
import re
from datetime import timedelta

import pytest
from tests.apps import town
from tests.apps.payments.till import as_role
from tests.web import house, town_cast
from tests.web.reading import text_of


@pytest.fixture
def governed(home):
    """The plain policy governs every account."""
    from urja.usecases.policies import load_bundled_policy

    load_bundled_policy("plain.toml", recorded_at=town.START, actor="test")
    return home


def test_a_meter_that_was_never_read_has_no_days_of_credit(governed, browser):
    """Its postings are fixed charges alone: what they come to by the day is not the average use."""
    words = text_of(browser(user_id=governed.landlord_id).get(f"/accounts/{governed.landlord_accounts[0]}/"))
    assert "As of 2 March, 00:00" in words
    assert "Days left are shown once your average use is known" in words
    assert not re.search(r"about \d+ days", words)
    assert "days at your average use" not in words


def test_days_without_readings_do_not_make_the_usual_day_cheap(governed):
    """An account whose meter sends nothing is charged its fixed charges: they are not what a day costs."""
    from urja.apps.billing.queries import fresh_balance
    from urja.pipeline import post

    before = fresh_balance(governed.account_id, house.NOW).daily_cost_minor
    with as_role("urja_pipeline"):
        for day in range(1, 9):
            post.run_once(house.NOW + timedelta(days=day))
    later = fresh_balance(governed.account_id, house.NOW + timedelta(days=8))
    assert later.last_seq > fresh_balance(governed.account_id, house.NOW).last_seq - 1
    assert later.daily_cost_minor == pytest.approx(before, rel=0.1)


def test_a_cut_of_this_morning_is_not_promised_for_the_afternoon(someone, at_noon, database_of_town):
    """The order's reason was that it was to be carried out by 16:00; it has been."""
    from urja.core.policy import Reason

    ordered = Reason(
        "cut.from",
        "to_be_cut",
        {
            "balance_minor": -6_300,
            "limit_minor": -5_000,
            "currency": "INR",
            "decimals": 2,
            "until_at": "2026-03-02T16:00:00+05:30",
        },
    )
    with database_of_town("urja_owner") as owner:
        for table in ("supply_switching", "supply_decision", "supply_state"):
            owner.execute(
                f"UPDATE {table} SET reason = %s WHERE account_id = %s",
                [json.dumps(ordered.to_json()), at_noon.adopted[1].account_id],
            )
    page = text_of(someone(at_noon.operator_id).get("/console/"))
    assert "The balance of −₹63 was below −₹50 and every condition was met. confirmed by the meter" in page
    assert "16:00" not in page


# Power.


def gasp(adopted_devices, at, code=101):
    """Alerts as the head end tells of them: the power fails (101), or is back (102)."""
    import numpy as np
    from django.db import connection, transaction

    from urja.apps.readings import last_gasps
    from urja.apps.readings.staging import PLACED_BLOCK
    from urja.stream.records import EVENT, Source

    events = np.zeros(len(adopted_devices), EVENT)
    events["device_id"] = adopted_devices
    events["occurred_at"] = town.seconds(at)
    events["received_at"] = town.seconds(at) * 1000
    events["code"], events["source"] = code, Source.PUSH
    with transaction.atomic(), connection.cursor() as cursor:
        last_gasps.record_batch(cursor, [np.zeros(0, PLACED_BLOCK)], events)


def device_of(account_id):
    from urja.apps.assets.models import DevicePeriod
    from urja.apps.contracts.queries import agreement_at

    place = agreement_at(account_id, house.NOW).service_point_id
    return DevicePeriod.objects.get(service_point_id=place, valid_to=None).device_id


@pytest.fixture
def without_power(governed):
    gasp([device_of(governed.account_id)], house.NOW - timedelta(minutes=9))
    return governed


def test_a_powered_supply_is_told_with_the_age_of_the_evidence(governed, browser):
    page = browser(user_id=governed.owner_id).get("/")
    assert "Balance Powered: the meter last reported today, 13:30." in text_of(page)
    assert '<section class="balance good"' in page.content.decode()


def test_where_the_network_has_failed_nothing_is_green_or_safe(without_power, browser):
    page = browser(user_id=without_power.owner_id).get("/")
    words = text_of(page)
    assert "No power at the meter since today, 13:33: it reported a power failure." in words
    assert '<section class="balance no-power"' in page.content.decode()
    assert "safe" not in words
    assert "Powered" not in words


def test_power_that_is_back_is_told_at_once(without_power, browser):
    client = browser(user_id=without_power.owner_id)
    before = client.get(f"/accounts/{without_power.account_id}/live/")
    assert "No power at the meter" in text_of(before)
    with as_role("urja_pipeline"):
        gasp([device_of(without_power.account_id)], house.NOW - timedelta(minutes=2), code=102)
    after = client.get(
        f"/accounts/{without_power.account_id}/live/", headers={"if-none-match": before["ETag"]}
    )
    assert "Powered: the meter last reported today, 13:40." in text_of(after)


def test_a_meter_that_is_not_heard_from_is_not_called_powered(governed, browser):
    words = text_of(browser(user_id=governed.landlord_id).get("/"))
    assert words.count("The meter has not communicated yet.") == 2
    assert "Powered" not in words


@pytest.fixture
def drained(governed):
    """An account whose credit has just run out: 20 rupees below nothing."""
    house.owe(governed.account_id, 2_000)
    return governed


@pytest.fixture
def disconnected(drained):
    """And was disconnected for it: the meter has confirmed."""
    from urja.apps.commands import operations as commands
    from urja.apps.commands.kinds import State
    from urja.apps.commands.models import Command
    from urja.apps.contracts.queries import agreement_at
    from urja.apps.supply.models import Hold

    at = house.NOW - timedelta(hours=2)
    place = agreement_at(drained.account_id, house.NOW).service_point_id
    order = commands.issue(
        device_id=device_of(drained.account_id),
        service_point_id=place,
        account_id=drained.account_id,
        kind="disconnect",
        issued_at=at,
        issued_wall_ms=1,
        expires_at=house.NOW + timedelta(hours=1),
        reason="credit",
        correlation=1,
    )
    Command.objects.filter(id=order.id).update(
        state=State.CONFIRMED, ended_at=at + timedelta(minutes=1), ended_wall_ms=2
    )
    Hold.objects.create(service_point_id=place, reason="credit", placed_at=at, placed_by="decide")
    return drained


def test_nearly_off_and_off_have_headlines_of_their_own(drained, browser):
    page = browser(user_id=drained.owner_id).get("/")
    words = text_of(page)
    assert "Please recharge. The credit is used up; " in words
    assert words.count("used up") == 1, "the card does not repeat the standing"
    assert "Powered: the meter last reported today, 13:30." in words
    assert '<section class="balance out"' in page.content.decode()


def test_off_says_why_and_since_when(disconnected, browser):
    page = browser(user_id=disconnected.owner_id).get("/")
    words = text_of(page)
    assert "Disconnected since today, 11:43." in words
    assert "Please recharge. The supply is disconnected because the credit is used up; " in words
    assert words.count("credit is used up") == 1
    assert "not disconnected yet" not in words
    assert "Powered" not in words
    assert '<section class="balance off"' in page.content.decode()


def test_programs_are_told_the_same(disconnected, browser):
    client = browser(user_id=disconnected.owner_id)
    told = client.get(f"/api/v1/accounts/{disconnected.account_id}/balance").json()
    power = told["power"]
    assert (told["supply"], power["state"], power["at_meter"]) == ("off", "disconnected", "powered")
    assert (power["reasons"], power["since"]) == (["credit"], "2026-03-20T11:43:00+05:30")
    assert power["sentence"] == "Disconnected since today, 11:43."
    assert "until" not in told["sentence"]


def test_programs_are_told_of_a_failure(without_power, browser):
    told = browser(user_id=without_power.owner_id).get(f"/api/v1/accounts/{without_power.account_id}/balance")
    power = told.json()["power"]
    assert (power["state"], power["since"], power["last_heard_at"]) == (
        "no_power",
        "2026-03-20T13:33:00+05:30",
        None,
    )


# The control room.


def section(response, name):
    """The text of one card."""
    part = response.content.decode().split(f'aria-labelledby="{name}-title"', 1)[1].split("</section>", 1)[0]
    return text_of(type("Part", (), {"content": f"<p {part}".encode()})())


def test_the_control_room_counts_who_has_power(someone, at_noon):
    page = someone(at_noon.operator_id).get("/console/")
    assert section(page, "power") == (
        "Power 5 service points powered 4 no power 0 disconnected 1 not communicating 0"
    )


@pytest.fixture
def feeder_down(at_noon):
    """The transformer of three houses loses power: two last gasps come in, the third house is disconnected."""
    gasp([one.device_id for one in at_noon.adopted[:3:2]], town_cast.NOW - timedelta(minutes=9))
    return at_noon


def test_a_feeder_that_is_down_is_seen(feeder_down, someone):
    operator = someone(feeder_down.operator_id)
    page = operator.get("/console/")
    assert section(page, "power") == (
        "Power 5 service points powered 2 no power 2 disconnected 1 not communicating 0 "
        "T1 North No power at 2 of 3 meters since today, 13:33."
    )
    node = text_of(operator.get("/console/trees/transformer/T1/"))
    assert "No power 2 Disconnected 1 Not communicating 0" in node
    assert "no power since today, 13:33" in node
    house_page = operator.get("/console/connections/URJ00000001/")
    assert section(house_page, "supply").startswith(
        "Supply no power No power at the meter since today, 13:33: it reported a power failure."
    )
