"""`urja why`: what an entry of the ledger was calculated from, calculated again."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from urja.core.units import exact_text
from urja.site.cli.options import data_option
from urja.site.command_errors import CommandError, Exit

if TYPE_CHECKING:
    from urja.apps.billing.queries.ledger_entries import EntryExplanation


@click.command()
@click.argument("account", type=int)
@click.argument("entry", type=int)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
@data_option
def why(account: int, entry: int, as_json: bool, data: Path) -> None:
    """Calculate ENTRY, a number in the ledger of ACCOUNT, again; exit 1 where the result is not what was posted."""
    from urja.site.admin import Administration

    Administration.of(data).setup_django()
    from urja.apps.billing.queries.ledger_entries import explain_entry

    found = explain_entry(account, entry)
    if found is None:
        raise CommandError(Exit.USAGE, f"account {account} has no entry {entry}: check both numbers")
    click.echo(json.dumps(_as_json(found), ensure_ascii=False) if as_json else _as_text(found))
    if found.faults:
        raise SystemExit(Exit.FAILED)


def _as_json(found: "EntryExplanation") -> dict[str, object]:
    return {
        "account_id": found.entry.account_id,
        "seq": found.entry.seq,
        "line": found.entry.line,
        "amount_minor": found.entry.amount_minor,
        "currency": found.entry.currency,
        "service_date": found.entry.service_date.isoformat(),
        "rows": [
            {
                "label": row.label,
                "quantity": exact_text(row.quantity),
                "unit": row.unit,
                "rate_minor": exact_text(row.rate),
                "amount_minor": row.amount_minor,
            }
            for row in found.rows
        ],
        "units": [{"zone_name": zone, **asdict(row)} for zone, row in found.units],
        "shares": [{**asdict(one), "fraction": str(one.fraction or "")} for one in found.shares],
        "tariffs": [f"{used.code} {used.version} {used.sha256}" for used in found.tariffs],
        "notes": list(found.notes),
        "cause": found.cause,
        "faults": list(found.faults),
    }


def _as_text(found: "EntryExplanation") -> str:
    entry = found.entry
    posted = f"{entry.title}, for {entry.service_date}: {entry.amount_minor} minor units of {entry.currency}"
    return "\n".join(
        [
            f"entry {entry.seq} of account {entry.account_id}, {posted}",
            *(
                f"  {row.label}: {exact_text(row.quantity)} {row.unit} × {exact_text(row.rate)} = {row.amount_minor}"
                for row in found.rows
            ),
            *(
                f"  units{zone and f' of {zone}'}, Wh: opening {row.opening_wh} + exported {row.exported_wh} = used {row.used_wh} "
                f"+ settled {row.settled_wh} + closing {row.closing_wh}"
                for zone, row in found.units
            ),
            *(
                f"  share by {one.share}: {one.own_wh} of {one.energy_wh} Wh of {one.quantity} in the period so far"
                for one in found.shares
            ),
            *(f"  by {used.code} {used.version}, SHA-256 {used.sha256}" for used in found.tariffs),
            *(f"  note: {note}" for note in found.notes),
            *([f"  cause: {found.cause}"] if found.cause else []),
            *(f"  FAULT: {fault}" for fault in found.faults),
        ]
    )
