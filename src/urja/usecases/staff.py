"""Roles of staff. Only commands on the machine itself give them: a web server cannot give a role."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet

from urja.apps.identity.kinds import StaffRole
from urja.apps.identity.models import Employment
from urja.apps.identity.queries.identities import user_of
from urja.apps.journal.operation import Execution, UseCase, next_number
from urja.apps.network.kinds import LEVELS, PremiseKind, Tree
from urja.apps.network.models import Node, Premise
from urja.base.sentences import say
from urja.base.untyped_values import JsonObject
from urja.usecases.kinds import staff
from urja.usecases.operation_execution import perform
from urja.usecases.people import identity_faults

_LEVELS = tuple(level.value for level in LEVELS[Tree.ADMINISTRATION])


class Employ(staff.Employ, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:
        yield from identity_faults(self.email, self.name, known=user_of(self.email) is not None)
        yield from staff_role_faults(self.role, self.area)
        if employments_of(self.email, self.role, self.area, execution.recorded_at).exists():
            yield say("{email} has the role {role} there already", email=self.email, role=self.role)

    def carry_out(self, execution: Execution) -> None:
        user = user_of(self.email) or _make_user(self, execution)
        employment = Employment.objects.create(
            id=next_number(),
            user=user,
            role=self.role,
            valid_from=execution.recorded_at,
            **resolve_area(self.area).columns,
            **execution.stamp,
        )
        execution.outcome |= {"employment_id": employment.id, "user_id": user.pk}


class Dismiss(staff.Dismiss, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:
        yield from staff_role_faults(self.role, self.area)
        if not employments_of(self.email, self.role, self.area, execution.recorded_at).exists():
            yield say(
                "{email} does not have the role {role} {area}",
                email=self.email,
                role=self.role,
                area=self.area or "everywhere",
            )

    def carry_out(self, execution: Execution) -> None:
        for employment in employments_of(self.email, self.role, self.area, execution.recorded_at):
            execution.change(employment, valid_to=execution.recorded_at)
            execution.outcome["employment_id"] = employment.id


def employ(email: str, name: str, role: str, area: str = "", *, recorded_at: datetime, actor: str) -> User:
    """Return the user with the role, given as by `Employ` where it is missing. Raises RefusedError."""
    with transaction.atomic():
        if not employments_of(email, role, area, recorded_at).exists():
            perform(
                Employ(email=email, name=name, role=role, area=area), recorded_at=recorded_at, actor=actor
            )
        user = user_of(email)
        assert user is not None, "employed before or just now"
        return user


def dismiss(email: str, role: str, area: str = "", *, recorded_at: datetime, actor: str) -> None:
    """End a role as `Dismiss` does. Raises RefusedError where the person does not have it."""
    perform(Dismiss(email=email, role=role, area=area), recorded_at=recorded_at, actor=actor)


@dataclass(frozen=True, slots=True)
class NamedArea:
    """The node or premise of an area, or the fault of its name."""

    node: Node | None = None
    premise: Premise | None = None
    fault: str = ""

    @property
    def columns(self) -> JsonObject:
        return {"node": self.node, "premise": self.premise}


def resolve_area(words: str) -> NamedArea:
    """Return the node or premise of an area's name, such as `section North-2`; a fault where there is none."""
    if not words:
        return NamedArea()
    kind, _, code = words.strip().partition(" ")
    if kind == "premise":
        premise = Premise.objects.filter(Q(code=code) | _of_number(code)).first()
        return NamedArea(
            premise=premise, fault="" if premise else say("there is no premise {code}", code=repr(code))
        )
    if kind == "society":
        named = Premise.objects.filter(Q(name__iexact=code) | Q(code=code), kind=PremiseKind.SOCIETY)
        found = list(named.order_by("id")[:2])
        if len(found) > 1:
            return NamedArea(
                fault=say(
                    "two societies are called {name}: give the area as premise and code", name=repr(code)
                )
            )
        return NamedArea(
            premise=found[0] if found else None,
            fault="" if found else say("there is no society {name}", name=repr(code)),
        )
    if kind in _LEVELS:
        node = Node.objects.filter(tree=Tree.ADMINISTRATION, level=kind, code=code).first()
        return NamedArea(
            node=node, fault="" if node else say("there is no {level} {code}", level=kind, code=repr(code))
        )
    return NamedArea(
        fault=say(
            "an area is a level ({levels}) or premise, and a code, not {words}",
            levels=", ".join(_LEVELS),
            words=repr(words),
        )
    )


def _of_number(code: str) -> Q:
    # A number of 19 digits or more may exceed bigint, which the database answers with an error.
    return Q(id=int(code)) if code.isdecimal() and len(code) < 19 else Q(pk__in=[])


def staff_role_faults(role: str, area: str) -> Iterator[str]:
    """Yield what is wrong with a role in an area."""
    if role not in StaffRole.values:
        yield say("a role is {choices}, not {role}", choices=", ".join(StaffRole.values), role=repr(role))
    found = resolve_area(area)
    if found.fault:
        yield found.fault
    elif role == StaffRole.SECRETARY and found.premise is None:
        yield say("a secretary belongs to a society: give its premise as the area")


def employments_of(email: str, role: str, area: str, at: datetime) -> QuerySet[Employment]:
    """Return the employments of a person in a role and an area that are or will be in force after an instant (UTC)."""
    return Employment.objects.filter(
        Q(valid_to=None) | Q(valid_to__gt=at),
        user__email__iexact=email.strip(),
        role=role,
        **resolve_area(area).columns,
    )


def _make_user(asked: Employ, execution: Execution) -> User:
    email = asked.email.strip().lower()
    user = get_user_model()(
        username=email, email=email, first_name=asked.name[:150], date_joined=execution.recorded_at
    )
    # People sign in by a code; there is no password to guess.
    user.set_unusable_password()
    user.save()
    return user
