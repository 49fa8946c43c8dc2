"""The reading side of the API: each function answers one route, in the area of whoever asks.

What is personal is written down (`note_reads`) before it is answered.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any

from django.db.models import Prefetch, Q, QuerySet
from msgspec import Meta

from urja.apps.assets.kinds import DeviceRole, Stock
from urja.apps.assets.models import Device, DevicePeriod
from urja.apps.contracts.models import Agreement
from urja.apps.contracts.queries import with_terms
from urja.apps.identity.models import AccountAccess, PersonalRead
from urja.apps.identity.queries.access import Area
from urja.apps.identity.queries.roles import TABLE, who_may, writing
from urja.apps.identity.requests import note_reads
from urja.apps.journal import queries as journal
from urja.apps.journal.queries import Done
from urja.apps.network.models import Placement, Premise, ServicePoint
from urja.apps.overviews.queries import areas, known
from urja.apps.people.models import Consent, Person, Protection
from urja.apps.rulebook.models import TariffVersion
from urja.apps.work.models import WorkOrder
from urja.usecases import kinds
from urja.web.api import answers
from urja.web.api.lists import Number, last_seen, local, moment_of, one, page, page_of, refused
from urja.web.api.routes import Ask, ListQuery


def _few(ask: Ask) -> areas.Few:
    return areas.few_places(ask.area, ask.now)


# -- people ----------------------------------------------------------------------------------------------------


class ConsumersQuery(ListQuery, frozen=True, kw_only=True):
    email: str | None = None
    phone: Annotated[str | None, Meta(description="with its digits alone")] = None
    service_point: Annotated[Number | None, Meta(description="whoever has or had this service point")] = None


def consumers(ask: Ask) -> answers.Page[answers.Consumer]:
    query: ConsumersQuery = ask.query
    rows = _people().filter(areas.people(ask.area, ask.now, _few(ask)))
    if query.email is not None:
        rows = rows.filter(email__iexact=query.email)
    if query.phone is not None:
        rows = rows.filter(phone=query.phone)
    if query.service_point is not None:
        there = Agreement.objects.filter(service_point_id=query.service_point)
        rows = rows.filter(
            Q(id__in=there.exclude(customer=None).values("customer_id"))
            | Q(accesses__account_id__in=there.values("account_id"))
        ).distinct()

    def shape(found: list[Person]) -> list[answers.Consumer]:
        note_reads(ask.caller, [person.id for person in found], ask.what, ask.now)
        return [consumer_of(person) for person in found]

    return page(ask, rows, shape)


def consumer(ask: Ask) -> answers.Consumer:
    person = person_of(ask)
    note_reads(ask.caller, [person.id], ask.what, ask.now)
    return consumer_of(person)


def person_of(ask: Ask) -> Person:
    """The person of a route, in the caller's area."""
    rows = _people().filter(id=ask.parts["id"])
    return one(ask, rows, areas.people(ask.area, ask.now), f"consumer {ask.parts['id']}")


def _people() -> QuerySet[Person]:
    return Person.objects.prefetch_related(
        Prefetch("consents", Consent.objects.order_by("id")),
        Prefetch("protections", Protection.objects.order_by("id")),
        Prefetch("accesses", AccountAccess.objects.order_by("id")),
    )


def consumer_of(person: Person) -> answers.Consumer:
    return answers.Consumer(
        id=person.id,
        name=person.name,
        email=person.email,
        phone=person.phone,
        language=person.language,
        address=person.address,
        anonymised_at=local(person.nameless_at),
        consents=[
            answers.Consent(
                purpose=one.purpose, given_at=local(one.given_at), withdrawn_at=local(one.withdrawn_at)
            )
            for one in person.consents.all()
        ],
        protections=[
            answers.Protection(kind=one.kind, valid_from=local(one.valid_from), valid_to=local(one.valid_to))
            for one in person.protections.all()
        ],
        accounts=[
            answers.ConsumerAccount(account_id=one.account_id, role=one.role) for one in person.accesses.all()
        ],
    )


# -- places and devices ----------------------------------------------------------------------------------------


class ServicePointsQuery(ListQuery, frozen=True, kw_only=True):
    consumer_number: str | None = None
    purpose: str | None = None
    premise: Annotated[Number | None, Meta(description="of this premise and its parts")] = None


def service_points(ask: Ask) -> answers.Page[answers.ServicePoint]:
    query: ServicePointsQuery = ask.query
    rows = _places().filter(areas.places(ask.area, ask.now, few=_few(ask)))
    if query.consumer_number is not None:
        rows = rows.filter(consumer_number=query.consumer_number)
    if query.purpose is not None:
        rows = rows.filter(purpose=query.purpose)
    if query.premise is not None:
        rows = rows.filter(areas.premises(Area(premises=frozenset({query.premise})), "premise_id"))
    return page(ask, rows, lambda found: [service_point_of(place, place.hangs_at) for place in found])


def service_point(ask: Ask) -> answers.ServicePoint:
    named = f"service point {ask.parts['id']}"
    found = one(ask, _places().filter(id=ask.parts["id"]), areas.places(ask.area, ask.now), named)
    at = moment_of(ask)
    if at is None:
        return service_point_of(found, found.hangs_at)
    then = known.place(found.id, at)
    if then is None:
        raise ask.missing(f"{named} by what was known then")
    return service_point_of(then.service_point, then.placements)


def _places() -> QuerySet[ServicePoint]:
    hanging = Placement.objects.filter(valid_to=None).select_related("node").order_by("tree")
    return ServicePoint.objects.select_related("premise").prefetch_related(
        Prefetch("placements", hanging, to_attr="hangs_at")
    )


def service_point_of(place: ServicePoint, placements: Iterable[Placement]) -> answers.ServicePoint:
    return answers.ServicePoint(
        id=place.id,
        consumer_number=place.consumer_number,
        commodity=place.commodity,
        purpose=place.purpose,
        disconnected_at=local(place.disconnected_at),
        premise=premise_of(place.premise),
        placements=[
            answers.Placement(
                tree=one.tree,
                level=one.node.level,
                code=one.node.code,
                phase=one.phase,
                valid_from=local(one.valid_from),
            )
            for one in placements
        ],
    )


def premise_of(premise: Premise) -> answers.Premise:
    return answers.Premise(
        id=premise.id,
        code=premise.code,
        kind=premise.kind,
        name=premise.name,
        address=premise.address,
        pin_code=premise.pin_code,
        latitude=None if premise.latitude is None else float(premise.latitude),
        longitude=None if premise.longitude is None else float(premise.longitude),
        part_of=premise.parent_id,
    )


class DevicesQuery(ListQuery, frozen=True, kw_only=True):
    serial: str | None = None
    service_point: Annotated[Number | None, Meta(description="that hang at this service point now")] = None


class StockQuery(ListQuery, frozen=True, kw_only=True):
    serial: str | None = None
    stock: Annotated[
        str | None, Meta(description="`delivered`, `tested`, `issued`, `removed` or `scrapped`")
    ] = None
    held_by: str | None = None


_SHOWN = (
    "id", "serial", "device_type", "stock", "held_by", "firmware", "interval_s", "max_power_w", "load_switch",
    "forward_only", "nameplate", "sim", "address",
)  # fmt: skip
"""Not the wrapped keys: the web's role cannot read them, and has no use for them."""


def devices(ask: Ask) -> answers.Page[answers.Device]:
    query: DevicesQuery = ask.query
    rows = _devices().filter(
        areas.devices(ask.area, ask.now, _few(ask)), id__in=_mounted().values("device_id")
    )
    if query.serial is not None:
        rows = rows.filter(serial=query.serial)
    if query.service_point is not None:
        hanging = _mounted().filter(service_point_id=query.service_point)
        rows = rows.filter(id__in=hanging.values("device_id"))
    return page(ask, rows, lambda found: [_device_now(ask, device) for device in found])


def device(ask: Ask) -> answers.Device:
    """A device that hangs, or has hung, in the area."""
    named = f"device {ask.parts['id']}"
    found = one(ask, _devices().filter(id=ask.parts["id"]), areas.devices(ask.area, ask.now), named)
    at = moment_of(ask)
    if at is None:
        return _device_now(ask, found)
    then = next(iter(known.rows(Device, [found.id], at.known_at)), None)
    if then is None:
        raise ask.missing(f"{named} by what was known then")
    return device_of(ask, then, known.hanging(found.id, at), at.valid_at)


def stock(ask: Ask) -> answers.Page[answers.Device]:
    """Devices that hang nowhere: stock is the whole utility's."""
    query: StockQuery = ask.query
    rows = _devices().exclude(stock=Stock.INSTALLED)
    for name in ("serial", "stock", "held_by"):
        if getattr(query, name) is not None:
            rows = rows.filter(**{name: getattr(query, name)})
    return page(ask, rows, lambda found: [_device_now(ask, device) for device in found])


def _mounted() -> QuerySet[DevicePeriod]:
    return DevicePeriod.objects.filter(valid_to=None)


def _devices() -> QuerySet[Device]:
    hanging = _mounted().select_related("service_point")
    return Device.objects.only(*_SHOWN).prefetch_related(Prefetch("periods", hanging, to_attr="hanging"))


def _device_now(ask: Ask, found: Any) -> answers.Device:
    return device_of(ask, found, next(iter(found.hanging), None), ask.now)


def device_of(ask: Ask, found: Device, hanging: DevicePeriod | None, at: datetime) -> answers.Device:
    staff = bool(ask.area.everywhere or ask.area.nodes or ask.area.premises)
    mine = staff or (hanging is not None and _own(ask, hanging.service_point_id, at))
    return answers.Device(
        id=found.id,
        serial=found.serial,
        device_type=found.device_type,
        stock=found.stock,
        held_by=found.held_by if staff else "",
        firmware=found.firmware,
        interval_s=found.interval_s,
        max_power_w=found.max_power_w,
        load_switch=found.load_switch,
        forward_only=found.forward_only,
        nameplate=found.nameplate,
        sim=found.sim if staff else None,
        address=found.address if staff else None,
        installation=_hanging_of(hanging) if hanging is not None and mine else None,
    )


def _own(ask: Ask, place: int, at: datetime) -> bool:
    """Where a meter hangs by then is nothing to somebody whom it measured at another time."""
    return (
        Agreement.objects.filter(service_point_id=place, account_id__in=ask.area.accounts)
        .filter(Q(valid_to=None) | Q(valid_to__gt=at), valid_from__lte=at)
        .exists()
    )


def _hanging_of(period: DevicePeriod) -> answers.Installation:
    return answers.Installation(
        service_point_id=period.service_point_id,
        consumer_number=period.service_point.consumer_number,
        role=DeviceRole(period.role).name.lower(),
        valid_from=local(period.valid_from),
        commissioned_at=local(period.commissioned_at),
        taken_over_at=local(period.taken_over_at),
        ratio_primary=period.ratio_primary,
        ratio_secondary=period.ratio_secondary,
    )


# -- agreements --------------------------------------------------------------------------------------------------


class AgreementsQuery(ListQuery, frozen=True, kw_only=True):
    service_point: Number | None = None
    account: Number | None = None
    consumer: Number | None = None
    at: Annotated[datetime, Meta(tz=True, description="that held at this instant")] | None = None


def agreements(ask: Ask) -> answers.Page[answers.Agreement]:
    query: AgreementsQuery = ask.query
    rows = _agreements().filter(areas.agreements(ask.area, ask.now, _few(ask)))
    given = {
        "service_point_id": query.service_point,
        "account_id": query.account,
        "customer_id": query.consumer,
    }
    rows = rows.filter(**{name: value for name, value in given.items() if value is not None})
    if query.at is not None:
        rows = rows.filter(Q(valid_to=None) | Q(valid_to__gt=query.at), valid_from__lte=query.at)
    return page(ask, rows, lambda found: [agreement_of(one) for one in with_terms(found)])


def agreement(ask: Ask) -> answers.Agreement:
    found, at = agreement_in_area(ask), moment_of(ask)
    if at is None:
        return agreement_of(found)
    then = known.agreement(found.id, at)
    if then is None:
        raise ask.missing(f"agreement {found.id} that held then, by what was known then,")
    then.service_point = found.service_point
    return agreement_of(then)


def agreement_in_area(ask: Ask) -> Agreement:
    """The agreement of a route, in the caller's area."""
    rows = _agreements().filter(id=ask.parts["id"])
    return one(ask, rows, areas.agreements(ask.area, ask.now), f"agreement {ask.parts['id']}")


def _agreements() -> QuerySet[Agreement]:
    return Agreement.objects.select_related("service_point")


def agreement_of(found: Agreement) -> answers.Agreement:
    return answers.Agreement(
        id=found.id,
        account_id=found.account_id,
        service_point_id=found.service_point_id,
        consumer_number=found.service_point.consumer_number,
        consumer_id=found.customer_id,
        billing_day=found.billing_day,
        valid_from=local(found.valid_from),
        valid_to=local(found.valid_to),
        terms=[
            answers.Terms(
                tariff_code=one.tariff_code,
                sanctioned_load_w=one.sanctioned_load_w,
                category=one.category,
                policy=one.policy,
                payment_mode=one.payment_mode,
                metering_mode=one.metering_mode,
                valid_from=local(one.valid_from),
                valid_to=local(one.valid_to),
            )
            for one in found.all_terms
        ],
    )


# -- work orders, audit, tariffs ---------------------------------------------------------------------------------


class WorkOrdersQuery(ListQuery, frozen=True, kw_only=True):
    state: str | None = None
    kind: str | None = None
    service_point: Number | None = None
    assignee: Annotated[Number | None, Meta(description="number of the user")] = None


def work_orders(ask: Ask) -> answers.Page[answers.WorkOrder]:
    query: WorkOrdersQuery = ask.query
    rows = WorkOrder.objects.select_related("service_point").filter(
        areas.places(ask.area, ask.now, "service_point_id", _few(ask))
    )
    given = {
        "state": query.state,
        "kind": query.kind,
        "service_point_id": query.service_point,
        "assignee_id": query.assignee,
    }
    rows = rows.filter(**{name: value for name, value in given.items() if value is not None})
    return page(ask, rows, lambda found: [work_order_of(order) for order in found])


def work_order(ask: Ask) -> answers.WorkOrder:
    rows = WorkOrder.objects.select_related("service_point").filter(id=ask.parts["id"])
    inside = areas.places(ask.area, ask.now, "service_point_id")
    return work_order_of(one(ask, rows, inside, f"work order {ask.parts['id']}"))


def work_order_of(order: WorkOrder) -> answers.WorkOrder:
    return answers.WorkOrder(
        id=order.id,
        kind=order.kind,
        state=order.state,
        service_point_id=order.service_point_id,
        consumer_number=order.service_point.consumer_number,
        device_id=order.device_id,
        assignee_id=order.assignee_id,
        opened_at=local(order.opened_at),
        due_at=local(order.due_at),
        closed_at=local(order.closed_at),
        instructions=order.asked,
        result=order.result,
        operation_id=order.operation_id,
    )


class AuditQuery(ListQuery, frozen=True, kw_only=True):
    kind: str | None = None
    service_point: Number | None = None
    actor: str | None = None


def audit(ask: Ask) -> answers.Page[answers.AuditEntry]:
    query: AuditQuery = ask.query
    found = journal.operations(
        areas.places(ask.area, ask.now, "service_point_id", _few(ask)),
        {"kind": query.kind, "service_point_id": query.service_point, "actor": query.actor},
        before=last_seen(ask, int),
        limit=query.limit + 1,
    )
    return page_of(ask, found, lambda shown: [audit_entry_of(one) for one in shown], lambda one: one.id)


def audit_entry(ask: Ask) -> answers.AuditEntry:
    number = ask.parts["id"]
    found = journal.operation(number, areas.places(ask.area, ask.now, "service_point_id"))
    if found is None:
        if journal.operation(number) is not None:
            refused(ask)
        raise ask.missing(f"operation {number}")
    return audit_entry_of(found)


PERSONAL = frozenset(
    {"name", "person_name", "customer_name", "email", "phone", "address", "letter_address", "evidence"}
)
"""Fields of operations that name a person; the audit is read by more people than they are for."""


def audit_entry_of(entry: Done) -> answers.AuditEntry:
    return answers.AuditEntry(
        id=entry.id,
        kind=entry.kind,
        content=_without_names(entry.content),
        outcome=entry.outcome,
        actor=entry.actor,
        recorded_at=local(entry.recorded_at),
        undone_by=entry.undone_by_id,
        service_point_id=entry.service_point_id,
    )


def _without_names(content: Any) -> Any:
    if isinstance(content, dict):
        return {name: _without_names(value) for name, value in content.items() if name not in PERSONAL}
    return [_without_names(value) for value in content] if isinstance(content, list) else content


class PersonalReadsQuery(ListQuery, frozen=True, kw_only=True):
    consumer: Number | None = None
    user: Number | None = None
    token: Number | None = None


def personal_reads(ask: Ask) -> answers.Page[answers.PersonalRead]:
    query: PersonalReadsQuery = ask.query
    rows = PersonalRead.objects.all()
    if not ask.area.everywhere:
        rows = rows.filter(person__in=Person.objects.filter(areas.people(ask.area, ask.now)))
    given = {"person_id": query.consumer, "user_id": query.user, "token_id": query.token}
    rows = rows.filter(**{name: value for name, value in given.items() if value is not None})
    return page(ask, rows, personal_reads_of, newest_first=True)


def personal_reads_of(found: Iterable[PersonalRead]) -> list[answers.PersonalRead]:
    return [
        answers.PersonalRead(
            id=one.id,
            user_id=one.user_id,
            token_id=one.token_id,
            consumer_id=one.person_id,
            what=one.what,
            read_at=local(one.read_at),
        )
        for one in found
    ]


class TariffsQuery(ListQuery, frozen=True, kw_only=True):
    code: str | None = None


def tariffs(ask: Ask) -> answers.Page[answers.Tariff]:
    rows = TariffVersion.objects.defer("text")
    if ask.query.code is not None:
        rows = rows.filter(code=ask.query.code)
    return page(ask, rows, lambda found: [_tariff_of(version) for version in found])


def tariff(ask: Ask) -> answers.TariffDocument:
    found = TariffVersion.objects.filter(id=ask.parts["id"]).first()
    if found is None:
        raise ask.missing(f"tariff {ask.parts['id']}")
    return answers.TariffDocument(tariff=_tariff_of(found), text=found.text)


def _tariff_of(version: TariffVersion) -> answers.Tariff:
    return answers.Tariff(
        id=version.id,
        code=version.code,
        version=version.version,
        valid_from=version.valid_from,
        sha256=version.sha256,
    )


# -- whoever asks ------------------------------------------------------------------------------------------------


def me(ask: Ask) -> answers.Me:
    caller, token = ask.caller, ask.token
    assert token is not None, "a route without a key says so"
    return answers.Me(
        user_id=caller.user_id,
        token=token.prefix,
        scopes=list(token.scopes),
        requests_per_minute=token.per_minute,
        expires_at=local(token.expires_at),
        roles=[
            answers.RoleHeld(
                role=role,
                everywhere=area.everywhere,
                nodes=sorted(area.nodes),
                premises=sorted(area.premises),
                accounts=sorted(area.accounts),
            )
            for role, area in caller.grants
        ],
        permissions=[str(act) for act in TABLE if caller.area(act) is not None],
    )


def operations(ask: Ask) -> answers.Operations:
    return answers.Operations(
        items=[
            answers.OperationKind(
                kind=operation.kind(),
                summary=summary_of(operation),
                roles=list(who_may(writing(operation.kind()))),
                allowed=ask.caller.area(writing(operation.kind())) is not None,
            )
            for operation in sorted(kinds.ALL, key=lambda one: one.kind())
        ]
    )


def summary_of(described: type) -> str:
    """The first paragraph of what a class says of itself."""
    paragraph = (described.__doc__ or "").strip().split("\n\n", 1)[0]
    return " ".join(paragraph.split())
