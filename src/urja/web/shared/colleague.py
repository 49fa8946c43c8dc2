"""Whether a signed-in person works here, and as what."""

from dataclasses import replace
from typing import Final

from django.contrib.auth.models import AnonymousUser, User

from urja.apps.identity.queries.access import Caller, caller_of_user
from urja.apps.identity.queries.roles import Role
from urja.web.shared.clock import business_now

AT_HOME: Final = frozenset({Role.CONSUMER, Role.MEMBER})
"""Roles that have pages of their own, elsewhere."""


def colleague(user: User | AnonymousUser) -> Caller | None:
    """Return a user as a member of staff; None where they have no role."""
    if user.pk is None:
        return None
    caller = caller_of_user(user.pk, business_now())
    grants = tuple((role, area) for role, area in caller.grants if role not in AT_HOME)
    return replace(caller, grants=grants) if grants else None


def employed(user: User | AnonymousUser) -> bool:
    """Whether a signed-in person works here."""
    return colleague(user) is not None
