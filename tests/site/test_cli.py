"""The command line imports what a command needs, and no more."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.cosem.meter_types import write_type
from tests.site.test_decode import AIDON

import urja as urja_package
from urja.site.cli.import_file import KIND_NAMES
from urja.site.cli.main import COMMANDS, urja
from urja.site.command_errors import CommandError


def test_help_lists_every_command_and_hides_the_supervisors():
    shown = CliRunner().invoke(urja, ["--help"]).output
    for name, lazy in COMMANDS.items():
        assert (f"  {name} " in shown) is not lazy.hidden


def test_no_django_where_none_is_needed(tmp_path):
    """All in one process, which cannot import it."""
    documents = Path(urja_package.__path__[0])
    tariff = str(documents / "apps/rulebook/documents/delhi-domestic-2022.toml")
    period = ["--from", "2022-06-25", "--to", "2022-07-25", "--wh", "545000", "--load-w", "3000"]
    folder = str(write_type(tmp_path / "m7"))
    given = [
        ["--help"],
        ["config", "show"],
        ["status", "--help"],
        ["decode", AIDON],
        ["decode", "--type", folder, AIDON],
        ["headend", "--help"],
        ["quarantine", "--help"],
        ["meter", "--help"],
        ["meter", "serve", "--help"],
        ["meter-type", "check", folder],
        ["policy", "check", str(documents / "core/policy/documents/plain.toml")],
        ["policy", "replay", "--help"],
        ["tariff", "check", tariff],
        ["tariff", "rate", tariff, *period],
        *(["import", "--example", kind, "--to", str(tmp_path)] for kind in KIND_NAMES),
    ]
    code = (
        "import json, sys; sys.modules['django'] = None\n"
        "from urja.site.cli.main import urja\n"
        "for arguments in json.loads(sys.argv[1]):\n"
        "    print(arguments, file=sys.stderr)\n"
        "    assert not urja(arguments, standalone_mode=False)\n"
        "assert 'urja.site.supervisor.installation' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code, json.dumps(given)], capture_output=True, text=True)
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
