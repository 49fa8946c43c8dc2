"""`urja tariff load`: what a version for past days changes is shown before it is loaded."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from click.testing import CliRunner
from tests.apps import town as town_rows
from tests.apps.town import START, adopt, registers
from tests.pipeline.test_post import TARIFF, Town, load as load_tariff

from urja.base.settings import Settings
from urja.site import admin
from urja.site.cli.tariff import tariff
from urja.site.command_errors import CommandError, Exit

DAY = timedelta(days=1)


@dataclass
class Clock:
    day: float = 0

    def now(self):
        return START + self.day * DAY


@dataclass
class StandInAdministration:
    clock: Clock
    settings = Settings()

    def setup_django(self):
        pass


@pytest.fixture
def town_of_three(database, monkeypatch):
    """Three homes from 2 March; after two closed days the first has used 5 kWh, the second 30, the third nothing."""
    load_tariff()
    homes = [adopt(number, credit_minor=50_000) for number in (1, 2, 3)]
    clock = Clock(2.5)
    monkeypatch.setattr(admin.Administration, "of", lambda data: StandInAdministration(clock))
    with database.connect() as connection:
        town = Town(connection, homes[0])
        for day, used in ((1, (5, 20, 0)), (2, (5, 30, 0))):
            for home, kwh in zip(homes, used, strict=True):
                town_rows.store_registers(
                    connection, registers(home, (town.midnight(day), (10 + kwh) * 1000))
                )
            town.post(day)
        yield town, homes, clock


def load(*arguments):
    result = CliRunner().invoke(tariff, ["load", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, CommandError | SystemExit), (
        result.exception
    )
    return result


@pytest.fixture
def new(tmp_path):
    """A version with 1.00 more in the first slab and 1.00 less in the second."""

    def write(valid_from="2026-03-02", version="2", rate="4.00", second="4.00"):
        path = tmp_path / f"{version}.toml"
        text = TARIFF.format(version=version, valid_from=valid_from, rate=rate)
        path.write_text(text.replace('rate = "5.00"', f'rate = "{second}"'))
        return path

    return write


def versions(town):
    return [
        version
        for (version,) in town.connection.execute("SELECT version FROM rulebook_tariff_version ORDER BY 1")
    ]


def charged(town):
    return dict(
        town.connection.execute(
            "SELECT account_id, -sum(amount_minor)::int FROM books_entry WHERE origin = 'engine' GROUP BY 1"
        ).fetchall()
    )


def test_a_version_for_past_days_shows_what_it_changes_and_asks(town_of_three, new):
    """5 kWh cost 5.00 more, with the duty 5.25; 10 + 20 kWh cost 10.00 less, with the duty 10.50."""
    town, (first, second, third), _ = town_of_three
    refused = load(new())
    assert isinstance(refused.exception, CommandError)
    assert refused.exception.code == Exit.FAILED
    assert "--yes" in str(refused.exception)
    assert refused.stdout == (
        "3 accounts charged again for past days, by -5.25 INR in total; "
        f"largest debit 5.25 (account {first.account_id}), largest credit 10.50 (account {second.account_id})\n"
    )
    assert versions(town) == ["1"]

    before = charged(town)
    told = load(new(), "--yes")
    assert told.exception is None
    assert told.stdout.startswith(refused.stdout)
    assert told.stdout.endswith("demo 2 is in force from 2026-03-02\n")
    for home, kwh in ((first, 5), (second, 30), (third, 0)):
        town_rows.store_registers(town.connection, registers(home, (town.midnight(3), (10 + kwh) * 1000)))
    town.post(3)
    assert {account: amount - before[account] - 210 for account, amount in charged(town).items()} == {
        first.account_id: 525,
        second.account_id: -1050,
        third.account_id: 0,
    }
    assert all(town.laws().values())


def test_accounts_whose_terms_lack_a_load_for_past_days_are_counted(town_of_three, new):
    """Nothing is charged again where a charged day cannot be rated, and the preview says so and asks."""
    town, homes, _ = town_of_three
    before = charged(town)
    path = new()
    path.write_text(
        path.read_text().replace(
            'accrues = "per-day"', 'accrues = "per-day"\nper = "kVA"\nload = "contracted"'
        )
    )
    refused = load(path)
    assert isinstance(refused.exception, CommandError)
    assert refused.stdout == (
        "0 accounts charged again for past days, by 0.00 INR in total; largest debit none, largest credit none; "
        "3 accounts held back: their terms of past days do not state a load that the tariff needs (change_load)\n"
    )
    assert load(path, "--yes").exception is None
    for home in homes:
        town_rows.store_registers(town.connection, registers(home, (town.midnight(3), 50_000)))
    assert len(town.post(3).closed.problems) == 3
    assert charged(town) == before


def test_what_is_to_come_or_is_loaded_already_asks_nothing(town_of_three, new):
    town, _, clock = town_of_three
    assert load(new("2026-03-04")).stdout == "demo 2 is in force from 2026-03-04\n"
    assert load(new("2026-03-04")).stdout == "demo 2 is in force from 2026-03-04\n"
    assert versions(town) == ["1", "2"]
    clock.day = 200
    assert load(new("2024-01-01", "3")).exception is not None


def test_a_change_to_come_that_cuts_the_period_moves_what_was_charged(town_of_three, new):
    """By reads the first 20 of 30 days have a slab of 6 2/3 kWh, by the day at which this is known."""
    town, (_, second, _), _ = town_of_three
    path = new("2026-03-22", rate="3.00", second="5.00")
    path.write_text(path.read_text().replace("[[line]]", 'on_change = "by-reads"\n[[line]]', 1))
    told = load(path)
    assert isinstance(told.exception, CommandError)
    # 3 1/3 kWh of its 30 at 5.00 instead of 3.00, with the duty.
    assert told.stdout == (
        "1 account charged again for past days, by 7.00 INR in total; "
        f"largest debit 7.00 (account {second.account_id}), largest credit none\n"
    )
    assert versions(town) == ["1"]


def test_a_period_of_months_ago_is_part_of_it(town_of_three, new):
    """In April the whole of March is charged again as well."""
    town, (first, second, third), clock = town_of_three
    for day in range(3, 33):
        for home, kwh in ((first, 5), (second, 30), (third, 0)):
            town_rows.store_registers(
                town.connection, registers(home, (town.midnight(day), (10 + kwh) * 1000))
            )
        town.post(day)
    clock.day = 32.5
    told = load(new())
    assert "by -5.25 INR in total" in told.stdout
