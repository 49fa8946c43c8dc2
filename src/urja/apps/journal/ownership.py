"""Whose an attribute is: what an outside system owns, nobody else changes here."""

from django.db import connection

from urja.base.sentences import say

_TOUCHED = """
SELECT DISTINCT x.system, x.kind, x.external_id, o.attribute
FROM registry_history h
JOIN registry_external x ON h.table_name = 'registry_' || x.kind AND x.object_id = h.row_id
    AND x.system <> %(system)s
CROSS JOIN LATERAL jsonb_array_elements_text(x.owned) o (attribute)
LEFT JOIN registry_person person ON x.kind = 'person' AND person.id = h.row_id
LEFT JOIN registry_premise premise ON x.kind = 'premise' AND premise.id = h.row_id
LEFT JOIN registry_service_point place ON x.kind = 'service_point' AND place.id = h.row_id
WHERE h.operation_id = %(operation)s AND h.row->o.attribute IS DISTINCT FROM CASE x.kind
    WHEN 'person' THEN to_jsonb(person) WHEN 'premise' THEN to_jsonb(premise) ELSE to_jsonb(place) END->o.attribute
ORDER BY 1, 2, 3, 4
"""


def owned_by_others(operation_id: int, system: str) -> list[str]:
    """What an operation has changed that an outside system other than `system` owns: a sentence for each attribute."""
    with connection.cursor() as cursor:
        cursor.execute(_TOUCHED, {"operation": operation_id, "system": system})
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
