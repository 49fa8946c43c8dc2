"""All conservation laws at once, for the report of a demonstration and for the world test.

The laws of the tables alone are those of `urja verify`; here they are compared with the meters' truth files as well,
which Urja did not write.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from urja.base.untyped_values import JsonObject
from urja.laws import energy_ownership as registry_laws, verify
from urja.laws.connections import Connection
from urja.laws.quantity_comparison import examine_quantities
from urja.laws.truth_comparison import (
    COMMODITIES,
    NO_STEPS,
    Comparison,
    TrueEnergy,
    compare,
    midnights_between,
    stored_readings,
)
from urja.meter.truth import TruthRecord

_PUSH: Final = 1
"""`records.Source.PUSH`, as stored in the tables; written again, since a law imports no code that it judges."""


@dataclass(frozen=True, slots=True)
class Findings:
    """Figures for a report, each law with whether it holds, and the contradictions of those that do not."""

    figures: JsonObject
    laws: dict[str, bool]
    faults: tuple[str, ...]

    def with_more(self, findings: Iterable[verify.Finding], figures: JsonObject) -> "Findings":
        """Return these findings together with others."""
        found = list(findings)
        return Findings(
            {**self.figures, **figures},
            {**self.laws, **{finding.law: finding.holds for finding in found}},
            (*self.faults, *_in_words(found)),
        )


def examine(
    connection: Connection,
    records: list[TruthRecord],
    horizon: datetime,
    now: datetime,
    zone: ZoneInfo,
    steps_wh: Mapping[str, int] = NO_STEPS,
) -> Findings:
    """Compare the tables with the truth of all intervals closed by `horizon`; business time is `now`.

    `steps_wh` is as in `TrueEnergy.of`.

    Django must be configured on the same database, with a role that may post: `urja verify` runs the stage `post` in
    a transaction that it rolls back.
    """
    from django.db import connections

    # After a restart of the database, a process may hold a connection from before it.
    connections.close_all()
    comparison = compare(
        TrueEnergy.of(records, horizon, steps_wh), stored_readings(connection, horizon), zone
    )
    rated = _rated(connection)
    unassigned = registry_laws.listed(connection, horizon, zone)
    twice = _stored_twice(connection)
    checks = [
        verify.Finding(
            "drawn_is_stored_or_missing",
            "each closed interval is stored to the Wh, of gas to the litre, or listed as missing",
            comparison.faults,
        ),
        verify.Finding(
            "nothing_missing", "after the drain nothing is listed as missing", _missing(comparison)
        ),
        verify.Finding(
            "stored_is_rated",
            "rating rests on the register's advance and the blocks since, except for energy listed as unassigned",
            _rated_otherwise(comparison.stored, rated, unassigned),
        ),
        *examine_quantities(connection, records, horizon, steps_wh),
        verify.Finding("stored_once", "no push and no pulled row is stored twice", twice),
        *verify.examine(connection, now, zone.key),
    ]
    return Findings(
        figures={
            "pushes_accepted": _pushes_accepted(connection),
            "readings_stored": _count(connection, "readings_interval")
            + _count(connection, "readings_register"),
            **_amounts("energy_{}_wh", comparison, rated, unassigned, "electricity"),
            **(
                _amounts("gas_{}_l", comparison, rated, unassigned, "gas") if comparison.stored["gas"] else {}
            ),
            "intervals_missing": comparison.missing,
            "ledger_entries": _count(connection, "books_entry"),
            "ledger_sum_minor": _scalar(
                connection, "SELECT coalesce(sum(balance_minor), 0)::bigint FROM books_account"
            ),
        },
        laws={check.law: check.holds for check in checks},
        faults=_in_words(checks),
    )


def _in_words(findings: Iterable[verify.Finding]) -> tuple[str, ...]:
    return tuple(f"{finding.law}: {words}" for finding in findings for words in finding.contradictions)


def complete(connection: Connection, horizon: datetime, zone: ZoneInfo) -> bool:
    """Return whether everything metered by `horizon` has arrived and is accrued, and its finished days are posted."""
    return not unfinished(connection, horizon, zone)


def unfinished(connection: Connection, horizon: datetime, zone: ZoneInfo) -> tuple[str, ...]:
    """Return what is not complete up to `horizon`, each as a sentence with its count."""
    midnights = [
        midnight
        for (valid_from,) in connection.execute("SELECT valid_from FROM contracts_agreement").fetchall()
        for midnight in midnights_between(valid_from, horizon, zone)
    ]
    last = max(midnights, default=None)
    day = None if last is None else last.date() - timedelta(days=1)
    awaited = [*_AWAITED, *(_AWAITED_AFTER_MIDNIGHT if midnights else ())]
    counts = [
        (_scalar(connection, query, {"horizon": horizon, "last": last, "day": day}), words)
        for words, query in awaited
    ]
    return tuple(f"{count} {words}" for count, words in counts if count)


_AWAITED: Final = (
    (
        "intervals are missing",
        # A removed meter sends nothing any more.
        (
            "SELECT count(*) FROM readings_gap g JOIN assets_device_period p USING (device_id) "
            "WHERE g.closed_at IS NULL AND p.valid_to IS NULL AND g.start_at < %(horizon)s"
        ),
    ),
    (
        "accruals are behind",
        (
            "SELECT count(*) FROM contracts_agreement a LEFT JOIN readings_accrual r "
            "ON r.agreement_id = a.id AND r.latest LEFT JOIN assets_device d ON d.id = r.device_id "
            "WHERE a.valid_from < %(horizon)s "
            "AND coalesce(r.watermark_at < least(%(horizon)s, coalesce(a.valid_to, 'infinity')), true) "
            # An interval split by the beginning of an agreement or an installation is not known to its end.
            "AND coalesce(r.watermark_at <= %(horizon)s - make_interval(secs => d.interval_s) "
            "OR r.watermark_at > r.anchor_at, true)"
        ),
    ),
    ("credits wait to be posted", "SELECT count(*) FROM books_credit_request WHERE posted_at IS NULL"),
    ("debits wait to be posted", "SELECT count(*) FROM books_debit_request WHERE posted_at IS NULL"),
    ("webhooks wait", "SELECT count(*) FROM payments_inbox WHERE processed_at IS NULL"),
    ("commands have no end", "SELECT count(*) FROM commands_command WHERE ended_at IS NULL"),
)
_AWAITED_AFTER_MIDNIGHT: Final = (
    (
        # Read, or requested: a meter without power at midnight may have no row of it.
        "meters' midnights are neither read nor asked for",
        (
            "SELECT count(*) FROM assets_device_period p LEFT JOIN readings_coverage c ON c.device_period_id = p.id "
            "WHERE p.valid_to IS NULL AND p.valid_from < %(last)s "
            "AND coalesce(c.daily_to_at, p.valid_from) < %(last)s"
        ),
    ),
    (
        "accounts' days are not closed",
        (
            "SELECT count(*) FROM contracts_agreement a LEFT JOIN billing_close c ON c.agreement_id = a.id "
            "WHERE a.valid_from < %(last)s AND CASE WHEN a.valid_to <= %(last)s "
            "THEN c.ended_at IS DISTINCT FROM a.valid_to ELSE coalesce(c.closed_through < %(day)s, true) END"
        ),
    ),
)


def _missing(comparison: Comparison) -> tuple[str, ...]:
    return (f"{comparison.missing} intervals and midnights are missing",) if comparison.missing else ()


def _amounts(
    name: str,
    comparison: Comparison,
    rated: Mapping[str, int],
    unassigned: Mapping[str, int],
    commodity: str,
) -> JsonObject:
    """Return the figures of one commodity: amounts of different commodities are never added."""
    parts = (("drawn", comparison.drawn), ("stored", comparison.stored), ("rated", rated))
    return {name.format(what): amounts[commodity] for what, amounts in (*parts, ("unassigned", unassigned))}


def _rated_otherwise(
    stored: Mapping[str, int], rated: Mapping[str, int], unassigned: Mapping[str, int]
) -> tuple[str, ...]:
    return tuple(
        f"of {commodity}, {stored[commodity]} {unit} are stored, {rated[commodity]} {unit} are rated, "
        f"{unassigned[commodity]} {unit} are listed as unassigned"
        for commodity, unit in COMMODITIES.items()
        if stored[commodity] != rated[commodity] + unassigned[commodity]
    )


def _rated(connection: Connection) -> dict[str, int]:
    """Return what was rated by commodity, in Wh or litres: that of each agreement and period up to the data watermark."""
    rows = connection.execute(
        "SELECT s.commodity, sum(r.billed_value)::bigint FROM readings_accrual r "
        "JOIN contracts_agreement g ON g.id = r.agreement_id "
        "JOIN network_service_point s ON s.id = g.service_point_id GROUP BY 1"
    )
    return dict.fromkeys(COMMODITIES, 0) | dict(rows.fetchall())


def _stored_twice(connection: Connection) -> tuple[str, ...]:
    """Return readings of which two versions have the same values: a push or a pulled row was stored twice.

    (The key of the table of events allows no duplicates.) A person's edit may repeat what a meter had sent.
    """
    rows = connection.execute(
        "SELECT 'interval', device_id, start_at, count(*) FROM readings_interval WHERE source IN (1, 2) "
        "GROUP BY service_point_id, device_id, series, start_at, channel_set, values HAVING count(*) > 1 "
        "UNION ALL SELECT 'register', device_id, read_at, count(*) FROM readings_register WHERE source IN (1, 2) "
        "GROUP BY service_point_id, device_id, read_at, kind, channel_set, values "
        "HAVING count(*) > 1 LIMIT 20"
    )
    return tuple(
        f"{kind} of device {device} at {at} is stored {count} times" for kind, device, at, count in rows
    )


def _pushes_accepted(connection: Connection) -> int:
    """Return the number of distinct pushes among everything stored or quarantined: one correlation each."""
    return _scalar(
        connection,
        "SELECT count(DISTINCT correlation) FROM ("
        "  SELECT correlation FROM readings_interval WHERE source = %(push)s"
        "  UNION ALL SELECT correlation FROM readings_register WHERE source = %(push)s"
        "  UNION ALL SELECT correlation FROM readings_event WHERE source = %(push)s) pushed",
        {"push": _PUSH},
    )


def _count(connection: Connection, table: str) -> int:
    return _scalar(connection, f"SELECT count(*) FROM {table}")  # noqa: S608 - table names from this module, not from input


def _scalar(connection: Connection, query: str, parameter: object = None) -> int:
    arguments = parameter if isinstance(parameter, dict) else None if parameter is None else [parameter]
    row = connection.execute(query, arguments).fetchone()
    assert row is not None
    return int(row[0])
