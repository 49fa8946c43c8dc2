"""Who asks, what they may, and where: the table of roles meets employments, accounts and keys.

A `Caller` is somebody signed in or a key to the API, with what they are and where. For each act of the table it has
an `Area` or none; queries take the area as a condition, operations are judged by the things they name. What lies
outside of the area does not exist for the caller: they are told the same as of a thing that is not there.
"""

# ruff: noqa: S611  (statements are constants of this module; values travel as parameters)

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import msgspec
from django.contrib.auth import get_user_model
from django.contrib.postgres.fields import ArrayField
from django.db import connection
from django.db.models import (
    BigIntegerField,
    BooleanField,
    DateTimeField,
    Exists,
    F,
    Func,
    OuterRef,
    Q,
    QuerySet,
    Value,
)
from django.db.models.expressions import RawSQL

from urja.apps.meter_jobs.models import Task
from urja.apps.meter_jobs.targets import node_named, places_under
from urja.apps.registry.errors import RegistryError
from urja.apps.registry.models import (
    AccessRole,
    AccountAccess,
    Agreement,
    AuditEntry,
    Device,
    DevicePeriod,
    Employment,
    Node,
    Person,
    PersonalRead,
    Premise,
    ServicePoint,
    Token,
    Tree,
)
from urja.apps.registry.operations.doing import Operation, next_number
from urja.apps.registry.roles import Role, may, scope_covers, who_may, writing
from urja.apps.work.models import WorkOrder
from urja.base.sentences import Sentence, say


class NotAllowed(RegistryError):  # noqa: N818 - as `urja.apps.registry.errors`
    """No role of the caller may do that, or the key's scopes do not reach so far; `says` says which."""

    def __init__(self, says: Sentence) -> None:
        super().__init__(says)
        self.says = says


class OutOfArea(RegistryError):  # noqa: N818
    """The thing is not where the caller may: to them it does not exist."""


@dataclass(frozen=True, slots=True)
class Area:
    """Where somebody may: everywhere, under nodes of the administration, in premises, or on accounts of their own."""

    everywhere: bool = False
    nodes: frozenset[int] = frozenset()
    premises: frozenset[int] = frozenset()
    accounts: frozenset[int] = frozenset()
    person_id: int | None = None
    """Themselves."""

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
    """Somebody who asks. `scopes` narrow what a key may; somebody who is signed in has none to be narrowed by."""

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
        """As audit and requests name them; `caller_of` reads it again."""
        names = [("user", self.user_id), ("token", self.token_id)]
        return " ".join(f"{kind} {number}" for kind, number in names if number is not None)

    def lacks_scope(self, act: str) -> bool:
        return self.scopes is not None and not any(scope_covers(scope, act) for scope in self.scopes)

    def area(self, act: str) -> Area | None:
        """Where they may; None where they may nowhere."""
        if self.lacks_scope(act):
            return None
        found = None
        for role, area in self.grants:
            if may(role, act):
                found = area if found is None else found | area
        return found

    def must(self, act: str) -> Area:
        """Where they may; raises NotAllowed, which says what is missing."""
        area = self.area(act)
        if area is not None:
            return area
        if self.lacks_scope(act):
            raise NotAllowed(
                say(
                    "the key does not reach so far: it has {scopes}, and this takes {act}; ask for another one",
                    scopes=_listed(self.scopes or ()),
                    act=act,
                )
            )
        able = who_may(act)
        if not able:
            raise NotAllowed(
                say("{act} is done by a command on the machine itself, by nobody from here", act=act)
            )
        raise NotAllowed(
            say(
                "{act} is for {roles}; you are here as {own}",
                act=act,
                roles=_listed(able),
                own=_listed(self.roles) or "nobody",
            )
        )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


# -- who somebody is -----------------------------------------------------------------------------------------


def caller_of_user(user_id: int, at: datetime) -> Caller:
    """Somebody by what they are at an instant: their employments, and the accounts of their own."""
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
    """A key by what it is: its owner, or the role that it was given, within its scopes."""
    scopes = tuple(token.scopes)
    if token.user_id is not None:
        return replace(caller_of_user(token.user_id, at), token_id=token.id, scopes=scopes)
    return Caller(None, token.id, ((Role(token.role or ""), _area(token)),), scopes)


def caller_of(actor: str, at: datetime) -> Caller | None:
    """Whoever a request names, as they are at an instant; None where they are nobody any more."""
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


_ACTOR = re.compile(r"(user (?P<user>\d{1,9}))? ?(token (?P<token>\d{1,18}))?")
"""What `Caller.actor` gives: `user 17`, `user 17 token 4`, `token 4`."""


def employments(user_id: int, at: datetime) -> QuerySet[Employment]:
    """What somebody is employed as at an instant; nobody who may not sign in is employed."""
    return Employment.objects.filter(
        Q(valid_to=None) | Q(valid_to__gt=at), user_id=user_id, user__is_active=True, valid_from__lte=at
    ).order_by("id")


def _area(held: Employment | Token) -> Area:
    if held.node_id is not None:
        return Area(nodes=frozenset({held.node_id}))
    if held.premise_id is not None:
        return Area(premises=frozenset({held.premise_id}))
    return Area(everywhere=True)


# -- where things are ----------------------------------------------------------------------------------------

_NODES = """
WITH RECURSIVE node AS (
    SELECT unnest(%s::bigint[]) AS id
    UNION
    SELECT p.node_id FROM registry_node_period p JOIN node ON node.id = p.parent_id
    WHERE p.valid_from <= %s AND coalesce(p.valid_to, 'infinity') > %s
) SELECT id FROM node
"""
_PREMISES = """
WITH RECURSIVE premise AS (
    SELECT unnest(%s::bigint[]) AS id
    UNION
    SELECT m.id FROM registry_premise m JOIN premise ON premise.id = m.parent_id
) SELECT id FROM premise
"""
_DEVICES_OF_ACCOUNTS = """
SELECT p.device_id FROM registry_device_period p JOIN registry_agreement a ON a.service_point_id = p.service_point_id
WHERE a.account_id = ANY(%s)
    AND p.valid_from < coalesce(a.valid_to, 'infinity') AND a.valid_from < coalesce(p.valid_to, 'infinity')
"""


type Few = list[int] | None
"""All service points of a small area, or none where it is not known to be small."""


def premises(area: Area, path: str = "id") -> Q:
    """The premises of an area, with their parts."""
    if area.everywhere:
        return Q()
    return Q(**{f"{path}__in": RawSQL(_PREMISES, [list(area.premises)])})


def places(area: Area, at: datetime, path: str = "id", few: Few = None) -> Q:
    """Service points in an area at an instant; those of one's own accounts whenever that was."""
    if area.everywhere:
        return Q()
    found = Q(pk__in=[])
    if area.nodes or area.premises:
        found |= _staffed(area, at, path, few)
    if area.accounts:
        own = Agreement.objects.filter(account_id__in=area.accounts).values("service_point_id")
        found |= Q(**{f"{path}__in": own})
    return found


_FEW: Final = 5_000


def few_places(area: Area, at: datetime) -> Few:
    """The service points of an area of staff, where there are few of them.

    A list of many rows is then read by their numbers; of a large area row by row, as each is near to one in it.
    """
    if area.everywhere or not (area.nodes or area.premises):
        return None
    found = _first(area, at, _FEW + 1)
    return found if len(found) <= _FEW else None


def all_places(area: Area, at: datetime) -> list[int] | None:
    """All service points of an area of staff; None for everywhere."""
    if area.everywhere:
        return None
    return sorted(set(_first(area, at, None)))


def _first(area: Area, at: datetime, limit: int | None) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(_FIRST, [list(area.nodes), at, at, list(area.premises), at, at, limit])
        return [id_ for (id_,) in cursor.fetchall()]


_FIRST = f"""
WITH under AS ({_NODES}), within AS ({_PREMISES})
SELECT service_point_id FROM registry_placement
WHERE tree = 'administration' AND node_id IN (TABLE under) AND valid_from <= %s AND coalesce(valid_to, 'infinity') > %s
UNION ALL SELECT id FROM registry_service_point WHERE premise_id IN (TABLE within)
LIMIT %s
"""  # noqa: S608


def _staffed(area: Area, at: datetime, path: str, few: Few = None) -> Q:
    """Service points under nodes and in premises: by their numbers, or each by where it hangs."""
    return Q(**{f"{path}__in": few}) if few is not None else _each(area, at, path, "registry_in_area")


def _each(area: Area, at: datetime, path: str, function: str) -> Q:
    """What a function of the database says of each row: up the trees from there."""
    keys = [Value(sorted(ids), ArrayField(BigIntegerField())) for ids in (area.nodes, area.premises)]
    instant = Value(at, DateTimeField())
    return Q(Func(F(path), *keys, instant, function=function, output_field=BooleanField()))


@dataclass(frozen=True, slots=True)
class Reach:
    """An area of the staff's spelt out at an instant, for questions about a few things of many."""

    everywhere: bool
    at: datetime
    nodes: list[int]
    premises: list[int]

    @classmethod
    def of(cls, area: Area, at: datetime) -> "Reach":
        with connection.cursor() as cursor:
            cursor.execute(_NODES, [list(area.nodes), at, at])
            nodes = [id_ for (id_,) in cursor.fetchall()]
            cursor.execute(_PREMISES, [list(area.premises)])
            return cls(area.everywhere, at, nodes, [id_ for (id_,) in cursor.fetchall()])

    def within(self, service_point_ids: Iterable[int]) -> set[int]:
        """Which of these service points are in it."""
        ids = set(service_point_ids)
        if self.everywhere:
            return ids
        with connection.cursor() as cursor:
            cursor.execute(
                _WITHIN,
                {"ids": list(ids), "at": self.at, "nodes": self.nodes, "premises": self.premises},
            )
            return {id_ for (id_,) in cursor.fetchall()}


_WITHIN = """
SELECT service_point_id FROM registry_placement
WHERE service_point_id = ANY(%(ids)s) AND tree = 'administration' AND node_id = ANY(%(nodes)s)
    AND valid_from <= %(at)s AND coalesce(valid_to, 'infinity') > %(at)s
UNION SELECT id FROM registry_service_point WHERE id = ANY(%(ids)s) AND premise_id = ANY(%(premises)s)
"""


def agreements(area: Area, at: datetime, few: Few = None) -> Q:
    """Agreements at the places of an area; of one's own accounts alone, and not those of who lived there before."""
    if area.everywhere:
        return Q()
    found = Q(account_id__in=area.accounts)
    if area.nodes or area.premises:
        found |= _staffed(area, at, "service_point_id", few)
    return found


def people(area: Area, at: datetime, few: Few = None) -> Q:
    """Who has or had a supply in an area; of one's own accounts only oneself."""
    if area.everywhere:
        return Q()
    found = Q(id=area.person_id)
    if few is not None:
        there = Agreement.objects.filter(service_point_id__in=few)
        seen = AccountAccess.objects.filter(account_id__in=there.values("account_id"))
        found |= Q(id__in=there.exclude(customer=None).values("customer_id"))
        found |= Q(id__in=seen.values("person_id"))
    elif area.nodes or area.premises:
        found |= _each(area, at, "id", "registry_person_in_area")
    return found


def devices(area: Area, at: datetime, few: Few = None) -> Q:
    """Devices that hang in an area; of one's own accounts those that have measured for them."""
    if area.everywhere:
        return Q()
    found = Q(pk__in=[])
    if area.nodes or area.premises:
        hanging = DevicePeriod.objects.filter(_staffed(area, at, "service_point_id", few), valid_to=None)
        if few is None:
            found |= Q(Exists(hanging.filter(device_id=OuterRef("id"))))
        else:
            found |= Q(id__in=hanging.values("device_id"))
    if area.accounts:
        found |= Q(id__in=RawSQL(_DEVICES_OF_ACCOUNTS, [list(area.accounts)]))
    return found


# -- judging an operation ------------------------------------------------------------------------------------


def judge(caller: Caller, operation: Operation, at: datetime) -> None:
    """Raise NotAllowed where no role of the caller may do it, OutOfArea where the things it names are elsewhere.

    Who is limited to an area must name something in it and nothing outside; what hangs nowhere, such as a meter in
    stock, is neither. An operation that names no thing there is, is for who may everywhere.
    """
    area = caller.must(writing(operation.kind()))
    if area.everywhere:
        return
    inside = [said for said in _where(operation, area, at) if said is not None]
    if not inside or not all(inside):
        raise OutOfArea


def fault_of_actor(actor: str, operation: Operation, at: datetime) -> str | None:
    """What stands against somebody's request, as `judge` says it, by what they are at an instant."""
    caller = caller_of(actor, at)
    if caller is None:
        return say("{actor} is nobody here, or nobody any more", actor=actor or "whoever asked")
    try:
        judge(caller, operation, at)
    except NotAllowed as error:
        return error.says
    except OutOfArea:
        return say("what it names is outside of the area of whoever asked")
    return None


type _Where = Callable[[Any, Area, datetime], bool | None]
"""Whether the thing of a natural key is in an area; None where it is nowhere."""


def _where(operation: Operation, area: Area, at: datetime) -> Iterator[bool | None]:
    for name in operation.__struct_fields__:
        value = getattr(operation, name)
        if name in LISTS and value:
            yield LISTS[name](value, area, at)
        elif name in NAMES and value not in (None, "", msgspec.UNSET):
            for key in value if isinstance(value, list | tuple) else (value,):
                yield NAMES[name](key, area, at)


def _connection(number: str, area: Area, at: datetime) -> bool | None:
    return _is_in(ServicePoint.objects.filter(consumer_number=number), places(area, at))


def _device(serial: str, area: Area, at: datetime) -> bool | None:
    hanging = DevicePeriod.objects.filter(valid_to=None).values("device_id")
    return _is_in(Device.objects.filter(serial=serial, id__in=hanging), devices(area, at))


def _person(person_id: int, area: Area, at: datetime) -> bool | None:
    """Who has no supply anywhere is nowhere."""
    known = Person.objects.filter(Q(agreements__isnull=False) | Q(accesses__isnull=False), id=person_id)
    return _is_in(known, people(area, at))


def _account(account_id: int, area: Area, at: datetime) -> bool | None:
    return _is_in(Agreement.objects.filter(account_id=account_id), agreements(area, at))


def _premise(named: str, area: Area, at: datetime) -> bool | None:
    premise = Premise.objects.filter(code=named).first()
    return None if premise is None else holds_premise(area, premise.id, at)


def holds_premise(area: Area, premise_id: int, at: datetime) -> bool | None:
    """Whether a premise with all that is in it is in an area; None where nothing is supplied there yet."""
    if area.everywhere or Premise.objects.filter(premises(area), id=premise_id).exists():
        return True
    within = premises(Area(premises=frozenset({premise_id})), "premise_id")
    return _is_in(ServicePoint.objects.filter(within), places(area, at))


def _node(words: str, area: Area, at: datetime) -> bool | None:
    level, _, code = words.partition(" ")
    nodes = Node.objects.filter(tree=Tree.ADMINISTRATION, level=level, code=code)
    return _is_in(nodes, Q(id__in=RawSQL(_NODES, [list(area.nodes), at, at])))


def _work_order(order_id: int, area: Area, at: datetime) -> bool | None:
    return _is_in(WorkOrder.objects.filter(id=order_id), places(area, at, "service_point_id"))


def _entry(entry_id: int, area: Area, at: datetime) -> bool | None:
    return _is_in(AuditEntry.objects.filter(id=entry_id), places(area, at, "service_point_id"))


def _job(job_id: int, area: Area, at: datetime) -> bool | None:
    return _holds(
        area,
        at,
        Task.objects.filter(job_id=job_id, service_point_id__isnull=False).values_list(
            "service_point_id", flat=True
        ),
    )


def _under(words: str, area: Area, at: datetime) -> bool | None:
    """Whether all that is under a node of either tree is in an area; None where nothing is."""
    node = node_named(words)
    return None if node is None else _holds(area, at, places_under(node, at))


def _meters(names: Sequence[str], area: Area, at: datetime) -> bool | None:
    """Whether all the meters of a list are in an area; of thousands at once."""
    wanted = [name.strip() for name in names]
    hanging = DevicePeriod.objects.filter(device__serial__in=wanted, valid_to=None)
    numbered = ServicePoint.objects.filter(consumer_number__in=wanted)
    return _holds(
        area,
        at,
        [*hanging.values_list("service_point_id", flat=True), *numbered.values_list("id", flat=True)],
    )


def _holds(area: Area, at: datetime, service_point_ids: Iterable[int]) -> bool | None:
    """Whether service points are all in an area of the staff's; None where there are none."""
    ids = set(service_point_ids)
    return Reach.of(area, at).within(ids) == ids if ids else None


def _is_in(things: QuerySet[Any], condition: Q) -> bool | None:
    """None where there is no such thing, or none that hangs anywhere."""
    ids = set(things.values_list("pk", flat=True))
    return set(things.filter(condition).values_list("pk", flat=True)) == ids if ids else None


NAMES: Final[dict[str, _Where]] = {
    "consumer_number": _connection,
    "serial": _device,
    "new_serial": _device,
    "serial_a": _device,
    "serial_b": _device,
    "person": _person,
    "transfer_to": _account,
    "premise_code": _premise,
    "part_of": _premise,
    "administration": _node,
    "node": _node,
    "hangs_on": _node,
    "work_order_id": _work_order,
    "entry_id": _entry,
    "job_id": _job,
    "under": _under,
}
"""Fields of operations that name a thing which is somewhere."""

LISTS: Final[dict[str, _Where]] = {"meters": _meters}
"""Fields with thousands of such names, which are looked up together."""


# -- what was read of whom -----------------------------------------------------------------------------------


def note_reads(caller: Caller, person_ids: Iterable[int], what: str, at: datetime) -> None:
    """Write down that somebody reads personal data of others, before they are answered; their own is theirs."""
    PersonalRead.objects.bulk_create(
        PersonalRead(
            id=next_number(),
            user_id=caller.user_id,
            token_id=caller.token_id,
            person_id=person_id,
            what=what,
            read_at=at,
        )
        for person_id in sorted(set(person_ids) - {caller.person_id})
    )
