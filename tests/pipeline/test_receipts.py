"""Receipts that can be verified: made with the web's role, checked from two files."""

import json
from datetime import timedelta

import msgspec
import pytest
from click.testing import CliRunner
from tests.apps import town as town_rows
from tests.apps.payments.till import as_role
from tests.pipeline.test_post import town  # noqa: F401 - a fixture
from tests.pipeline.test_seal import exported, new_sealer

from urja.apps.proofs.receipts import ProofError, Receipt, check
from urja.site.cli.verify import verify
from urja.site.command_errors import CommandError, Exit

MINUTES = timedelta(minutes=10)


@pytest.fixture
def sealed(town, tmp_path):  # noqa: F811
    """A recharge and three days of charges of two accounts, sealed, and one entry that is not."""
    other = town_rows.adopt(2, credit_minor=20_000)
    town_rows.pay(town.adopted.account_id, 8_000, "pay_1", town.midnight(0))
    sealer = new_sealer(tmp_path)
    for day in (0, 1, 2, 3):
        town.register(day + 1, 10 + 8 * (day + 1))
        town_rows.store_registers(
            town.connection, town_rows.registers(other, (town.midnight(day + 1), 10_000))
        )
        town.run(day)
        if day:
            sealer.run_once(town.midnight(day) + MINUTES)
    town.run(4)
    return town, sealer


def receipt_of(account_id, *seqs):
    from urja.apps.proofs import queries

    with as_role("urja_web"):
        return queries.receipt(account_id, seqs)


def test_each_sealed_entry_proves_itself_by_the_head_alone(sealed):
    from urja.apps.proofs import queries

    town, sealer = sealed  # noqa: F811
    account = town.adopted.account_id
    seqs = queries.sealed_entries(account)
    assert len(seqs) == 8
    assert queries.sealed_entries(account, before=3) == [2, 1]
    for seq in seqs:
        receipt = msgspec.json.decode(msgspec.json.encode(receipt_of(account, seq)), type=Receipt)
        assert check(receipt, exported(sealer)).head.number == 3
    whole = receipt_of(account, *seqs)
    check(whole, exported(sealer))
    assert [proven.entry["seq"] for proven in whole.entries] == sorted(seqs)
    assert {proven.entry["line"] for proven in whole.entries} >= {"recharge", "energy", "opening-credit"}


def test_what_is_not_sealed_or_not_there_has_no_proof(sealed):
    town, _ = sealed  # noqa: F811
    account = town.adopted.account_id
    (last,) = town.connection.execute(
        "SELECT last_seq FROM books_account WHERE id = %s", [account]
    ).fetchone()
    assert receipt_of(account, last) is None
    assert receipt_of(account, 99) is None


def test_with_no_head_there_is_no_proof(town):  # noqa: F811
    town.run(0)
    assert receipt_of(town.adopted.account_id, 1) is None


def change(receipt, **changes):
    [entry] = receipt.entries
    return msgspec.structs.replace(receipt, entries=[msgspec.structs.replace(entry, **changes)])


def forgeries(receipt):
    [proven] = receipt.entries
    yield "another amount", change(receipt, entry=proven.entry | {"amount_minor": 80_000})
    yield "another reference", change(receipt, entry=proven.entry | {"inputs": {}})
    yield "another currency", change(receipt, currency="USD")
    yield "another before", change(receipt, previous_hash="11" * 32)
    yield "another place", change(receipt, in_day=msgspec.structs.replace(proven.in_day, index=0))
    yield "another day", change(receipt, day=proven.day.replace('"entries":', '"entries": '))
    yield "no way", change(receipt, in_log=msgspec.structs.replace(proven.in_log, path=[]))
    yield "no hex", change(receipt, in_log=msgspec.structs.replace(proven.in_log, path=["zz"]))
    yield "no seq", change(receipt, entry={})
    yield "a float", change(receipt, entry=proven.entry | {"amount_minor": 1.5})
    yield "no entries", msgspec.structs.replace(receipt, entries=[])
    yield "another format", msgspec.structs.replace(receipt, format=2)


def test_a_forged_receipt_proves_nothing(sealed):
    town, sealer = sealed  # noqa: F811
    receipt = receipt_of(town.adopted.account_id, 2)
    check(receipt, exported(sealer))
    for what, forged in forgeries(receipt):
        with pytest.raises(ProofError):
            pytest.fail(f"{what} was proven by {check(forged, exported(sealer))}")


def test_by_a_head_of_ones_own_it_proves_nothing(sealed):
    town, sealer = sealed  # noqa: F811
    receipt = receipt_of(town.adopted.account_id, 2)
    with pytest.raises(ProofError, match="not among those given"):
        check(receipt, exported(sealer)[:2])
    with pytest.raises(ProofError, match="signed with another key"):
        check(receipt, exported(sealer), key="00" * 32)
    forged = msgspec.structs.replace(
        receipt.head, head=msgspec.structs.replace(receipt.head.head, root="00" * 32)
    )
    with pytest.raises(ProofError, match="wrong signature"):
        check(msgspec.structs.replace(receipt, head=forged), [forged])
    with pytest.raises(ProofError, match="not the one that was given"):
        check(msgspec.structs.replace(receipt, head=forged), exported(sealer))


def test_the_command_needs_two_files_and_no_installation(sealed, tmp_path):
    town, sealer = sealed  # noqa: F811
    file, head = tmp_path / "receipt.json", sealer.directory / "2026-03-04.json"
    file.write_bytes(msgspec.json.encode(receipt_of(town.adopted.account_id, 2)))
    said = CliRunner().invoke(verify, ["--receipt", str(file), "--head", str(head)])
    assert said.exit_code == 0, said.output
    assert "recharge of 8000 INR" in said.output
    assert exported(sealer)[2].head.fingerprint in said.output
    assert "Compare this key" in said.output
    key = exported(sealer)[2].head.key
    said = CliRunner().invoke(
        verify, ["--receipt", str(file), "--head", str(sealer.directory), "--key", key, "--json"]
    )
    assert json.loads(said.output)["proven"] is True
    file.write_bytes(file.read_bytes().replace(b'"amount_minor":8000', b'"amount_minor":80000'))
    said = CliRunner().invoke(verify, ["--receipt", str(file), "--head", str(head)])
    assert (said.exit_code, said.output.split()[:2]) == (1, ["NOT", "PROVEN"])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--receipt", "receipt.json"], "give both --receipt and --head"),
        (["--receipt", "receipt.json", "--head", "head.json"], "receipt.json is not a receipt"),
        (["--receipt", "good.json", "--head", "head.json"], "head.json, line 1, is not a signed head"),
        (["--receipt", "good.json", "--head", "empty"], "empty has no heads"),
    ],
)
def test_a_file_that_is_none_is_said_to_be_none(sealed, tmp_path, monkeypatch, arguments, told):
    town, _ = sealed  # noqa: F811
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "receipt.json").write_text('{"format": "x"}')
    (tmp_path / "head.json").write_text("{}")
    (tmp_path / "good.json").write_bytes(msgspec.json.encode(receipt_of(town.adopted.account_id, 2)))
    said = CliRunner().invoke(verify, arguments)
    assert isinstance(said.exception, CommandError)
    assert said.exception.code == Exit.USAGE
    assert told in str(said.exception)
