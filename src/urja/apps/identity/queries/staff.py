"""Queries on employments."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from urja.apps.identity.models import Employment, Token


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


def area_text(held: Employment | Token) -> str:
    """Return an area as commands take it: `section North-2`, `premise P1` or `everywhere`."""
    if held.node is not None:
        return str(held.node)
    if held.premise is not None:
        return f"premise {held.premise.code or held.premise_id}"
    return "everywhere"
