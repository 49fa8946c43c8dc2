"""`urja verify`: check the ledger's laws and the signed log; with `--receipt` or `--heads` without a database."""

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Final

import click
import msgspec
import psycopg

from urja.apps.proofs.receipts import ProofError, Receipt, check
from urja.apps.statements.kinds import StatementContent
from urja.base.json_files import UNREADABLE
from urja.core.heads import SignedHead, faults
from urja.laws import (
    database_catalogue,
)
from urja.laws.connections import Connection
from urja.laws.law_list import Question
from urja.laws.quantity_comparison import examine_quantities
from urja.laws.truth_comparison import energy_steps_wh
from urja.laws.verify import Finding, LostProcessError, proven_to, run
from urja.meter.fleet import read_fleet_file
from urja.meter.truth import read_truth
from urja.site.cli.options import data_option
from urja.site.command_errors import CommandError, Exit

MOST_PROCESSES: Final = 2
"""Unless more are asked for: so many together stay below 512 MiB."""


@click.command()
@data_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
@click.option("--full", is_flag=True, help="Check all entries, not only those after the last verified root.")
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    default=min(MOST_PROCESSES, os.process_cpu_count() or 1),
    show_default="the processors, at most 2",
    help="Processes that share the laws. The report is the same with any number; each takes up to 200 MiB.",
)
@click.option(
    "--against",
    type=click.Path(exists=True, path_type=Path),
    help="File or directory of signed heads stored elsewhere: compare the database with them. Implies --full.",
)
@click.option(
    "--receipt",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Receipt of a consumer: check it against --head, without a database.",
)
@click.option(
    "--head",
    type=click.Path(exists=True, path_type=Path),
    help="File or directory with the signed head for --receipt.",
)
@click.option(
    "--heads",
    type=click.Path(exists=True, path_type=Path),
    help="File or directory of signed heads: check each signature and that each head extends the one before, without a database.",
)
@click.option("--key", help="Expected public key of the signature, in hexadecimal.")
def verify(
    data: Path,
    as_json: bool,
    full: bool,
    processes: int,
    against: Path | None,
    receipt: Path | None,
    head: Path | None,
    heads: Path | None,
    key: str | None,
) -> None:
    """Check the ledger's laws and the signed log; exit 1 if a law is broken.

    With --receipt and --head: check that an entry or a statement of account is in the signed log. With --heads: check
    that signed heads belong to one log.
    """
    if heads is not None:
        check_heads(heads)
        return
    if receipt is not None or head is not None:
        if receipt is None or head is None:
            raise CommandError(
                Exit.USAGE, "a receipt is checked against a head: give both --receipt and --head"
            )
        check_receipt(receipt, head, key or "", as_json=as_json)
        return
    from urja.site.admin import Administration

    kept = heads_in(against) if against else ()
    box = Administration.of(data)
    box.setup_django()
    try:
        with psycopg.connect(box.secrets.database_owner, autocommit=True) as connection:
            proven = 0 if full or against else proven_to(connection)
            findings, _ = run(
                connection,
                Question(
                    box.clock.now(),
                    box.settings.utility.timezone,
                    database_catalogue.stored_expectation(box.data.catalogue_file),
                    proven,
                    tuple(kept),
                ),
                processes=processes,
                conninfo=box.secrets.database_owner,
            )
            findings += compared_with_truth(connection, box.data.meters / "fleet.json", box.clock.now())
    except psycopg.OperationalError as error:
        raise CommandError(Exit.UNAVAILABLE, f"the database cannot be reached: {error}") from error
    except LostProcessError as error:
        raise CommandError(Exit.SOFTWARE, str(error)) from error
    if as_json:
        report = {
            "proven": proven,
            "laws": {finding.law: finding.holds for finding in findings},
            "contradictions": {f.law: f.contradictions for f in findings if not f.holds},
        }
        click.echo(json.dumps(report, ensure_ascii=False))
    else:
        if proven:
            click.echo(
                f"Entries and reads up to head {proven} were verified before: --full checks them again."
            )
        if kept:
            click.echo(
                f"Compared with {len(kept)} heads in {against}, signed with {kept[-1].head.fingerprint}."
            )
        for finding in findings:
            click.echo(f"{'holds ' if finding.holds else 'BROKEN'}  {finding.law:14} {finding.sentence}")
            for contradiction in finding.contradictions:
                click.echo(f"        {'':14} {contradiction}")
    if not all(finding.holds for finding in findings):
        raise SystemExit(Exit.FAILED)


def compared_with_truth(connection: Connection, fleet_file: Path, now: datetime) -> list[Finding]:
    """Compare stored intervals with the truth file of simulated meters, where this installation has them."""
    if not fleet_file.exists():
        return []
    fleet = read_fleet_file(fleet_file)
    records = read_truth(fleet_file.parent / fleet.truth)
    return examine_quantities(connection, records, now, energy_steps_wh(fleet))


def check_receipt(path: Path, head: Path, key: str, *, as_json: bool) -> None:
    """Print the entries and statements that a receipt proves; exit 1 where the proof fails.

    Raises CommandError where the file is not a receipt.
    """
    try:
        receipt = msgspec.json.decode(path.read_bytes(), type=Receipt)
    except UNREADABLE as error:
        raise CommandError(Exit.USAGE, f"{path} is not a receipt: {error}") from None
    try:
        signed = check(receipt, heads_in(head), key)
    except ProofError as error:
        click.echo(json.dumps({"proven": False, "error": str(error)}) if as_json else f"NOT PROVEN  {error}")
        raise SystemExit(Exit.FAILED) from None
    entries = [proven.entry for proven in receipt.entries]
    stated = [msgspec.json.decode(proven.content, type=StatementContent) for proven in receipt.statements]
    if as_json:
        told = {
            "proven": True,
            "day": signed.head.day.isoformat(),
            "key": signed.head.key,
            "entries": entries,
            "statements": [msgspec.to_builtins(content) for content in stated],
        }
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    for proven in receipt.entries:
        entry = proven.entry
        click.echo(
            f"proven  entry {entry['seq']} of account {entry['account_id']}: {entry['line']} of "
            f"{entry['amount_minor']} {proven.currency} (minor units), posted {entry['posted_at']}, "
            f"balance after it {entry['balance_after_minor']}"
        )
    for content in stated:
        click.echo(
            f"proven  statement {content.number} of account {content.account_id}: {content.period_from} to "
            f"{content.period_to}, charges of {content.total_minor} {content.currency} (minor units), balance at the end "
            f"{content.closing_minor}"
        )
    click.echo(f"In the log signed for {signed.head.day} with {signed.head.fingerprint}.")
    if not key:
        click.echo("Compare this key with the one that the utility publishes, or give it with --key.")


def check_heads(path: Path) -> None:
    """Print whether signed heads belong to one log; exit 1 where they do not."""
    kept = heads_in(path)
    found = list(faults(kept))
    for fault in found:
        click.echo(f"BROKEN  {fault}")
    if found:
        raise SystemExit(Exit.FAILED)
    first, last = kept[0].head, kept[-1].head
    click.echo(
        f"{len(kept)} heads from {first.day} to {last.day}, signed with {last.fingerprint}: each extends the one before"
    )


def heads_in(path: Path) -> list[SignedHead]:
    """Return the signed heads in a file, one per line, or in the files of a directory. Raises `CommandError`."""
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    found = []
    for file in files:
        for number, line in enumerate(file.read_bytes().splitlines(), 1):
            try:
                found.append(msgspec.json.decode(line, type=SignedHead))
            except UNREADABLE as error:
                raise CommandError(
                    Exit.USAGE, f"{file}, line {number}, is not a signed head of the log: {error}"
                ) from None
    if not found:
        raise CommandError(
            Exit.USAGE, f"{path} has no heads: give a file of DATA/proofs/heads, or that directory"
        )
    return sorted(found, key=lambda signed: signed.head.number)
