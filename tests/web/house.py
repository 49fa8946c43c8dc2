"""A house with nineteen days of life: readings, postings, and people who may and may not look at it."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.apps import town
from tests.apps.town import HALF_HOUR, START

NOW = datetime(2026, 3, 20, 8, 12, tzinfo=UTC)
"""13:42 in Kolkata, on the nineteenth day after the meter was put in."""
DAY = timedelta(days=1)


@dataclass(frozen=True)
class House:
    """Keys of what the tests look at."""

    account_id: int
    agreement_id: int
    owner_id: int
    member_id: int
    outsider_id: int
    landlord_id: int
    """A consumer with two supplies."""
    landlord_accounts: tuple[int, int]
    """The meter of the first has sent nothing from the beginning; the second was installed an hour ago."""


def build(connect) -> House:
    """Adopt, read and post. `connect(role)` gives a connection; Django's own is the owner's."""
    from django.contrib.auth import get_user_model

    from urja.apps.identity.models import AccountAccess
    from urja.apps.identity.queries.accounts import accesses_of
    from urja.apps.people.models import Person
    from urja.apps.rulebook.operations import load_tariff
    from urja.apps.rulebook.queries.tariffs import bundled_tariffs

    load_tariff(bundled_tariffs()["demo-domestic.toml"], START)
    home = {"tariff_code": "demo-domestic", "sanctioned_load_w": 3000}
    own = town.adopt(
        1,
        credit_minor=140_000,
        register_wh=1_288_121,
        email="asha@example.org",
        premise_name="Flat 12, Neem Street",
        **home,
    )
    outsider = town.adopt(2, email="omar@example.org", bucket=9, **home)
    first = town.adopt(
        3, email="lata@example.org", premise_name="Shop 4, Market Road", credit_minor=9_000, **home
    )
    member = get_user_model().objects.create_user("meena", "meena@example.org")
    access = accesses_of(own.user_id).get()
    AccountAccess.objects.create(
        id=access.id + 1000,
        person=Person.objects.create(
            id=access.id + 1001, user=member, name="Meena", recorded_at=START, actor="test"
        ),
        account_id=own.account_id,
        role="member",
        recorded_at=START,
        actor="test",
    )
    with connect("urja_pipeline") as connection:
        _live(connection, own)
    new = town.adopt(
        4,
        email="lata@example.org",
        premise_name="Shop 5, Market Road",
        credit_minor=5_000,
        valid_from=NOW - timedelta(hours=1),
        **home,
    )
    return House(
        account_id=own.account_id,
        agreement_id=own.agreement_id,
        owner_id=own.user_id,
        member_id=member.pk,
        outsider_id=outsider.user_id,
        landlord_id=first.user_id,
        landlord_accounts=(first.account_id, new.account_id),
    )


def _live(connection, own) -> None:
    """Half-hours and midnights up to NOW, each day posted after its end."""
    from urja.pipeline import post

    energy = random.Random(20)
    register_wh = 1_288_121
    midnight = START
    while midnight < NOW:
        rows = []
        start = midnight
        while start + HALF_HOUR <= min(midnight + DAY, NOW):
            rows.append((start, energy.randrange(40, 420)))
            start += HALF_HOUR
        placed = town.blocks(own, *rows)
        if midnight + DAY > NOW:
            placed["status"][10] = 3  # estimated
        town.store_blocks(connection, placed)
        register_wh += sum(wh for _, wh in rows) + energy.randrange(0, 24)
        midnight += DAY
        if midnight < NOW:
            town.store_registers(connection, town.registers(own, (midnight, register_wh)))
            post.run_once(midnight + timedelta(minutes=20))


def owe(account_id, minor) -> None:
    """Charge an account until so many minor units are owed."""
    from urja.apps.billing.queries import fresh_balance
    from urja.apps.books.posting import Draft, post_entries

    used = Draft(
        account_id=account_id,
        contra="revenue:energy",
        amount_minor=-fresh_balance(account_id, NOW).balance_minor - minor,
        origin="manual",
        line="energy",
        service_date=NOW.date(),
        accounting_month=NOW.date().replace(day=1),
        idempotency_key="used",
    )
    post_entries(account_id >> 40, [used], NOW)
