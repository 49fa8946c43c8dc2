"""`urja heat-values check`, as a person or a script calls it; `load` and `show` on an installation's data."""

import json
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from tests.core.test_heat_values import APRIL, changed

from urja.site.cli.heat_values import heat_values


def run(*arguments):
    return CliRunner().invoke(heat_values, list(map(str, arguments)))


@pytest.fixture
def file(tmp_path):
    def write(text=APRIL, name="april.toml"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


TITLE = "city-gas 2026-04 from 2026-04-01 to 2026-04-30, gross, for one m³ at 15 °C and 101.325 kPa"


def test_check_prints_every_fault(file):
    good, bad = file(), file(changed(("to = 2026-04-15", "to = 2026-04-14"), ("38.71", "10.7")), "bad.toml")
    assert run("check", good).output == f"{good}: valid: {TITLE}\n"
    shown = run("check", good, bad)
    assert shown.exit_code == 2
    assert f"{bad}: zone[1].values: 2026-04-15 to 2026-04-15 has no heat value\n" in shown.output
    assert f"{bad}: zone[1].values[2].value: is 10.7 MJ/m³" in shown.output
    told = json.loads(run("check", "--json", good, bad).output)["faults"]
    assert told[str(good)] == []
    assert {fault["where"] for fault in told[str(bad)]} == {"zone[1].values", "zone[1].values[2].value"}


@pytest.fixture
def box(database, monkeypatch):
    """An installation whose database is the test's."""
    from tests.apps.town import START

    from urja.site.admin import Administration

    made = SimpleNamespace(clock=SimpleNamespace(now=lambda: START), setup_django=lambda: None)
    monkeypatch.setattr(Administration, "of", lambda _: made)


def test_load_and_show(box, database, file):
    assert run("load", file()).output == f"{TITLE} is loaded\n"
    second = changed(('"2026-04"', '"2026-05"'), ("2026-04-", "2026-05-"))
    refused = run("load", file(second, "may.toml"), file(changed(("38.52", "38.53")), "other.toml"))
    assert "is stored with another text; give the new text a version of its own; nothing was loaded" in str(
        refused.exception
    )
    assert run("show").output == f"{TITLE}\n"
    assert "no version '2026-05' of heat values is stored" in str(run("show", "2026-05").exception)
    whole = run("show", "2026-04").output
    assert "everywhere else: gas at 25 °C and 101.4 kPa" in whole
    assert "from 2026-04-16: 38.71 MJ/m³ (10.7528 kWh/m³)" in whole
    day = ("show", "--area", "section North", "--day")
    assert run(*day, "2026-04-15").output == (
        "2026-04-15, everywhere else: 38.52 MJ/m³ (10.7000 kWh/m³) gross (city-gas 2026-04)\n"
    )
    assert "no heat value is stored of 2026-05-01 for section North" in str(run(*day, "2026-05-01").exception)
    with database.connect() as owner:
        ((actor, recorded_at),) = owner.execute(
            "SELECT actor, recorded_at IS NOT NULL FROM rulebook_heat_values_version"
        ).fetchall()
    assert actor.startswith("urja heat-values load (")
    assert recorded_at
