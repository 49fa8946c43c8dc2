"""What a load created and changed, and what ingest, the head end and the accruals must learn of it."""

from collections import Counter
from datetime import datetime
from typing import Final

from django.conf import settings
from django.db.models import QuerySet

from urja.apps.assets.models import Device, DevicePeriod, Seal
from urja.apps.assets.projection_versions import mark_due_sql
from urja.apps.billing.models import Arrear, Deposit
from urja.apps.contracts.models import Agreement
from urja.apps.identity.models import AccountAccess, AddressChange
from urja.apps.journal import revision
from urja.apps.network.models import Node, NodePeriod, Placement, Premise, ServicePoint
from urja.apps.people.models import Person
from urja.apps.readings.operations import recompute_since
from urja.base.untyped_values import JsonObject
from urja.usecases.loading.staging import Load

_PLACES: Final = 20_000
"""Service points whose energy is evaluated at a time."""

_MADE: Final = {
    "premise": Premise,
    "service_point": ServicePoint,
    "node": Node,
    "node_period": NodePeriod,
    "placement": Placement,
    "device": Device,
    "device_period": DevicePeriod,
    "seal": Seal,
    "person": Person,
    "agreement": Agreement,
    "account_access": AccountAccess,
    "address_change": AddressChange,
    "arrear": Arrear,
    "deposit": Deposit,
}
"""Tables whose rows carry the number of the operation that created them."""

_ASKED: Final = {
    "read": "register: new",
    "credit": "credit: new",
    "user": "user: new",
    "external": "external: new",
}

_CHANGED: Final = """
SELECT table_name, count(DISTINCT row_id) FROM journal.history
WHERE operation_id = %(id)s AND (row->>'operation_id')::bigint IS DISTINCT FROM %(id)s GROUP BY 1 ORDER BY 1
"""


def count_rows(load: Load, asked: Counter[str]) -> dict[str, int]:
    """Return how many rows of each table were created and changed; `asked` counts requests to other apps."""
    found: dict[str, int] = {}
    for name, model in _MADE.items():
        found[f"{name}: new"] = QuerySet(model).filter(operation_id=load.execution.id).count()
    load.cursor.execute(_CHANGED, {"id": load.execution.id})
    found |= {f"{table.partition('_')[2]}: changed": count for table, count in load.cursor.fetchall()}
    users = Person.objects.filter(
        operation_id=load.execution.id, user__date_joined=load.execution.recorded_at
    )
    found |= {"account: new": found["agreement: new"], "user: new": users.count()}
    found |= {said: asked[what] for what, said in _ASKED.items()}
    return {what: count for what, count in found.items() if count}


_TOUCHED: Final = """
CREATE TEMP TABLE load_touched ON COMMIT DROP AS
SELECT place, min(since) AS since FROM (
    SELECT service_point_id AS place, valid_from AS since FROM contracts.agreement WHERE operation_id = %(id)s
    UNION ALL
    SELECT service_point_id, valid_from FROM assets.device_period WHERE operation_id = %(id)s
) t
WHERE EXISTS (SELECT FROM readings.register r WHERE r.service_point_id = t.place)
GROUP BY place
"""
"""Service points whose energy is another agreement's or no agreement's now, or is known for the first time. Without
any read there is nothing to evaluate.
"""

_PROJECTED: Final = mark_due_sql("""(
    SELECT id FROM assets.device_for_pipeline WHERE operation_id = %(id)s
    UNION SELECT row_id FROM journal.history
        WHERE operation_id = %(id)s AND table_name = %(device)s
    UNION SELECT device_id FROM assets.device_period WHERE operation_id = %(id)s
    UNION SELECT m.device_id FROM network.placement p JOIN assets.device_period m USING (service_point_id)
        WHERE p.operation_id = %(id)s
) touched""")


def apply_follow_up(load: Load) -> None:
    """Advance the registry's revision, project devices again to the key-value store, and evaluate accruals again."""
    which: JsonObject = {"id": load.execution.id, "device": "assets_device"}
    revision.advance(load.cursor)
    load.cursor.execute(_PROJECTED, which)
    load.cursor.execute(_TOUCHED, which)
    load.cursor.execute("CREATE INDEX ON load_touched (place)")
    last = -1
    while places := _next_places(load, last):
        recompute_since(load.cursor, places, load.execution.recorded_at, settings.URJA_TIMEZONE)
        last = max(places)


def _next_places(load: Load, last: int) -> dict[int, datetime]:
    load.cursor.execute(
        "SELECT place, since FROM load_touched WHERE place > %s ORDER BY place LIMIT %s", [last, _PLACES]
    )
    return dict(load.cursor.fetchall())
