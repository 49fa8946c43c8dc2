"""Part of the law of evidence: a ratchet goes by each earlier period that it should."""

from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import LiteralString

from urja.core.rating import Calculation, Tariff
from urja.laws.connections import Connection
from urja.quantities.catalogue import BY_ID

# A row of the close's own hour need not be gone by: the stage `determine` may have stored it after the close had looked.
_ENDED: LiteralString = """
SELECT r.period, r.version, r.rules, s.quantities, r.calculated_at <= %(posted_at)s::timestamptz AS known,
    r.calculated_at < %(posted_at)s::timestamptz - interval '1 hour' AS due
FROM determinants_row r JOIN determinants_channel_set s ON s.hash = r.channel_set
JOIN contracts_agreement a ON a.id = r.agreement_id
WHERE r.agreement_id = %(agreement)s AND r.as_of = r.period_end - 1 AND r.period_end <= %(first)s
    AND r.period_end::timestamp AT TIME ZONE %(zone)s > (
        SELECT min(greatest(p.valid_from, p.in_service_at)) FROM assets_device_period p
        WHERE p.service_point_id = a.service_point_id AND p.role = 1
            AND p.in_service_at < coalesce(p.valid_to, 'infinity'))
ORDER BY r.period, r.version
"""


def left_out(
    connection: Connection,
    agreement_id: int,
    posted_at: datetime,
    calculation: Calculation,
    tariff_of: Callable[[str], Tariff],
    zone: str,
) -> Iterator[str]:
    """Yield the maxima of earlier periods, known when a closed period was charged, that its ratchets should go by and do not.

    A period that is not over goes by none, and none is from before the service point's first smart meter.
    """
    if calculation.through < calculation.billed.end:
        return
    versions = [tariff_of(sha256) for sha256 in calculation.tariffs]
    wanted: dict[str, tuple[int, set[str]]] = {}
    for version in versions:
        for name, periods in version.ratchets.items():
            most, calendars = wanted.get(name, (0, set[str]()))
            wanted[name] = max(most, periods), calendars | {version.calendar}
    if not wanted:
        return
    given = {
        "agreement": agreement_id, "first": calculation.billed.first, "posted_at": posted_at, "zone": zone,
    }  # fmt: skip
    ended = connection.execute(_ENDED, given).fetchall()
    taken = {(past.period.first, past.name): past.row_version for past in calculation.past_demands}
    for name, (periods, calendars) in sorted(wanted.items()):
        known, due = dict[date, bool](), dict[date, int]()
        for first, version, rules, quantities, was_known, is_due in ended:
            has = any(BY_ID[number].name == name for number in quantities) and (
                "_z" not in name or any(f"; calendar {code} " in rules for code in calendars)
            )
            if was_known or version <= taken.get((first, name), 0):
                known[first] = has
            if is_due:
                due[first] = version if has else 0
        for first in [first for first, has in known.items() if has][-periods:]:
            if taken.get((first, name), 0) < due.get(first, 0):
                yield f"has a ratchet that should go by {name} of {first}, version {due[first]}, and does not"
