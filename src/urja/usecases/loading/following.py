"""What ingest, the head end and the accruals must learn of a load, in its transaction."""

from datetime import datetime

from urja.apps.assets.projecting import anew
from urja.apps.readings.operations import reassess
from urja.usecases.loading.staging import STRETCH, Load

_TOUCHED = """
CREATE TEMP TABLE load_touched ON COMMIT DROP AS
SELECT place, min(since) AS since FROM (
    SELECT service_point_id AS place, valid_from AS since FROM registry_agreement WHERE operation_id = %(operation)s
    UNION ALL
    SELECT service_point_id, valid_from FROM registry_device_period WHERE operation_id = %(operation)s
) t
WHERE EXISTS (SELECT FROM readings_register r WHERE r.service_point_id = t.place)
GROUP BY place
"""
"""Connections whose energy is another's or nobody's any more, or is known for the first time. Where no meter was
ever read there is nothing to evaluate.
"""

_PROJECTED = anew("""(
    SELECT id FROM registry_device WHERE operation_id = %(operation)s
    UNION SELECT row_id FROM registry_history
        WHERE operation_id = %(operation)s AND table_name = 'registry_device'
    UNION SELECT device_id FROM registry_device_period WHERE operation_id = %(operation)s
    UNION SELECT m.device_id FROM registry_placement p JOIN registry_device_period m USING (service_point_id)
        WHERE p.operation_id = %(operation)s
) touched""")


def follow(load: Load) -> None:
    """The revision, the key-value store's entries, the accruals."""
    load.run("UPDATE registry_revision SET revision = revision + 1")
    load.run(_PROJECTED)
    load.run(_TOUCHED)
    load.run("CREATE INDEX ON load_touched (place)")
    last = -1
    while places := _next_places(load, last):
        reassess(load.cursor, places, load.recorded_at, load.zone)
        last = max(places)


def _next_places(load: Load, last: int) -> dict[int, datetime]:
    load.run(
        "SELECT place, since FROM load_touched WHERE place > %(last)s ORDER BY place LIMIT %(limit)s",
        last=last,
        limit=STRETCH,
    )
    return dict(load.cursor.fetchall())
