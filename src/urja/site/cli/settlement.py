"""`urja settlement show`: the gateway's settlements, and how they match the booked payments."""

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from urja.base.untyped_values import JsonObject
from urja.core.units import major_text
from urja.site.cli.options import data_option
from urja.site.command_errors import CommandError, Exit

if TYPE_CHECKING:
    from urja.apps.payments.queries import Settlement, UnmatchedRow


@click.group()
def settlement() -> None:
    """Show settlements of the payment gateway."""


@settlement.command()
@data_option
@click.option(
    "--day", type=click.DateTime(["%Y-%m-%d"]), help="Only settlements of this local day, with every row."
)
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=30,
    show_default=True,
    help="Largest number of settlements to show.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def show(data: Path, day: datetime | None, limit: int, as_json: bool) -> None:
    """Show settlements with their totals, amounts in transit, and differences.

    Newest first. A clerk has to resolve the differences.
    """
    from urja.site.admin import Administration

    box = Administration.of(data)
    box.setup_django()
    from django.db import DatabaseError

    try:
        found = _found(day, limit)
    except DatabaseError as error:
        raise CommandError(Exit.UNAVAILABLE, f"the database cannot be read: {error}") from error
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, default=str))
    else:
        click.echo("\n".join(_sentences(found)))


def _found(day: datetime | None, limit: int) -> dict[str, object]:
    from urja.apps.payments import queries

    settlements = queries.settlements(day.date() if day else None, limit)
    report = queries.settlement_report()
    return {
        "settlements": [_settlement(one, with_rows=day is not None) for one in settlements],
        "in_transit": asdict(queries.in_transit()),
        "differences": [_difference(one) for one in queries.settlement_differences()],
        "report": None
        if report is None
        else {"day": report.day, "asked_at": report.asked_at, "error": report.last_error or None},
    }


def _settlement(one: "Settlement", *, with_rows: bool) -> JsonObject:
    from urja.apps.payments import queries

    shown = asdict(one)
    if with_rows:
        shown["told"] = [
            {
                "entity_id": row.entity_id,
                "kind": row.kind,
                "amount_minor": row.amount_minor,
                "fee_minor": row.fee_minor,
                "tax_minor": row.tax_minor,
                "credit_minor": row.credit_minor,
                "debit_minor": row.debit_minor,
                "matched": row.matched_at is not None,
            }
            for row in queries.settlement_rows(one.settlement_id)
        ]
    return shown


def _difference(one: "UnmatchedRow") -> JsonObject:
    return {
        "entity_id": one.payment_id,
        "order_id": one.order_id,
        "amount_minor": one.amount_minor,
        "reason": one.reason,
        "since": one.seen_at,
        "detail": one.detail,
    }


def _sentences(found: JsonObject) -> list[str]:
    out = []
    for one in found["settlements"]:
        out.append(
            f"{one['day']}  {one['settlement_id']}  {one['utr'] or 'no reference'}  "
            f"{_money(one['gross_minor'])} paid - {_money(one['refunds_minor'])} refunded "
            f"- {_money(one['fees_minor'])} fees ({_money(one['tax_minor'])} of it tax) "
            f"= {_money(one['net_minor'])} {one['currency']}; {one['matched']} of {one['rows']} rows match"
        )
        out += [
            f"            {row['kind']} {row['entity_id']}  {_money(row['amount_minor'])}  "
            f"{'matches' if row['matched'] else 'NO MATCH'}"
            for row in one.get("told", ())
        ]
    if not out:
        out.append("There are no settlements.")
    transit = found["in_transit"]
    out.append(
        f"In transit: {_money(transit['payments_minor'] - transit['refunds_minor'])} "
        f"(payments: {transit['payments']}, refunds: {transit['refunds']})"
        + (f", the oldest of {transit['oldest_at']:%Y-%m-%d}" if transit["oldest_at"] else "")
    )
    out += [
        f"A clerk has to check {one['entity_id']} of {_money(one['amount_minor'])}: {one['reason']}"
        for one in found["differences"]
    ]
    report = found["report"]
    if report is not None and report["error"]:
        out.append(f"The report of {report['day']} is not available: {report['error']}")
    return out


def _money(minor: int) -> str:
    return major_text(minor, 2)
