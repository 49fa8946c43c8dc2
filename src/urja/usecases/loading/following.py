"""What a load has made and changed, and what ingest, the head end and the accruals must learn of it."""

# ruff: noqa: S608  (names of tables are those of a constant)

from collections import Counter
from datetime import datetime
from typing import Final

from django.conf import settings

from urja.apps.assets.projecting import anew
from urja.apps.people.models import Person
from urja.apps.readings.operations import reassess
from urja.usecases.loading.staging import Load

_PLACES: Final = 20_000
"""Connections whose energy is evaluated at a time."""

_MADE: Final = (
    "premise", "service_point", "node", "node_period", "placement", "device", "device_period", "seal", "person",
    "agreement", "account_access", "address_change", "arrear", "deposit",
)  # fmt: skip
"""Tables of the registry whose rows bear the number of the operation that made them."""

_ASKED: Final = {
    "read": "register: new",
    "credit": "credit: new",
    "user": "user: new",
    "external": "external: new",
}

_CHANGED: Final = """
SELECT table_name, count(DISTINCT row_id) FROM registry_history
WHERE operation_id = %(id)s AND (row->>'operation_id')::bigint IS DISTINCT FROM %(id)s GROUP BY 1 ORDER BY 1
"""


def counts(load: Load, asked: Counter[str]) -> dict[str, int]:
    """How many rows of each table were made and changed; `asked` is what was asked of others."""
    found: dict[str, int] = {}
    for table in _MADE:
        load.cursor.execute(f"SELECT count(*) FROM registry_{table} WHERE operation_id = %s", [load.doing.id])
        found[f"{table}: new"] = load.cursor.fetchone()[0]
    load.cursor.execute(_CHANGED, {"id": load.doing.id})
    found |= {f"{table}: changed": count for table, count in load.cursor.fetchall()}
    users = Person.objects.filter(operation_id=load.doing.id, user__date_joined=load.doing.recorded_at)
    found |= {"account: new": found["agreement: new"], "user: new": users.count()}
    found |= {said: asked[what] for what, said in _ASKED.items()}
    return {what: count for what, count in found.items() if count}


_TOUCHED: Final = """
CREATE TEMP TABLE load_touched ON COMMIT DROP AS
SELECT place, min(since) AS since FROM (
    SELECT service_point_id AS place, valid_from AS since FROM registry_agreement WHERE operation_id = %(id)s
    UNION ALL
    SELECT service_point_id, valid_from FROM registry_device_period WHERE operation_id = %(id)s
) t
WHERE EXISTS (SELECT FROM readings_register r WHERE r.service_point_id = t.place)
GROUP BY place
"""
"""Connections whose energy is another's or nobody's any more, or is known for the first time. Where no meter was
ever read there is nothing to evaluate.
"""

_PROJECTED: Final = anew("""(
    SELECT id FROM registry_device WHERE operation_id = %(id)s
    UNION SELECT row_id FROM registry_history
        WHERE operation_id = %(id)s AND table_name = 'registry_device'
    UNION SELECT device_id FROM registry_device_period WHERE operation_id = %(id)s
    UNION SELECT m.device_id FROM registry_placement p JOIN registry_device_period m USING (service_point_id)
        WHERE p.operation_id = %(id)s
) touched""")


def follow(load: Load) -> None:
    """The revision, the key-value store's entries, the accruals."""
    which = {"id": load.doing.id}
    load.cursor.execute("UPDATE registry_revision SET revision = revision + 1")
    load.cursor.execute(_PROJECTED, which)
    load.cursor.execute(_TOUCHED, which)
    load.cursor.execute("CREATE INDEX ON load_touched (place)")
    last = -1
    while places := _next_places(load, last):
        reassess(load.cursor, places, load.doing.recorded_at, settings.URJA_TIMEZONE)
        last = max(places)


def _next_places(load: Load, last: int) -> dict[int, datetime]:
    load.cursor.execute(
        "SELECT place, since FROM load_touched WHERE place > %s ORDER BY place LIMIT %s", [last, _PLACES]
    )
    return dict(load.cursor.fetchall())
