"""Fresh balances of many accounts under tariffs of zones, export, banks and gas: a fixed number of statements, each account's own amount."""

from datetime import timedelta
from importlib import resources

import numpy as np
import pytest
from tests.apps import town as town_rows
from tests.apps.determinants.test_gas_rows import gas_of, march
from tests.apps.determinants.test_rows import load_tariff as load_calendar
from tests.apps.rulebook.test_heat_values import load as load_heat_values
from tests.apps.town import START, adopt, blocks, registers
from tests.pipeline import test_periods as periods, test_quantity_charges as zoned, test_unit_banks as banked
from tests.pipeline.test_post import CUT, DAY, HALF_HOUR

MORNING = timedelta(hours=6, minutes=5)


def load_tariffs():
    """Load tariffs by zones with a change of price on 3 March, net metered, by half-months, of gas."""
    from urja.apps.rulebook.operations import load_tariff

    lane = zoned.TARIFF.replace('"roof"', '"lane"').replace("period_starts_on = 3", "period_starts_on = 1")
    for text in (
        lane.format(version="1", valid_from="2026-01-01", peak=6),
        lane.format(version="2", valid_from="2026-03-03", peak=10),
        zoned.TARIFF.format(version="1", valid_from="2026-01-01", peak=6),
        banked.TARIFF.format(version="1", more=banked.ZONED, rate=6),
        periods.TARIFF.format(code="halves", period=periods.HALVES, more=""),
        (resources.files("urja.demo") / "documents" / "town-gas-energy.toml").read_text(),
    ):
        load_tariff(text, START)


def counted(connection, homes, day, numbers):
    """Store the registers at the beginning of the n-th day and half hours of it; no two homes use the same."""
    start, opening, intervals = START + (day - 1) * DAY, [], []
    for wh, home in enumerate(homes, start=100):
        rows = registers(home, (start, 10_000 + (day - 1) * 48 * wh))
        rows["values"][:, 1], rows["values"][:, 2] = (day - 1) * 48 * 125, (day - 1) * 48 * 50
        opening.append(rows)
        rows = blocks(home, *((start + n * HALF_HOUR, wh) for n in numbers))
        rows["values"][:, 1], rows["values"][:, 2] = 125, 50
        intervals.append(rows)
    town_rows.store_registers(connection, np.concatenate(opening))
    town_rows.store_blocks(connection, np.concatenate(intervals), now=start + 48 * HALF_HOUR)


def balances_of(homes, now):
    """Return the fresh balances by account, and how many statements they took."""
    from django.db import connection

    from urja.apps.billing.balances import fresh_balances
    from urja.apps.contracts.queries import agreements

    asked, statements = agreements(home.agreement_id for home in homes), []

    def note(execute, statement, *rest):
        statements.append(statement)
        return execute(statement, *rest)

    with connection.execute_wrapper(note):
        return fresh_balances(asked, now), len(statements)


@pytest.fixture
def connection(database):
    load_calendar("demo-tod")
    load_tariffs()
    with database.connect() as connection:
        yield connection


def test_fifty_accounts_take_as_many_statements_as_one(connection):
    lanes = [adopt(n, credit_minor=50_000, tariff_code="lane") for n in range(1, 51)]
    halves = [adopt(n, tariff_code="halves") for n in range(51, 54)]
    counted(connection, [*lanes, *halves], 1, range(48))
    counted(connection, [*lanes, *halves], 2, range(12))
    now = START + DAY + MORNING
    balances_of(lanes[:1], now)  # what is read once for a process is read now
    for homes in (lanes, halves):
        _, of_one = balances_of(homes[:1], now)
        many, of_many = balances_of(homes, now)
        assert (len(many), of_many) == (len(homes), of_one)
        assert len({balance.pending_minor for balance in many.values()}) == len(homes)


def test_balances_of_many_tariffs_are_those_of_each_account(database, connection):
    from urja.pipeline import post

    load_heat_values(march())
    codes = ("lane", "roof", "net", "halves", "lane", "net")
    homes = [adopt(n, credit_minor=50_000, tariff_code=code) for n, code in enumerate(codes, start=1)]
    gas = adopt(
        len(codes) + 1, register_wh=5_000, device_type="urja-g1", tariff_code="town-gas-energy", bucket=8
    )
    counted(connection, homes, 1, range(48))
    gas_of(database, gas)
    for closing in (False, True):
        if closing:
            counted(connection, homes, 2, range(12))
            assert post.post_due(START + DAY + timedelta(minutes=5), CUT).closed.days
        now = START + closing * DAY + MORNING
        many, _ = balances_of([*homes, gas], now)
        for home in (*homes, gas):
            one, _ = balances_of([home], now)
            assert many[home.account_id] == one[home.account_id]
        assert all(many[home.account_id].pending_minor for home in homes)
