"""The command line imports what a command needs, and no more."""

import re
import subprocess
import sys

import pytest
from click.testing import CliRunner

from urja.site.cli.main import COMMANDS, urja
from urja.site.command_errors import CommandError


def test_help_lists_every_command_and_hides_the_supervisors():
    shown = CliRunner().invoke(urja, ["--help"]).output
    for name, lazy in COMMANDS.items():
        assert (f"  {name} " in shown) is not lazy.hidden


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["config", "show"],
        ["status", "--help"],
        ["decode", "--help"],
        ["headend", "--help"],
        ["quarantine", "--help"],
        ["meter", "--help"],
        ["meter", "serve", "--help"],
    ],
)
def test_no_django_where_none_is_needed(arguments):
    code = (
        "import sys; sys.modules['django'] = None\n"
        "from urja.site.cli.main import urja\n"
        f"urja({arguments!r}, standalone_mode=False)\n"
        "assert 'urja.site.supervisor.installation' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_command_of_another_module_joins_its_group():
    shown = CliRunner().invoke(urja, ["meter", "--help"]).output
    assert "serve" in shown
    assert re.search(r"adopt +Add a meter to the registry\.", shown)
    assert "--help" in CliRunner().invoke(urja, ["meter", "adopt", "--help"]).output


def test_an_unknown_command_is_a_usage_error():
    done = CliRunner().invoke(urja, ["dmo"])
    assert done.exit_code == 2
    assert "No such command" in done.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["demo", "--speed", "nan"],
        ["demo", "--for", "inf"],
        ["headend", "read", "--host", "::1", "--obis", "1.0.1.8.0.255", "--timeout", "nan"],
        ["headend", "read", "--host", "::1", "--obis", "1.0.1.8.0.255", "--timeout", "0"],
    ],
)
def test_numbers_that_are_not_finite_are_refused(arguments):
    done = CliRunner().invoke(urja, arguments)
    assert done.exit_code == 2
    assert "is not a finite number" in done.output or "is not in the range x>0.0" in done.output


def test_a_report_without_a_place_is_refused_before_the_town_is_raised(tmp_path):
    done = CliRunner().invoke(urja, ["demo", "--for", "1", "--report", str(tmp_path / "nowhere" / "r.json")])
    assert isinstance(done.exception, CommandError)
    assert "its parent directory does not exist" in str(done.exception)
    assert "Raising" not in done.output
