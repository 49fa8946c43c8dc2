"""`urja bank statement check`: what a file says, and why one is refused."""

import hashlib
import json

import pytest
from click.testing import CliRunner
from msgspec import ValidationError, convert

from urja.base.settings import PaymentsSettings
from urja.site.cli.main import urja
from urja.site.command_errors import CommandError

FILE = b"Date,Narration,Debit,Credit,Balance\n01/03/2026,UPI/CR/412345678901/RAVI,,500.00,500.00\n"


def run(path, *options):
    return CliRunner().invoke(urja, ["bank", "statement", "check", str(path), *options])


def test_a_file_is_shown_and_nothing_stored(tmp_path):
    path = tmp_path / "march.csv"
    path.write_bytes(FILE)
    told = run(path)
    assert told.exit_code == 0, told.output
    assert "csv of account (not named), 2026-03-01 to 2026-03-01: 0.00 + 1 entries = 500.00" in told.output
    assert "2026-03-01            500.00  412345678901" in told.output
    assert hashlib.sha256(FILE).hexdigest() in told.output
    (entry,) = json.loads(run(path, "--json").output)["entries"]
    assert (entry["amount_minor"], entry["utr"]) == (50_000, "412345678901")


def test_a_wrong_file_is_refused_with_its_line(tmp_path):
    path = tmp_path / "march.csv"
    path.write_bytes(FILE.replace(b"500.00,500.00", b"500.00,501.00") + b"02/03/2026,X,,1.00,501.00\n")
    refused = run(path)
    assert isinstance(refused.exception, CommandError)
    assert str(refused.exception).startswith("march.csv: line 3: the balance is 50100")


def test_no_gateway_takes_the_name_of_receipts_or_statements():
    given = {"provider": "razorpay"}
    assert convert({"gateways": {"main": given}}, PaymentsSettings).gateways
    for name in ("bank", "counter"):
        with pytest.raises(ValidationError, match=f"a gateway cannot have the name '{name}'"):
            convert({"gateways": {name: given}}, PaymentsSettings)
