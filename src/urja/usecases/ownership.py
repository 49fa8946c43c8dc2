"""Ownership of attributes: what an outside system owns, no other actor changes here."""

from collections.abc import Iterable

from django.db import connection

from urja.apps.journal.models import External
from urja.apps.journal.operation import next_number
from urja.base.sentences import say

_KEPT_OF = {
    "person": "people_person",
    "premise": "network_premise",
    "service_point": "network_service_point",
}
"""Table names in the history, by kind of object that an outside system may own attributes of."""
_TOUCHED = """
SELECT DISTINCT x.system, x.kind, x.external_id, o.attribute
FROM journal.history h
JOIN journal.external x ON x.object_id = h.row_id AND x.system <> %(system)s AND h.table_name = CASE x.kind
    WHEN 'person' THEN %(person)s WHEN 'premise' THEN %(premise)s WHEN 'service_point' THEN %(service_point)s END
CROSS JOIN LATERAL jsonb_array_elements_text(x.owned) o (attribute)
LEFT JOIN people.person person ON x.kind = 'person' AND person.id = h.row_id
LEFT JOIN network.premise premise ON x.kind = 'premise' AND premise.id = h.row_id
LEFT JOIN network.service_point place ON x.kind = 'service_point' AND place.id = h.row_id
WHERE h.operation_id = %(operation)s AND h.row->o.attribute IS DISTINCT FROM CASE x.kind
    WHEN 'person' THEN to_jsonb(person) WHEN 'premise' THEN to_jsonb(premise) ELSE to_jsonb(place) END->o.attribute
ORDER BY 1, 2, 3, 4
"""


def owned_by_others(operation_id: int, system: str) -> list[str]:
    """Return a sentence for each attribute that an operation has changed and an outside system other than `system`
    owns.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TOUCHED, {"operation": operation_id, "system": system, **_KEPT_OF})
        return [
            say(
                "the {attribute} of {kind} {number} is owned by {owner}: change it there",
                attribute=attribute,
                kind=kind.replace("_", " "),
                number=number,
                owner=owner,
            )
            for owner, kind, number, attribute in cursor.fetchall()
        ]


def record_ownership(system: str, kind: str, external_id: str, object_id: int, owned: Iterable[str]) -> bool:
    """Store the number by which a system knows an object, and the columns that it owns; return whether that was new."""
    owned = sorted(owned)
    link, made = External.objects.get_or_create(
        system=system,
        kind=kind,
        external_id=external_id,
        defaults={"id": next_number(), "object_id": object_id, "owned": owned},
    )
    if not made and (link.object_id != object_id or not set(owned) <= set(link.owned)):
        link.object_id, link.owned = object_id, sorted({*link.owned, *owned})
        link.save(update_fields=["object_id", "owned"])
        return True
    return made
