"""A thief who holds the web's database role, and nothing else, tries for money, supply and delivered notices.

Each attempt goes over a connection of its own to a database that was prepared as `urja up` prepares it.
"""

from collections.abc import Iterator

import psycopg
import pytest
from tests.apps.street import START, adopt
from tests.pipeline.test_post import load as load_tariff


@pytest.fixture
def house(database):
    """An account with credit and its supply."""
    load_tariff()
    return adopt(credit_minor=50_000)


@pytest.fixture
def thief(database, house) -> Iterator[psycopg.Connection]:
    with database.connect("urja_web") as connection:
        yield connection


def refused(thief: psycopg.Connection, statement: str, values: tuple = ()) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        thief.execute(statement.encode(), values)


# -- money ---------------------------------------------------------------------------------------------------


def test_a_credit_cannot_be_requested(thief, house):
    refused(
        thief,
        "INSERT INTO ledger_credit_request (id, account_id, amount_minor, kind, reference, idempotency_key, "
        "input_hash, correlation, requested_at) VALUES (%s, %s, 1000000, 'recharge', '', 'mint', '\\x00', 0, %s)",
        (house.account_id + 1, house.account_id, START),
    )


# -- supply --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["hold", "release"])
def test_a_supply_cannot_be_ordered(thief, house, action):
    refused(
        thief,
        "INSERT INTO supply_order (service_point_id, action, hold, note, actor, requested_at) "
        "VALUES (%s, %s, 'safety', '', 'somebody', %s)",
        (house.service_point_id, action, START),
    )
