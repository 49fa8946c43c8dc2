"""What a card says of any account at any time: one deadline, and none that is over."""

import re
from datetime import datetime
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from tests.core.policy.cast import IST, PLAIN, UPPCL, accounts

MONTHS = [
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
]
INSTANT = re.compile(rf"\w+day (\d+) ({'|'.join(MONTHS)})(?:,| about) (\d\d):(\d\d)")
quietly = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


def instants(text, now):
    """Those that a text names, in the year that is nearest."""
    found = []
    for day, month, hour, minute in INSTANT.findall(text):
        known = (MONTHS.index(month) + 1, int(day), int(hour), int(minute))
        years = [
            now.year + n for n in (-1, 0, 1) if month != "February" or day != "29" or not (now.year + n) % 4
        ]
        found.append(
            min((datetime(year, *known, tzinfo=IST) for year in years), key=lambda at: abs(at - now))
        )
    return found


@pytest.mark.parametrize("policy", [PLAIN, UPPCL], ids=lambda policy: policy.code)
def test_a_card_names_one_deadline_and_none_that_is_over(django, policy):
    from urja.web.shared.standing import standing

    @quietly
    @given(accounts())
    def holds(facts):
        known = SimpleNamespace(
            policy=policy,
            facts=facts,
            balance=SimpleNamespace(currency="INR", reserves=[]),
            agreement=SimpleNamespace(commodity="electricity"),
        )
        text = standing(known).text
        # When the last reading was, and when a notice was asked for, is of the past and is said to be.
        text = re.sub(r"(the last reading is from|last was requested on) [^,]+, \d\d:\d\d", "", text)
        named = instants(text, facts.now)
        assert len(named) <= 1, text
        assert all(at > facts.now for at in named), (text, facts.now)
        if facts.daily_cost_minor is None:
            assert "average use" not in text
        assert "safe" not in text

    holds()


def test_what_ends_within_the_hour_names_no_full_hour_that_is_over(django):
    from datetime import timedelta

    from urja.core.policy import Outlook
    from urja.web.shared.standing import told

    now = datetime(2026, 11, 24, 12, 30, tzinfo=IST)
    ends = Outlook(now + timedelta(minutes=20), None, 0, 0, None)
    assert told(ends, "INR", now) == "At your average use your credit lasts less than an hour."


def test_the_way_to_reconnection_names_no_time_that_is_over(django):
    from datetime import timedelta

    from urja.web.portal.chain import _next

    now = datetime(2026, 11, 24, 12, 30, tzinfo=IST)
    minute = timedelta(minutes=1)
    step = SimpleNamespace(at=now - 5 * minute)
    way = SimpleNamespace(
        command_state="sent",
        outcome="",
        credited=step,
        sent=step,
        last_error="no answer",
        again_at=now - minute,
        awake_at=None,
        expires_at=now + 10 * minute,
    )
    assert "We try again at 12:30:00 and keep trying until 12:40:00" in _next(way, now)
    assert _next(way, now + 10 * minute) == (
        "The command did not reach your meter in time. A new one is being sent."
    )
