"""The reading side of the API: each function answers one route, within the caller's area.

What is personal is written down (`record_personal_reads`) before it is answered.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Literal

from django.db.models import Q
from msgspec import Meta

from urja.apps.assets.kinds import DeviceRole, Stock
from urja.apps.identity.queries import personal_reads as reads
from urja.apps.identity.queries.personal_reads import PersonalReadRow
from urja.apps.identity.queries.roles import TABLE, roles_allowed, write_scope
from urja.apps.identity.requests import record_personal_reads
from urja.apps.journal import queries as journal
from urja.apps.journal.queries import Done
from urja.apps.meter_types import queries as meter_types
from urja.apps.network.kinds import Commodity, Purpose
from urja.apps.overviews.queries import areas, bitemporal, registry
from urja.apps.overviews.queries.meter_filter import MeterFilter
from urja.apps.overviews.queries.registry import (
    AgreementRow,
    DevicePeriodRow,
    DeviceRow,
    PersonRow,
    PlacementRow,
    PremiseRow,
    ServicePointRow,
    WorkOrderRow,
)
from urja.apps.rulebook.queries import tariffs as tariff_versions
from urja.apps.work.kinds import WorkOrderKind, WorkOrderState
from urja.usecases import kinds
from urja.web.api import (
    agreement_answers,
    answers,
    meter_answers,
    network_answers,
    operation_answers,
    parameters,
    people_answers,
    tariff_answers,
)
from urja.web.api.lists import Number, last_seen, local, moment_of, one, page, page_of, refused
from urja.web.api.problems import ProblemError
from urja.web.api.routes import Ask, ListQuery


def _few(ask: Ask) -> areas.Few:
    return areas.service_points_if_few(ask.area, ask.now)


# -- people ----------------------------------------------------------------------------------------------------


class ConsumersQuery(ListQuery, frozen=True, kw_only=True):
    email: str | None = None
    phone: Annotated[
        str | None,
        Meta(
            description="as it is stored: digits, after a plus sign (in an address `%2B`) where it was given with one"
        ),
    ] = None
    service_point: Annotated[
        Number | None, Meta(description="consumers who have or had this service point")
    ] = None


def consumers(ask: Ask) -> answers.Page[people_answers.Consumer]:
    query: ConsumersQuery = ask.query
    rows = registry.people(
        areas.people(ask.area, ask.now, _few(ask)),
        email=query.email,
        phone=query.phone,
        service_point_id=query.service_point,
    )

    def shape(found: list[PersonRow]) -> list[people_answers.Consumer]:
        record_personal_reads(ask.caller, [person.id for person in found], ask.what, ask.now)
        return [consumer_of(person) for person in found]

    return page(ask, rows, shape)


def consumer(ask: Ask) -> people_answers.Consumer:
    person = person_of(ask)
    record_personal_reads(ask.caller, [person.id], ask.what, ask.now)
    return consumer_of(person)


def person_of(ask: Ask) -> PersonRow:
    """The person of a route, in the caller's area."""
    rows = registry.people(Q(), id_=ask.parts["id"])
    return one(ask, rows, areas.people(ask.area, ask.now), f"consumer {ask.parts['id']}")


def consumer_of(person: PersonRow) -> people_answers.Consumer:
    return people_answers.Consumer(
        id=person.id,
        name=person.name,
        email=person.email,
        phone=person.phone,
        language=person.language,
        address=person.address,
        anonymised_at=local(person.nameless_at),
        consents=[
            people_answers.Consent(
                purpose=one.purpose, given_at=local(one.given_at), withdrawn_at=local(one.withdrawn_at)
            )
            for one in person.consents.all()
        ],
        protections=[
            people_answers.Protection(
                kind=one.kind, valid_from=local(one.valid_from), valid_to=local(one.valid_to)
            )
            for one in person.protections.all()
        ],
        accounts=[
            people_answers.ConsumerAccount(account_id=one.account_id, role=one.role)
            for one in person.accesses.all()
        ],
    )


# -- places and devices ----------------------------------------------------------------------------------------


OfCommodity = Annotated[str | None, parameters.one_of(Commodity)]
OfPhases = Annotated[
    Literal[1, 3] | None, Meta(description="phases of an electricity meter that is installed")
]
OfType = Annotated[str | None, Meta(description="name of the type of an installed meter, such as `urja-d2`")]


class ServicePointsQuery(ListQuery, frozen=True, kw_only=True):
    consumer_number: str | None = None
    purpose: Annotated[str | None, parameters.one_of(Purpose)] = None
    premise: Annotated[Number | None, Meta(description="of this premise and its parts")] = None
    commodity: OfCommodity = None
    phases: OfPhases = None
    device_type: OfType = None


def service_points(ask: Ask) -> answers.Page[network_answers.ServicePoint]:
    query: ServicePointsQuery = ask.query
    rows = registry.service_points(
        areas.service_points(ask.area, ask.now, few=_few(ask)),
        consumer_number=query.consumer_number,
        purpose=query.purpose,
        premise_id=query.premise,
        meters=_meters(query),
    )
    return page(ask, rows, lambda found: [service_point_of(place, place.placements.all()) for place in found])


def service_point(ask: Ask) -> network_answers.ServicePoint:
    named = f"service point {ask.parts['id']}"
    found = one(
        ask, registry.service_points(Q(), id_=ask.parts["id"]), areas.service_points(ask.area, ask.now), named
    )
    at = moment_of(ask)
    if at is None:
        return service_point_of(found, found.placements.all())
    then = bitemporal.placed_service_point(found.id, at)
    if then is None:
        raise ask.missing(f"{named} by what was known then")
    return service_point_of(then.service_point, then.placements)


def service_point_of(
    place: ServicePointRow, placements: Iterable[PlacementRow]
) -> network_answers.ServicePoint:
    return network_answers.ServicePoint(
        id=place.id,
        consumer_number=place.consumer_number,
        commodity=place.commodity,
        purpose=place.purpose,
        disconnected_at=local(place.disconnected_at),
        premise=premise_of(place.premise),
        placements=[
            network_answers.Placement(
                tree=one.tree,
                level=one.node.level,
                code=one.node.code,
                phase=one.phase,
                valid_from=local(one.valid_from),
            )
            for one in placements
        ],
    )


def premise_of(premise: PremiseRow) -> network_answers.Premise:
    return network_answers.Premise(
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
    service_point: Annotated[Number | None, Meta(description="installed at this service point now")] = None
    commodity: OfCommodity = None
    phases: OfPhases = None
    device_type: OfType = None


class StockQuery(ListQuery, frozen=True, kw_only=True):
    serial: str | None = None
    stock: Annotated[str | None, parameters.one_of({*Stock} - {Stock.INSTALLED})] = None
    held_by: str | None = None
    commodity: OfCommodity = None
    phases: OfPhases = None
    device_type: OfType = None


def _meters(query: ServicePointsQuery | DevicesQuery | StockQuery) -> MeterFilter:
    """Return what meters a list is narrowed to. Raises ProblemError for a type that is not known."""
    if query.device_type is not None and query.device_type not in (known := meter_types.type_names()):
        unknown = parameters.not_one_of("device_type", query.device_type, known)
        raise ProblemError("bad-request", f"invalid parameters: {unknown}", faults=[unknown])
    return MeterFilter(query.commodity, query.phases, query.device_type)


def devices(ask: Ask) -> answers.Page[meter_answers.Device]:
    query: DevicesQuery = ask.query
    rows = registry.installed(
        areas.devices(ask.area, ask.now, _few(ask)),
        serial=query.serial,
        service_point_id=query.service_point,
        meters=_meters(query),
    )
    return page(ask, rows, lambda found: [_device_now(ask, device) for device in found])


def device(ask: Ask) -> meter_answers.Device:
    """A device that is or was installed in the area."""
    named = f"device {ask.parts['id']}"
    found = one(ask, registry.device(ask.parts["id"]), areas.devices(ask.area, ask.now), named)
    at = moment_of(ask)
    if at is None:
        return _device_now(ask, found)
    then = bitemporal.device(found.id, at)
    if then is None:
        raise ask.missing(f"{named} by what was known then")
    installed = bitemporal.installation_of(found.id, at)
    if installed is not None and not _may_see_place(ask, installed.service_point_id, at.valid_at):
        installed = None
    return device_of(ask, then, installed, at.valid_at)


def stock(ask: Ask) -> answers.Page[meter_answers.Device]:
    """Devices in stock, which belongs to the whole utility and to no area."""
    query: StockQuery = ask.query
    rows = registry.in_stock(
        serial=query.serial, stock=query.stock, held_by=query.held_by, meters=_meters(query)
    )
    return page(ask, rows, lambda found: [_device_now(ask, device) for device in found])


def _device_now(ask: Ask, found: Any) -> meter_answers.Device:
    return device_of(ask, found, next(iter(found.current_installations), None), ask.now)


def device_of(
    ask: Ask, found: DeviceRow, installed: DevicePeriodRow | None, at: datetime
) -> meter_answers.Device:
    staff = bool(ask.area.everywhere or ask.area.nodes or ask.area.premises)
    mine = staff or (installed is not None and _own(ask, installed.service_point_id, at))
    return meter_answers.Device(
        id=found.id,
        serial=found.serial,
        device_type=found.device_type,
        # A state that was left before this column existed has none: electricity was all that there was.
        commodity=found.commodity or Commodity.ELECTRICITY,
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
        installation=_installation(installed) if installed is not None and mine else None,
    )


def _may_see_place(ask: Ask, place: int, at: datetime) -> bool:
    """Return whether a service point where a meter was at an instant (UTC) is in the caller's area: it may be in it only now."""
    return bool(areas.holds(ask.area, [place], ask.now)) or _own(ask, place, at)


def _own(ask: Ask, place: int, at: datetime) -> bool:
    """A consumer whom the meter measured at another time may not see where it is installed then."""
    return registry.held(place, ask.area.accounts, at)


def _installation(period: DevicePeriodRow) -> meter_answers.Installation:
    return meter_answers.Installation(
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
    at: Annotated[datetime, Meta(tz=True, description="in force at this instant")] | None = None


def agreements(ask: Ask) -> answers.Page[agreement_answers.Agreement]:
    query: AgreementsQuery = ask.query
    rows = registry.agreements(
        areas.agreements(ask.area, ask.now, _few(ask)),
        service_point_id=query.service_point,
        account_id=query.account,
        customer_id=query.consumer,
        at=query.at,
    )
    return page(ask, rows.prefetch_related("terms"), lambda found: [agreement_of(one) for one in found])


def agreement(ask: Ask) -> agreement_answers.Agreement:
    found, at = agreement_in_area(ask), moment_of(ask)
    if at is None:
        return agreement_of(found)
    then = bitemporal.agreement(found.id, at)
    if then is None:
        raise ask.missing(f"agreement {found.id} that held then, by what was known then,")
    then.service_point = found.service_point
    return agreement_of(then)


def agreement_in_area(ask: Ask) -> AgreementRow:
    """The agreement of a route, in the caller's area."""
    rows = registry.agreements(Q(), id_=ask.parts["id"])
    return one(ask, rows, areas.agreements(ask.area, ask.now), f"agreement {ask.parts['id']}")


def agreement_of(found: AgreementRow) -> agreement_answers.Agreement:
    return agreement_answers.Agreement(
        id=found.id,
        account_id=found.account_id,
        service_point_id=found.service_point_id,
        consumer_number=found.service_point.consumer_number,
        consumer_id=found.customer_id,
        billing_day=found.billing_day,
        bill_from=found.bill_from,
        valid_from=local(found.valid_from),
        valid_to=local(found.valid_to),
        terms=[
            agreement_answers.Terms(
                tariff_code=one.tariff_code,
                sanctioned_load_w=one.sanctioned_load_w,
                category=one.category,
                policy=one.policy,
                payment_mode=one.payment_mode,
                metering_mode=one.metering_mode,
                sanctioned_load_va=one.sanctioned_load_va,
                contracted_load_w=one.contracted_load_w,
                contracted_load_va=one.contracted_load_va,
                carpet_area_dm2=one.carpet_area_dm2,
                valid_from=local(one.valid_from),
                valid_to=local(one.valid_to),
            )
            for one in found.all_terms
        ],
    )


# -- work orders, audit, tariffs ---------------------------------------------------------------------------------


class WorkOrdersQuery(ListQuery, frozen=True, kw_only=True):
    state: Annotated[str | None, parameters.one_of(WorkOrderState)] = None
    kind: Annotated[str | None, parameters.one_of(WorkOrderKind)] = None
    service_point: Number | None = None
    assignee: Annotated[Number | None, Meta(description="number of the assigned user")] = None


def work_orders(ask: Ask) -> answers.Page[meter_answers.WorkOrder]:
    query: WorkOrdersQuery = ask.query
    rows = registry.work_orders(
        areas.service_points(ask.area, ask.now, "service_point_id", _few(ask)),
        state=query.state,
        kind=query.kind,
        service_point_id=query.service_point,
        assignee_id=query.assignee,
    )
    return page(ask, rows, lambda found: [work_order_of(order) for order in found])


def work_order(ask: Ask) -> meter_answers.WorkOrder:
    rows = registry.work_orders(Q(), id_=ask.parts["id"])
    inside = areas.service_points(ask.area, ask.now, "service_point_id")
    return work_order_of(one(ask, rows, inside, f"work order {ask.parts['id']}"))


def work_order_of(order: WorkOrderRow) -> meter_answers.WorkOrder:
    return meter_answers.WorkOrder(
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
    kind: Annotated[
        str | None,
        parameters.one_of({*kinds.BY_KIND, "import"}, "of an operation; `import` is a file that was loaded"),
    ] = None
    service_point: Number | None = None
    actor: str | None = None


def audit(ask: Ask) -> answers.Page[people_answers.AuditEntry]:
    query: AuditQuery = ask.query
    found = journal.operations(
        areas.service_points(ask.area, ask.now, "service_point_id", _few(ask)),
        {"kind": query.kind, "service_point_id": query.service_point, "actor": query.actor},
        before=last_seen(ask, int),
        limit=query.limit + 1,
    )
    return page_of(ask, found, lambda shown: [audit_entry_of(one) for one in shown], lambda one: one.id)


def audit_entry(ask: Ask) -> people_answers.AuditEntry:
    number = ask.parts["id"]
    found = journal.operation(number, areas.service_points(ask.area, ask.now, "service_point_id"))
    if found is None:
        if journal.operation(number) is not None:
            refused(ask)
        raise ask.missing(f"operation {number}")
    return audit_entry_of(found)


PERSONAL = frozenset(
    {"name", "person_name", "customer_name", "email", "phone", "address", "letter_address", "evidence"}
)
"""Fields of operations that name a person; the audit is read by more people than they are for."""


def audit_entry_of(entry: Done) -> people_answers.AuditEntry:
    return people_answers.AuditEntry(
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


def personal_reads(ask: Ask) -> answers.Page[people_answers.PersonalRead]:
    query: PersonalReadsQuery = ask.query
    found = reads.of_people(
        areas.people(ask.area, ask.now, path="person_id"),
        person_id=query.consumer,
        user_id=query.user,
        token_id=query.token,
        before=last_seen(ask, int),
        limit=query.limit + 1,
    )
    return page_of(ask, found, personal_reads_of, lambda one: one.id)


def personal_reads_of(found: Iterable[PersonalReadRow]) -> list[people_answers.PersonalRead]:
    return [
        people_answers.PersonalRead(
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


def tariffs(ask: Ask) -> answers.Page[tariff_answers.Tariff]:
    rows = tariff_versions.versions(ask.query.code)
    return page(ask, rows, lambda found: [_tariff_of(version) for version in found])


def tariff(ask: Ask) -> tariff_answers.TariffDocument:
    found = tariff_versions.version(ask.parts["id"])
    if found is None:
        raise ask.missing(f"tariff {ask.parts['id']}")
    return tariff_answers.TariffDocument(tariff=_tariff_of(found), text=found.text)


def _tariff_of(version: tariff_versions.VersionRow) -> tariff_answers.Tariff:
    return tariff_answers.Tariff(
        id=version.id,
        code=version.code,
        version=version.version,
        valid_from=version.valid_from,
        sha256=version.sha256,
    )


# -- the caller --------------------------------------------------------------------------------------------------


def me(ask: Ask) -> people_answers.Me:
    caller, token = ask.caller, ask.token
    assert token is not None, "a route without a key says so"
    return people_answers.Me(
        user_id=caller.user_id,
        token=token.prefix,
        scopes=list(token.scopes),
        requests_per_minute=token.per_minute,
        expires_at=local(token.expires_at),
        roles=[
            people_answers.RoleHeld(
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


def operations(ask: Ask) -> operation_answers.Operations:
    return operation_answers.Operations(
        items=[
            operation_answers.OperationKind(
                kind=operation.kind(),
                summary=summary_of(operation),
                roles=list(roles_allowed(write_scope(operation.kind()))),
                allowed=ask.caller.area(write_scope(operation.kind())) is not None,
            )
            for operation in sorted(kinds.ALL, key=lambda one: one.kind())
        ]
    )


def summary_of(described: type) -> str:
    """The first paragraph of what a class says of itself."""
    paragraph = (described.__doc__ or "").strip().split("\n\n", 1)[0]
    return " ".join(paragraph.split())
