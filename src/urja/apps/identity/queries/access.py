"""Callers with their roles and areas: the table of roles applied to employments, access to accounts and tokens.

A `Caller` is a signed-in user or a token of the API. For each act of the table of roles it has an `Area` or none.
Queries take the area as a condition; operations are judged by the objects they name. An object outside the area does
not exist for the caller: the answer is the same as for a wrong number, so that it reveals nothing.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet

from urja.apps.identity.errors import NotAllowedError
from urja.apps.identity.kinds import AccessRole
from urja.apps.identity.models import AccountAccess, Employment, Token
from urja.apps.identity.queries.roles import Role, may, roles_allowed, scope_covers
from urja.base.sentences import say


@dataclass(frozen=True, slots=True)
class Area:
    """Where a caller may act: everywhere, under administrative nodes, in premises, or on accounts of their own."""

    everywhere: bool = False
    nodes: frozenset[int] = frozenset()
    premises: frozenset[int] = frozenset()
    accounts: frozenset[int] = frozenset()
    person_id: int | None = None
    """The caller as a person; None for staff and programs."""

    def __or__(self, other: "Area") -> "Area":
        return Area(
            self.everywhere or other.everywhere,
            self.nodes | other.nodes,
            self.premises | other.premises,
            self.accounts | other.accounts,
            self.person_id or other.person_id,
        )


@dataclass(frozen=True, slots=True)
class Caller:
    """A signed-in user or a token that makes a request, with its roles and areas.

    `scopes` narrow what a token may do; None for a signed-in user, who has all rights of their roles.
    """

    user_id: int | None
    token_id: int | None = None
    grants: tuple[tuple[Role, Area], ...] = ()
    scopes: tuple[str, ...] | None = None
    person_id: int | None = None

    @property
    def roles(self) -> list[Role]:
        return sorted({role for role, _ in self.grants}, key=list(Role).index)

    @property
    def actor(self) -> str:
        """The name in audit entries and requests, such as `user 17 token 4`; `caller_of` reads it."""
        names = [("user", self.user_id), ("token", self.token_id)]
        return " ".join(f"{kind} {number}" for kind, number in names if number is not None)

    def lacks_scope(self, act: str) -> bool:
        return self.scopes is not None and not any(scope_covers(scope, act) for scope in self.scopes)

    def area(self, act: str) -> Area | None:
        """Return where the caller may do an act, or None where they may nowhere."""
        if self.lacks_scope(act):
            return None
        found = None
        for role, area in self.grants:
            if may(role, act):
                found = area if found is None else found | area
        return found

    def must(self, act: str) -> Area:
        """Return where the caller may do an act; raises NotAllowedError that says what is missing."""
        area = self.area(act)
        if area is not None:
            return area
        if self.lacks_scope(act):
            raise NotAllowedError(
                say(
                    "the scopes of this token are not sufficient: it has {scopes}, and this needs {act}; request another token",
                    scopes=_listed(self.scopes or ()),
                    act=act,
                )
            )
        able = roles_allowed(act)
        if not able:
            raise NotAllowedError(say("{act} is possible only by a command on the machine itself", act=act))
        raise NotAllowedError(
            say(
                "{act} needs one of the roles {roles}; you have {own}",
                act=act,
                roles=_listed(able),
                own=_listed(self.roles) or "no role",
            )
        )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def caller_of_user(user_id: int, at: datetime) -> Caller:
    """Return a user as a caller at an instant (UTC), by their employments and the accounts that they may see."""
    grants = [(Role(held.role), _area(held)) for held in employments(user_id, at)]
    person_id = None
    own: dict[Role, set[int]] = {}
    for access in AccountAccess.objects.filter(person__user_id=user_id):
        person_id = access.person_id
        role = Role.CONSUMER if access.role == AccessRole.OWNER else Role.MEMBER
        own.setdefault(role, set()).add(access.account_id)
    grants += [(role, Area(accounts=frozenset(ids), person_id=person_id)) for role, ids in own.items()]
    return Caller(user_id, grants=tuple(grants), person_id=person_id)


def caller_of_token(token: Token, at: datetime) -> Caller:
    """Return a token as a caller at an instant (UTC): with its owner's roles, or its own one, within its scopes."""
    scopes = tuple(token.scopes)
    if token.user_id is not None:
        return replace(caller_of_user(token.user_id, at), token_id=token.id, scopes=scopes)
    return Caller(None, token.id, ((Role(token.role or ""), _area(token)),), scopes)


def caller_of(actor: str, at: datetime) -> Caller | None:
    """Return the caller that an actor's name stands for, with their rights at an instant (UTC).

    None where the name is not one of `Caller.actor`, or the token was revoked or its owner may no longer sign in.
    """
    named = _ACTOR.fullmatch(actor)
    if named is None or not actor:
        return None
    if named["token"] is None:
        return caller_of_user(int(named["user"]), at)
    token = Token.objects.filter(id=named["token"], revoked_at=None).first()
    if token is None:
        return None
    if token.user_id is not None and not _may_sign_in(token.user_id):
        return None
    return caller_of_token(token, at)


def _may_sign_in(user_id: int) -> bool:
    return get_user_model().objects.filter(id=user_id, is_active=True).exists()


# The digits are bounded, so that no number is out of range for its key column: requests come from the web,
# which can write any text here.
_ACTOR = re.compile(r"(user (?P<user>\d{1,9}))? ?(token (?P<token>\d{1,18}))?")
"""The form of `Caller.actor`: `user 17`, `user 17 token 4`, `token 4`."""


def employments(user_id: int, at: datetime) -> QuerySet[Employment]:
    """Return a user's employments at an instant (UTC); none for a user who may not sign in."""
    return Employment.objects.filter(
        Q(valid_to=None) | Q(valid_to__gt=at), user_id=user_id, user__is_active=True, valid_from__lte=at
    ).order_by("id")


def is_employed(user_id: int, at: datetime) -> bool:
    """Return whether a user has any employment at an instant (UTC)."""
    return employments(user_id, at).exists()


def staff_addresses(at: datetime) -> list[str]:
    """Return the sign-in addresses of all staff at an instant (UTC), each once."""
    held = Employment.objects.filter(
        Q(valid_to=None) | Q(valid_to__gt=at), valid_from__lte=at, user__is_active=True
    )
    addresses = held.exclude(user__email="").order_by("user__email").values_list("user__email", flat=True)
    return list(addresses.distinct())


def _area(held: Employment | Token) -> Area:
    if held.node_id is not None:
        return Area(nodes=frozenset({held.node_id}))
    if held.premise_id is not None:
        return Area(premises=frozenset({held.premise_id}))
    return Area(everywhere=True)
