"""`urja verify`: prove that the books add up; `--against` heads that were kept elsewhere, `--receipt` without a database."""

import json
from pathlib import Path

import click
import msgspec
import psycopg

from urja.apps.proofs.receipts import ProofError, Receipt, check
from urja.base.json_files import UNREADABLE
from urja.core.heads import SignedHead, faults
from urja.laws import (
    database_catalogue,
)
from urja.laws.verify import examine, proven_to
from urja.site.cli.options import data_option
from urja.site.exits import CommandError, Exit


@click.command()
@data_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of sentences.")
@click.option(
    "--full", is_flag=True, help="Go through everything, not only what came since the last proven root."
)
@click.option(
    "--against",
    type=click.Path(exists=True, path_type=Path),
    help="Heads of the log that were kept elsewhere, a file or a directory: hold the database to them. Implies --full.",
)
@click.option(
    "--receipt",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A consumer's proof: check it by --head alone, without a database.",
)
@click.option(
    "--head",
    type=click.Path(exists=True, path_type=Path),
    help="The head that the receipt goes by: a file of heads, or a directory of them.",
)
@click.option(
    "--heads",
    type=click.Path(exists=True, path_type=Path),
    help="Copies of heads: check that each is signed and goes on from the one before, without a database.",
)
@click.option("--key", help="The public key in hex that the head has to be signed with.")
def verify(
    data: Path,
    as_json: bool,
    full: bool,
    against: Path | None,
    receipt: Path | None,
    head: Path | None,
    heads: Path | None,
    key: str | None,
) -> None:
    """Prove that the books add up; exit 1 if a law is broken.

    With --receipt and --head: prove that an entry is in the log that was signed. With --heads: that copies of heads
    are of one log.
    """
    if heads is not None:
        check_heads(heads)
        return
    if receipt is not None or head is not None:
        if receipt is None or head is None:
            raise CommandError(Exit.USAGE, "a receipt is checked by a head: give both --receipt and --head")
        check_receipt(receipt, head, key or "", as_json=as_json)
        return
    from urja.site.admin import Administration

    kept = heads_in(against) if against else ()
    box = Administration.of(data)
    box.setup_django()
    try:
        with psycopg.connect(box.secrets.database_owner, autocommit=True) as connection:
            proven = 0 if full or against else proven_to(connection)
            findings = examine(
                connection,
                box.clock.now(),
                box.settings.utility.timezone,
                expected=database_catalogue.stored_expectation(box.data.catalogue_file),
                proven=proven,
                copies=kept,
            )
    except psycopg.OperationalError as error:
        raise CommandError(Exit.UNAVAILABLE, f"the database cannot be reached: {error}") from error
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
                f"Entries and reads up to head {proven} were proven before: --full goes through them again."
            )
        if kept:
            click.echo(f"Held to {len(kept)} heads in {against}, signed with {kept[-1].head.fingerprint}.")
        for finding in findings:
            click.echo(f"{'holds ' if finding.holds else 'BROKEN'}  {finding.law:14} {finding.sentence}")
            for contradiction in finding.contradictions:
                click.echo(f"        {'':14} {contradiction}")
    if not all(finding.holds for finding in findings):
        raise SystemExit(Exit.FAILED)


def check_receipt(path: Path, head: Path, key: str, *, as_json: bool) -> None:
    """Print what a receipt proves; exit 1 where it proves nothing."""
    try:
        receipt = msgspec.json.decode(path.read_bytes(), type=Receipt)
    except UNREADABLE as error:
        raise CommandError(Exit.USAGE, f"{path} is no receipt: {error}") from None
    try:
        signed = check(receipt, heads_in(head), key)
    except ProofError as error:
        click.echo(json.dumps({"proven": False, "error": str(error)}) if as_json else f"NOT PROVEN  {error}")
        raise SystemExit(Exit.FAILED) from None
    entries = [proven.entry for proven in receipt.entries]
    if as_json:
        told = {
            "proven": True,
            "day": signed.head.day.isoformat(),
            "key": signed.head.key,
            "entries": entries,
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
    click.echo(f"In the log that was signed for {signed.head.day} with {signed.head.fingerprint}.")
    if not key:
        click.echo("Compare this key with the one that the utility publishes, or give it with --key.")


def check_heads(path: Path) -> None:
    """Print whether kept heads are of one log; exit 1 where they are not."""
    kept = heads_in(path)
    found = list(faults(kept))
    for fault in found:
        click.echo(f"BROKEN  {fault}")
    if found:
        raise SystemExit(Exit.FAILED)
    first, last = kept[0].head, kept[-1].head
    click.echo(
        f"{len(kept)} heads from {first.day} to {last.day}, signed with {last.fingerprint}: each goes on from the one before"
    )


def heads_in(path: Path) -> list[SignedHead]:
    """The heads in a file, one a line, or in the files of a directory; raises `CommandError` for anything else."""
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    found = []
    for file in files:
        for number, line in enumerate(file.read_bytes().splitlines(), 1):
            try:
                found.append(msgspec.json.decode(line, type=SignedHead))
            except UNREADABLE as error:
                raise CommandError(
                    Exit.USAGE, f"{file}, line {number}, is no signed head of the log: {error}"
                ) from None
    if not found:
        raise CommandError(
            Exit.USAGE, f"{path} has no heads: give a file of DATA/proofs/heads, or that directory"
        )
    return sorted(found, key=lambda signed: signed.head.number)
