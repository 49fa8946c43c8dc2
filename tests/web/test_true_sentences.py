"""What a page says is true: no days without known use, no credit that is gone, no time that is past."""

import json
import re
from datetime import timedelta

import pytest
from tests.apps import street
from tests.web import house
from tests.web.reading import text_of


@pytest.fixture
def governed(home):
    """The plain policy governs every account."""
    from urja.apps.supply.operations import load_bundled_policy

    load_bundled_policy("plain.toml", recorded_at=street.START, actor="test")
    return home


def test_a_meter_that_was_never_read_has_no_days_of_credit(governed, browser):
    """Its postings are fixed charges alone: what they come to by the day is nobody's usual use."""
    words = text_of(browser(user_id=governed.landlord_id).get(f"/accounts/{governed.landlord_accounts[0]}/"))
    assert "As of 2 March, 00:00" in words
    assert "Days left are shown once your usual use is known" in words
    assert not re.search(r"about \d+ days", words)
    assert "At your usual use" not in words


def test_days_without_readings_do_not_make_the_usual_day_cheap(governed):
    """A meter that fell silent goes on to be charged its fixed charges: they are not what a day costs."""
    from tests.apps.payments.till import as_role

    from urja.apps.ledger.queries import fresh_balance
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
