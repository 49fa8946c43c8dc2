"""Queries on employments."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import connection
from django.db.models import Q

from urja.apps.identity.models import Employment, Token
from urja.apps.identity.queries.roles import roles_allowed


@dataclass(frozen=True, slots=True)
class Employed:
    """A staff role that a user has or had."""

    email: str
    name: str
    role: str
    area: str
    """As commands take it, such as `section North-2`."""
    valid_from: datetime
    valid_to: datetime | None


def staff_at(at: datetime | None) -> list[Employed]:
    """Return employments at an instant (UTC) or later, or (None) all that ever were, by address."""
    employed = Employment.objects.select_related("user", "node", "premise").order_by("user__email", "id")
    if at is not None:
        employed = employed.filter(Q(valid_to=None) | Q(valid_to__gt=at))
    return [
        Employed(
            email=one.user.email,
            name=one.user.first_name,
            role=one.role,
            area=area_text(one),
            valid_from=one.valid_from,
            valid_to=one.valid_to,
        )
        for one in employed
    ]


_RESPONSIBLE: Final = """
SELECT DISTINCT e.user_id FROM identity_employment e JOIN auth_user u ON u.id = e.user_id AND u.is_active
WHERE e.role = ANY(%(roles)s) AND e.valid_from <= %(at)s AND coalesce(e.valid_to, 'infinity') > %(at)s
    AND (e.node_id IS NULL AND e.premise_id IS NULL OR network_in_area(%(place)s,
        array_remove(ARRAY[e.node_id], NULL), array_remove(ARRAY[e.premise_id], NULL), %(at)s))
ORDER BY 1
"""


def responsible_staff(service_point_id: int, act: str, at: datetime) -> list[int]:
    """Return the users employed at an instant (UTC) in a role that may do an act, and in an area with a service point."""
    with connection.cursor() as cursor:
        cursor.execute(_RESPONSIBLE, {"roles": roles_allowed(act), "at": at, "place": service_point_id})
        return [user_id for (user_id,) in cursor.fetchall()]


def area_text(held: Employment | Token) -> str:
    """Return an area as commands take it: `section North-2`, `premise P1` or `everywhere`."""
    if held.node is not None:
        return str(held.node)
    if held.premise is not None:
        return f"premise {held.premise.code or held.premise_id}"
    return "everywhere"
