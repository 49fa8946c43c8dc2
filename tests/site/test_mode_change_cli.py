"""`urja mode-change`: a dry run, an order, its list, its report, its stop; over a database of the test's own."""

import csv
import io
import json
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from tests.apps.approvals.office import NOW, home
from tests.pipeline.test_post import load as load_tariff

from urja.base.settings import Settings
from urja.site.admin import Administration
from urja.site.cli.mode_change import mode_change
from urja.site.command_errors import CommandError

ORDER = ("order", "--to", "postpaid", "--on", "2026-03-03", "--reason", "ordered", "--good-rows-only")


@pytest.fixture
def listed(database, monkeypatch, tmp_path):
    """Two homes, and a file with their numbers and one that is unknown."""
    clock = SimpleNamespace(now=lambda: NOW)
    installation = SimpleNamespace(setup_django=lambda: None, clock=clock, settings=Settings())
    monkeypatch.setattr(Administration, "of", lambda _data: installation)
    load_tariff()
    for number in (1, 2):
        home(number)
    file = tmp_path / "numbers.txt"
    file.write_text("URJ00000001\nURJ00000002\n\nNONE\n")
    return str(file)


def run(*arguments):
    done = CliRunner().invoke(mode_change, [str(one) for one in arguments])
    if isinstance(done.exception, CommandError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def ordered(listed):
    return json.loads(run(*ORDER, "--file", listed, "--yes", "--json"))["mode_change_id"]


def test_without_yes_it_says_what_it_would_do_and_does_nothing(listed):
    said = run(*ORDER, "--file", listed)
    assert "2 supplies become postpaid" in said
    assert "row 3, NONE: there is no service point NONE" in said
    assert said.endswith("this is a dry run: give --yes\n")
    assert run("list") == "No change was ordered.\n"


def test_it_is_ordered_followed_and_reported(listed):
    from urja.pipeline import mode_changes

    number = ordered(listed)
    assert f"{number}  to postpaid on 2026-03-03  2 waiting, 1 refused" in run("list")
    mode_changes.run_once(NOW)
    assert "2 done, 1 refused" in run("show", number)
    rows = list(csv.DictReader(io.StringIO(run("show", number, "--csv"))))
    assert [(row["consumer_number"], row["state"]) for row in rows] == [
        ("URJ00000001", "done"), ("URJ00000002", "done"), ("NONE", "refused"),
    ]  # fmt: skip
    assert json.loads(run("show", number, "--json"))["states"]["done"] == 2


def test_it_is_stopped_and_a_fault_is_said(listed):
    number = ordered(listed)
    assert run("stop", number, "--reason", "ruled otherwise") == (
        f"mode change {number} is stopped: 2 supplies keep their mode\n"
    )
    with pytest.raises(CommandError, match="was stopped already"):
        run("stop", number, "--reason", "again")
    with pytest.raises(CommandError, match="there is no mode change 4711"):
        run("show", 4711)
