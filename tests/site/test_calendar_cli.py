"""`urja calendar check` and `holidays`, as a person or a script calls them; `load` and `show` on an installation's data."""

import json
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

import urja.core.calendars
from urja.site.cli.calendar import calendar

TOD = Path(urja.core.calendars.__path__[0]) / "documents/demo-tod-2026-04.toml"


def run(*arguments):
    return CliRunner().invoke(calendar, list(map(str, arguments)))


def test_check_prints_every_fault(tmp_path):
    assert (
        run("check", TOD).output
        == f"{TOD}: valid: demo-tod 2026-04 from 2026-04-01 (1 normal, 2 solar, 3 peak)\n"
    )
    bad = tmp_path / "bad.toml"
    bad.write_text(
        TOD.read_text().replace('to = "09:00"', 'to = "08:30"').replace('weekend = "every-day"', "")
    )
    shown = run("check", bad)
    assert shown.exit_code == 2
    assert f"{bad}: day every-day.zones: 08:30 to 09:00 is in no zone" in shown.output
    assert f"{bad}: season year.saturday: has no kind of day: give saturday or weekend" in shown.output
    told = json.loads(run("check", "--json", bad).output)
    assert [fault["where"] for fault in told["faults"][str(bad)]] == [
        "day every-day.zones", "season year.saturday", "season year.sunday",
    ]  # fmt: skip


def test_check_against_the_length_of_intervals(tmp_path):
    odd = tmp_path / "odd.toml"
    odd.write_text(TOD.read_text().replace('"06:00"', '"06:15"'))
    assert run("check", odd, "--interval-min", "15").exit_code == 0
    shown = run("check", odd, "--interval-min", "30")
    assert shown.exit_code == 2
    assert (
        "intervals of 30 minutes: day every-day: the zone changes at 06:15, inside the interval"
        in shown.output
    )


def test_holidays_are_a_proposal():
    shown = run("holidays", "ca", "--subdivision", "ON", "--year", "2026")
    assert shown.output.startswith("# Proposed by holidays ")
    listed = tomllib.loads(shown.output)["holiday"]
    assert {"day", "title"} == set(listed[0])
    assert "2026-02-16" in {one["day"].isoformat() for one in listed}
    assert run("holidays", "zz", "--year", "2026").exit_code != 0


@pytest.fixture
def box(database, monkeypatch):
    """An installation whose database is the test's."""
    from types import SimpleNamespace

    from tests.apps.town import START

    from urja.site.admin import Administration

    settings = SimpleNamespace(utility=SimpleNamespace(timezone="Asia/Kolkata"))
    made = SimpleNamespace(
        settings=settings, clock=SimpleNamespace(now=lambda: START), setup_django=lambda: None
    )
    monkeypatch.setattr(Administration, "of", lambda _: made)


def test_load_and_show(box, tmp_path):
    assert run("load", TOD).output == "demo-tod 2026-04 is in force from 2026-04-01\n"
    odd = tmp_path / "odd.toml"
    odd.write_text(TOD.read_text().replace('"06:00"', '"06:15"').replace('"2026-04"', '"2026-05"'))
    refused = run("load", odd, "--interval-min", "30")
    assert "cannot tell its zones apart" in str(refused.exception)
    assert run("show").output == "demo-tod 2026-04 from 2026-04-01: Time of day of the demonstration\n"
    assert "zone 2: solar (Solar hours)" in run("show", "demo-tod").output
    of_day = run("show", "demo-tod", "--day", "2026-04-05").output
    assert of_day == (
        "2026-04-05 (demo-tod 2026-04, every-day): 00:00-06:00 normal, 06:00-09:00 peak, 09:00-17:00 solar, "
        "17:00-18:00 normal, 18:00-22:00 peak, 22:00-24:00 normal\n"
    )
    assert run("show", "demo-tod", "--day", "2026-03-31").exit_code != 0
    assert run("show", "other").exit_code != 0
