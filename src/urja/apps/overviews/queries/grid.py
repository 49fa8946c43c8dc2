"""The grid side of the registry: which meter is installed behind which transformer, and who pays for it."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection


@dataclass(frozen=True, slots=True)
class Supply:
    """An installed meter with its place in the grid.

    Without an agreement (`account_id` is None) it is a transformer's own meter, or that of a vacant premise.
    """

    serial: str
    device_id: int
    service_point_id: int
    consumer_number: str
    premise: str
    transformer: str
    """Code of the transformer; empty where it is not known."""
    feeder: str
    account_id: int | None
    email: str
    """E-mail address of the first person with access to the account; empty without one."""
    load_switch: bool
    commodity: str


_SUPPLIES = """
SELECT d.serial, d.id, s.id, s.consumer_number, p.name, coalesce(t.transformer, ''), coalesce(t.feeder, ''), g.account_id,
    coalesce((SELECT u.email FROM identity.account_access x JOIN people.person u ON u.id = x.person_id
        WHERE x.account_id = g.account_id ORDER BY x.recorded_at, x.id LIMIT 1), ''), d.load_switch,
    s.commodity
FROM assets.device_period m
JOIN assets.device d ON d.id = m.device_id
JOIN network.service_point s ON s.id = m.service_point_id
JOIN network.premise p ON p.id = s.premise_id
LEFT JOIN network.fed_by t ON t.service_point_id = s.id
LEFT JOIN contracts.agreement g ON g.service_point_id = s.id
    AND g.valid_from <= %(at)s AND coalesce(g.valid_to, 'infinity') > %(at)s
WHERE m.valid_from <= %(at)s AND coalesce(m.valid_to, 'infinity') > %(at)s
    AND (%(serial)s::text IS NULL OR d.serial = %(serial)s::text)
ORDER BY t.feeder NULLS LAST, t.transformer NULLS LAST, d.serial
"""


def supplies(at: datetime, serial: str | None = None) -> list[Supply]:
    """Return the meters installed at a UTC instant, by feeder, transformer and serial; with `serial` only that one."""
    with connection.cursor() as cursor:
        cursor.execute(_SUPPLIES, {"at": at, "serial": serial})
        return [Supply(*row) for row in cursor.fetchall()]
