"""Facts to decide about: an account that meets every condition of a disconnection, and a strategy for any account."""

from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from functools import cache
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from urja.core.policy import (
    AuthorisedPayment,
    Facts,
    Health,
    NoticeFact,
    PaidSince,
    Policy,
    RunningReview,
    bundled_policies,
    parse_policy,
)

IST = ZoneInfo("Asia/Kolkata")
NOON = datetime(2026, 11, 24, 12, tzinfo=IST)
"""A Tuesday at noon: inside the windows of both documents."""
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@cache
def document(name: str) -> Policy:
    return parse_policy(bundled_policies()[f"{name}.toml"])


PLAIN, UPPCL = document("plain"), document("uppcl-modelled")


def told(since: datetime) -> tuple[NoticeFact, ...]:
    """Every notice that either document needs, delivered a minute after it was asked for, two days after `since`."""
    return tuple(
        NoticeFact(kind, since + n * HOUR, since + n * HOUR + timedelta(minutes=1))
        for n, kind in enumerate(("zero", "cut", "cut"))
    )


def ripe(now: datetime = NOON, **changes: object) -> Facts:
    """An account that meets every condition of a cut."""
    since = now - 60 * DAY
    facts = Facts(
        account_id=7,
        now=now,
        zone=IST,
        balance_minor=-100_000,
        as_of=now - HOUR,
        last_recharge_minor=50_000,
        last_recharge_at=since - 20 * DAY,
        daily_cost_minor=4_000,
        below_cut_since=since,
        sanctioned_load_w=3000,
        category="LMV-1",
        supply="on",
        notices=told(since),
    )
    return replace(facts, **changes)  # type: ignore[arg-type]


def _moments() -> st.SearchStrategy[datetime]:
    # Whole quarters of an hour: borders of hours, windows and deadlines are hit, not only passed.
    return st.integers(0, 4 * 24 * 500).map(
        lambda quarters: datetime(2026, 1, 1, tzinfo=IST) + quarters * timedelta(minutes=15)
    )


@st.composite
def accounts(draw: st.DrawFn, zone: ZoneInfo = IST) -> Facts:
    """Any account at any time: near enough to a cut that many are cut, and each single fact may prevent it."""
    now = draw(_moments()).astimezone(zone)

    def ago(days: int) -> st.SearchStrategy[datetime]:
        return st.integers(0, days * 24 * 4).map(lambda quarters: now - quarters * timedelta(minutes=15))

    def often(value: object, other: st.SearchStrategy) -> st.SearchStrategy:
        return st.one_of(st.just(value), st.just(value), other)

    since = draw(often(now - 50 * DAY, st.none() | ago(60)))
    notices = draw(
        often(
            told(since or now - DAY),
            st.lists(
                st.builds(
                    NoticeFact,
                    st.sampled_from(["low-30", "low-10", "days-3", "zero", "cut", "receipt"]),
                    ago(70),
                    st.none() | ago(60),
                ),
                max_size=6,
            ).map(tuple),
        )
    )
    payments = st.builds(AuthorisedPayment, st.integers(1, 200_000), ago(4))
    partial = st.builds(PaidSince, ago(9), st.integers(1, 100_000), st.integers(1, 150_000))
    reviews = st.builds(
        RunningReview, st.integers(1, 100_000), st.integers(-4, 900).map(lambda hours: now + hours * HOUR)
    )
    return Facts(
        account_id=7,
        now=now,
        zone=zone,
        balance_minor=draw(
            st.sampled_from([-6_000, -5_001, -5_000, -4_999, -1, 0, 1]) | st.integers(-200_000, 200_000)
        ),
        as_of=draw(often(now - HOUR, st.none() | ago(3))),
        estimated_share=draw(often(Fraction(0), st.integers(0, 100).map(lambda n: Fraction(n, 100)))),
        provisional_minor=draw(often(0, st.integers(0, 50_000))),
        at_close_minor=draw(often(0, st.integers(0, 50_000))),
        at_close_until=draw(
            often(None, st.integers(1, 8 * 96).map(lambda n: now + n * timedelta(minutes=15)))
        ),
        clawed_back_minor=draw(often(0, st.integers(0, 50_000))),
        last_recharge_minor=draw(st.none() | st.integers(1, 300_000)),
        last_recharge_at=draw(st.none() | ago(80)),
        daily_cost_minor=draw(st.none() | st.integers(1, 20_000)),
        below_cut_since=since,
        converted_at=draw(often(None, ago(60))),
        sanctioned_load_w=draw(st.sampled_from([1000, 2000, 3000])),
        category=draw(st.sampled_from(["", "LMV-1", "LMV-2"])),
        arrears_minor=draw(st.just(0) | st.integers(0, 100_000)),
        flags=draw(often(frozenset(), st.sampled_from([frozenset({"never_cut"}), frozenset({"medical"})]))),
        supply=draw(st.sampled_from(["on", "on", "off", "unknown"])),
        holds=draw(
            often(frozenset(), st.sets(st.sampled_from(["credit", "safety", "tamper"])).map(frozenset))
        ),
        notices=notices,
        authorised=draw(often((), st.lists(payments, max_size=5).map(tuple))),
        paid=draw(often(None, partial)),
        review=draw(often(None, reviews)),
        health=draw(often(Health(), st.builds(Health, st.booleans(), st.booleans(), st.booleans()))),
    )
