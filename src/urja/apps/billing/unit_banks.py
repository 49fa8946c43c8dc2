"""The ledger of units beside money: what net metering has banked, by agreement, bank and billing period.

A row has all of a period so far: opening + exported = used + settled + closing. It is only added, as the next version of
the row before it; the difference to that one is what a posting has moved. A bank opens with the closing of the newest
version of the period before.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Self

from django.db import connection

from urja.base.untyped_values import SqlRow
from urja.core.calendar import ONE_DAY
from urja.core.rating.inputs_and_results import BankRow, RatedPeriod


@dataclass(frozen=True, slots=True)
class StoredUnits:
    """One version of the units of a bank in a period, in Wh."""

    agreement_id: int
    period_start: date
    version: int
    as_of: date
    """The last local day that counts."""
    row: BankRow
    ends: bool
    """Whether the agreement ended with the period's billed days."""
    determinants: tuple[int, str] | None
    """Version and SHA-256 of the determinants of the period up to `as_of`; None where it has none."""
    tariff_sha256: str
    """That of the newest version with net metering; of the newest one where the period has none any more."""
    recorded_at: datetime | None = None


_COLUMNS: Final = (
    "u.agreement_id, u.period_start, u.version, u.as_of, u.zone, u.opening_wh, u.imported_wh, u.exported_wh, u.used_wh, "
    "u.settled_wh, u.closing_wh, u.ends, u.determinants_version, u.determinants_sha256, u.tariff_sha256, u.recorded_at"
)


def _stored(row: SqlRow) -> StoredUnits:
    agreement_id, start, version, as_of, *units, ends, determinants, sha256, tariff, recorded_at = row
    named = None if determinants is None else (determinants, bytes(sha256).hex())
    return StoredUnits(agreement_id, start, version, as_of, BankRow(*units), ends, named, tariff, recorded_at)


def newest(agreement_id: int, period_start: date, as_of: date, known_at: datetime) -> dict[int, StoredUnits]:
    """Return the units of a period's banks up to the day `as_of`, as recorded by `known_at`: in Wh by the number of the bank.

    One run may close several days at the same instant, so that the instant alone does not tell their versions apart.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT DISTINCT ON (u.zone) {_COLUMNS} FROM billing_unit_bank u "  # noqa: S608 - constants
            "WHERE u.agreement_id = %s AND u.period_start = %s AND u.as_of <= %s AND u.recorded_at <= %s "
            "ORDER BY u.zone, u.version DESC",
            [agreement_id, period_start, as_of, known_at],
        )
        found = [_stored(row) for row in cursor.fetchall()]
    return {units.row.zone: units for units in found}


def of_agreement(agreement_id: int, periods: int) -> list[StoredUnits]:
    """Return the newest units of an agreement's last billing periods with a bank, the newest period first, banks in order."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT DISTINCT ON (u.period_start, u.zone) {_COLUMNS} FROM billing_unit_bank u "  # noqa: S608 - constants
            "WHERE u.agreement_id = %(id)s AND u.period_start IN (SELECT DISTINCT period_start FROM billing_unit_bank "
            "WHERE agreement_id = %(id)s ORDER BY 1 DESC LIMIT %(periods)s) "
            "ORDER BY u.period_start DESC, u.zone, u.version DESC",
            {"id": agreement_id, "periods": periods},
        )
        return [_stored(row) for row in cursor.fetchall()]


def period_ends(agreement_id: int) -> dict[date, date]:
    """Return the day after the last one of each rated billing period of an agreement, by its first day."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT period_start, period_end FROM billing_rated WHERE agreement_id = %s", [agreement_id]
        )
        return dict(cursor.fetchall())


class UnitBanks:
    """The banks of some agreements: as stored, and as a run goes on from there before it stores anything."""

    def __init__(self, stored: Iterable[StoredUnits] = ()) -> None:
        self._newest: dict[int, dict[date, dict[int, StoredUnits]]] = {}
        self._stored = tuple(stored)
        for units in self._stored:
            self._put(units)

    @classmethod
    def of(cls, agreement_ids: Sequence[int], since: date) -> Self:
        """Return the banks of agreements in the periods from `since` on and the one with that day, and what they had before."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT id FROM unnest(%s::bigint[]) AS given (id) "
                "WHERE EXISTS (SELECT FROM billing_unit_bank u WHERE u.agreement_id = given.id)",
                [list(agreement_ids)],
            )
            banked = [id_ for (id_,) in cursor.fetchall()]
            if not banked:
                return cls()
            cursor.execute(
                f"SELECT DISTINCT ON (u.agreement_id, u.zone, u.period_start) {_COLUMNS} FROM billing_unit_bank u "  # noqa: S608 - constants
                "WHERE u.agreement_id = ANY(%(ids)s) AND u.period_start >= coalesce((SELECT DISTINCT b.period_start "
                "FROM billing_unit_bank b WHERE b.agreement_id = u.agreement_id AND b.zone = u.zone "
                "AND b.period_start < %(since)s ORDER BY 1 DESC OFFSET 1 LIMIT 1), '-infinity'::date) "
                "ORDER BY u.agreement_id, u.zone, u.period_start, u.version DESC",
                {"ids": banked, "since": since},
            )
            return cls(_stored(row) for row in cursor.fetchall())

    def _put(self, units: StoredUnits) -> None:
        self._newest.setdefault(units.agreement_id, {}).setdefault(units.period_start, {})[units.row.zone] = (
            units
        )

    def take_back(self, agreement_ids: Collection[int]) -> None:
        """Let the banks of some agreements be as they are stored: what a run has added to them is not posted."""
        for id_ in agreement_ids:
            self._newest.pop(id_, None)
        for units in self._stored:
            if units.agreement_id in agreement_ids:
                self._put(units)

    def opening_wh(self, agreement_id: int, period_start: date) -> dict[int, int]:
        """Return what the banks have before a period, in Wh by their numbers: the closing of their last period before it."""
        found: dict[int, int] = {}
        for start, banks in sorted(self._newest.get(agreement_id, {}).items()):
            if start < period_start:
                found |= {zone: units.row.closing_wh for zone, units in banks.items()}
        return found

    def follows(self, agreement_id: int, period_start: date) -> bool:
        """Return whether the banks of a period open with what they had before it, as they are known now."""
        opening = self.opening_wh(agreement_id, period_start)
        banks = self._newest.get(agreement_id, {}).get(period_start, {})
        return all(units.row.opening_wh == opening.get(zone, 0) for zone, units in banks.items())

    def go_on(
        self,
        agreement_id: int,
        period_start: date,
        rated: RatedPeriod,
        *,
        ends: bool,
        determinants: tuple[int, str] | None,
    ) -> list[StoredUnits]:
        """Return the next versions of a period's units where they differ from what is stored.

        A bank that the period has no more, because other terms were recorded since, is left with its opening.
        """
        stands = self._newest.get(agreement_id, {}).get(period_start, {})
        opening = self.opening_wh(agreement_id, period_start)
        rows = {row.zone: row for row in rated.bank}
        for zone in stands.keys() - rows.keys():
            units_wh = opening.get(zone, 0)
            rows[zone] = BankRow(zone, units_wh, 0, 0, 0, 0, units_wh)
        netting = [version for version in rated.versions if version.net_metering] or rated.versions
        found = []
        for zone, row in sorted(rows.items()):
            before = stands.get(zone)
            if before and (before.row, before.ends) == (row, ends):
                continue
            units = StoredUnits(
                agreement_id,
                period_start,
                before.version + 1 if before else 1,
                rated.through - ONE_DAY,
                row,
                ends,
                determinants,
                netting[-1].sha256,
            )
            self._put(units)
            found.append(units)
        return found


def record(units: Iterable[StoredUnits], recorded_at: datetime) -> None:
    """Add units to the ledger, the oldest period first, in the transaction that posts what they have settled."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO billing_unit_bank (agreement_id, period_start, version, as_of, zone, opening_wh, imported_wh, "
            "exported_wh, used_wh, settled_wh, closing_wh, ends, determinants_version, determinants_sha256, tariff_sha256, "
            "recorded_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                (
                    each.agreement_id,
                    each.period_start,
                    each.version,
                    each.as_of,
                    each.row.zone,
                    each.row.opening_wh,
                    each.row.imported_wh,
                    each.row.exported_wh,
                    each.row.used_wh,
                    each.row.settled_wh,
                    each.row.closing_wh,
                    each.ends,
                    each.determinants and each.determinants[0],
                    each.determinants and bytes.fromhex(each.determinants[1]),
                    each.tariff_sha256,
                    recorded_at,
                )
                for each in sorted(units, key=lambda one: one.period_start)
            ],
        )
