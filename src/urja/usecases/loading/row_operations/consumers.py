"""Rows of consumers: a service point with its premise, its consumer, and the terms of the agreement."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from urja.apps.contracts.kinds import OTHER_TERMS
from urja.apps.contracts.models import Agreement
from urja.apps.identity.queries.identities import users_of
from urja.apps.journal.models import External, History
from urja.apps.journal.operation import Execution, UseCase
from urja.apps.network.models import Premise, ServicePoint
from urja.apps.people.models import Person
from urja.base.sentences import say
from urja.usecases import agreements_in_force
from urja.usecases.agreement_lifecycle import people_of
from urja.usecases.agreements_in_force import in_force_at, newest_agreements_of
from urja.usecases.connections import NewConnection, PutLicensee
from urja.usecases.legacy_takeover import PutPerson, TakeOver, complexes_of
from urja.usecases.loading.row_operations import placement_columns
from urja.usecases.loading.row_operations.external_ownership import RecordOwnership
from urja.usecases.loading.staging import Load, Row
from urja.usecases.move_in_and_out import MoveIn
from urja.usecases.network import MoveServicePoint, licensees_of
from urja.usecases.premises import PutPremise, premises_of
from urja.usecases.service_points import service_points_of
from urja.usecases.terms import STATED_TERMS

_PREMISE: Final = {
    "premise_kind": "kind",
    "premise_name": "name",
    "address": "address",
    "pin_code": "pin_code",
    "latitude": "latitude",
    "longitude": "longitude",
}
_SERVICE_POINT: Final = {
    "consumer_number": "consumer_number",
    "commodity": "commodity",
    "purpose": "purpose",
    "licensee": "licensee_id",
}
_PERSON: Final = {
    "person_name": "name",
    "email": "email",
    "phone": "phone",
    "language": "language",
    "postal_address": "address",
}


def prefetch(load: Load, rows: Sequence[Row]) -> None:
    execution = load.execution
    agreements_in_force.find_ahead(execution, [row["consumer_number"] for row in rows])
    execution.find_ahead(premises_of, [row["premise_code"] for row in rows])
    execution.find_ahead(licensees_of, [row["licensee"] for row in rows])
    emails = [row["email"].lower() for row in rows if row["email"]]
    execution.find_ahead(users_of, emails)
    execution.find_ahead(people_of, emails)
    placement_columns.prefetch(load, rows)


def operations_of(load: Load, execution: Execution, row: Row) -> Iterator[UseCase]:
    if row["email"]:
        row.values["email"] = row["email"].lower()
    placement_columns.faults(execution, row)
    service_point = execution.find(service_points_of, row["consumer_number"])
    newest = None if service_point is None else execution.find(newest_agreements_of, service_point.id)
    agreement = newest if newest is not None and in_force_at(newest, execution.recorded_at) else None
    _check_terms(load, row, agreement)
    if newest is not None and agreement is None and row["person_name"]:
        row.fault(
            "person_name",
            say("the service point had a consumer before"),
            say("a new consumer is recorded by the operation move_in, not by a file"),
        )
    person = _person(load, execution, row, agreement)
    move_in = None if agreement is not None or not row["person_name"] else _move_in(load, row, person)
    if service_point is None:
        yield _new(load, execution, row, move_in)
    else:
        yield from _known(load, execution, row, service_point)
        if move_in is not None:
            yield move_in
    if person is not None:
        yield from _put_person(load, execution, row, person)
    if load.map.system:
        yield _owning(load, row)


# -- service points ----------------------------------------------------------------------------------------------------


def _new(load: Load, execution: Execution, row: Row, move_in: MoveIn | None) -> UseCase:
    connection = NewConnection(
        consumer_number=row["consumer_number"],
        connected_at=row["since"] or execution.recorded_at,
        premise_kind=load.value(row, "premise_kind"),
        purpose=load.value(row, "purpose"),
        commodity=load.value(row, "commodity"),
        licensee=row["licensee"] or "",
        administration=placement_columns.administration(row),
        grid=placement_columns.grid(row),
        phase=row["phase"] or "",
    )
    part_of = _part_of(execution, row)
    known = _premise_of(execution, row, part_of)
    premise: PutPremise | int
    if known is None:
        values = {column: load.value(row, name) for name, column in _PREMISE.items() if "tude" not in name}
        premise = PutPremise(values=values | load.said(row, _PREMISE | {"premise_code": "code"}))
    else:
        premise = known.id
        _check_part(row, known, part_of)
        _check_premise(load, execution, row, known)
    return TakeOver(
        connection=connection,
        premise=premise,
        society=row["society"] or "",
        tower=row["tower"] or "",
        move_in=move_in,
        postal_address=row["postal_address"] or "",
    )


def _part_of(execution: Execution, row: Row) -> int | None:
    """Return the number of the premise that this one belongs to, as far as it is known."""
    if row["tower"] and not row["society"]:
        row.fault(
            "tower",
            say("a tower is part of a society, and none is given"),
            say("give the society, or leave the tower empty"),
        )
    part_of: int | None = None
    for name, many in (("society", "societies"), ("tower", "towers")):
        if not row[name] or (name == "tower" and part_of is None):
            continue
        found = execution.find(complexes_of, (part_of, row[name])) or []
        if len(found) > 1:
            row.fault(name, f"{len(found)} {many} have this name", "give its code")
        if not found:
            return None
        part_of = found[0]
    return part_of


def _premise_of(execution: Execution, row: Row, part_of: int | None) -> Premise | None:
    """Return the premise of a new service point, where it exists."""
    if row["premise_code"]:
        return execution.find(premises_of, row["premise_code"])
    if part_of is None or not row["premise_name"]:
        return None
    return Premise.objects.filter(parent_id=part_of, name=row["premise_name"]).first()


def _check_part(row: Row, premise: Premise, part_of: int | None) -> None:
    if row["society"] and (part_of is None or premise.parent_id != part_of):
        row.fault(
            "society",
            say(
                "the premise is part of {name}",
                name=premise.parent.name if premise.parent else say("nothing"),
            ),
            say("a premise is moved by a file of premises; otherwise correct the row"),
        )


def _check_premise(load: Load, execution: Execution, row: Row, premise: Premise) -> None:
    for name, column in _PREMISE.items():
        differs = load.covers(name) and load.value(row, name) != getattr(premise, column)
        if differs and _is_of(execution, premise, "network_premise"):
            row.fault(name, "another row has another value for the same premise", "make them the same")


def _known(load: Load, execution: Execution, row: Row, service_point: ServicePoint) -> Iterator[UseCase]:
    for name in ("commodity", "purpose"):
        if row[name] is not None and row[name] != getattr(service_point, name):
            row.fault(
                name,
                f"the service point has {getattr(service_point, name)}",
                "this cannot change: give the other service point a number of its own",
            )
    premise = service_point.premise
    if row["premise_code"] and premise.code is not None and premise.code != row["premise_code"]:
        row.fault(
            "premise_code",
            f"the service point is at premise {premise.code}",
            "a service point does not move: correct the code",
        )
    _check_part(row, premise, _part_of(execution, row))
    values = load.said(row, _PREMISE | {"premise_code": "code"})
    if (
        any(value != getattr(premise, column) for column, value in values.items())
        or len({"latitude", "longitude"} & values.keys()) == 1
    ):
        _check_premise(load, execution, row, premise)
        yield PutPremise(values=values, known=premise.id)
    if row["licensee"]:
        yield PutLicensee(consumer_number=service_point.consumer_number, licensee=row["licensee"])
    yield from _placement(execution, row, service_point)


def _placement(execution: Execution, row: Row, service_point: ServicePoint) -> Iterator[UseCase]:
    """Place an unplaced service point; one that is placed already is moved only by a file with a day."""
    moved = placement_columns.differing(service_point, row)
    if not moved:
        return
    here = placement_columns.placements(service_point)
    for tree, names in (("administration", ("section",)), ("grid", ("pole", "transformer", "phase"))):
        now = here.get(tree)
        if now is None or not {tree, "phase" if tree == "grid" else tree} & moved.keys():
            continue
        name = next(one for one in names if row[one]) if tree in moved else "phase"
        said = {
            "section": f"it is placed under section {now.node.code}",
            "phase": f"it is on phase {now.phase or '(unknown)'}",
        }.get(name, f"it is placed under {now.node}")
        row.fault(name, said, "move it with a file of placements, which has the day")
    yield MoveServicePoint(
        consumer_number=service_point.consumer_number, moved_at=row["since"] or execution.recorded_at, **moved
    )


# -- people ----------------------------------------------------------------------------------------------------


def _person(load: Load, execution: Execution, row: Row, agreement: Agreement | None) -> Person | None:
    """Return the consumer of a row where known: the current one, or by the system's number, or by the address."""
    if not row["person_name"]:
        return None
    holder = None if agreement is None else agreement.customer
    by_number = _linked(load, row["person_id"])
    by_email = execution.find(people_of, row["email"]) if row["email"] else None
    person = holder or by_number or by_email
    if by_email is not None and (
        by_email != person or (holder is None and by_number is None and by_email.name != row["person_name"])
    ):
        row.fault(
            "email",
            say("it is the address of {name}", name=by_email.name),
            say("write the stored name, or give the person an address of their own"),
        )
    if by_number is not None and holder is not None and by_number != holder:
        row.fault(
            "person_id",
            "the service point is another consumer's",
            "a change of consumer is done by the operations move_out and move_in",
        )
    elif holder is not None and not _same(row, agreement, holder, by_number, by_email):
        row.fault(
            "person_name",
            f"the service point is {holder.name}'s",
            "a change of consumer is done by the operations move_out and move_in, a change of name by correct_consumer",
        )
    return person


def _same(
    row: Row, agreement: Agreement | None, holder: Person, by_number: Person | None, by_email: Person | None
) -> bool:
    """Return whether a row means the current consumer: by a number, an address, the name, or the beginning.

    Without this a file of former consumers would give their names and addresses to the current ones.
    """
    if holder in (by_number, by_email) or holder.name.casefold() == row["person_name"].casefold():
        return True
    if row["email"] and holder.email == row["email"]:
        return True
    return row["since"] is not None and agreement is not None and agreement.valid_from == row["since"]


def _linked(load: Load, number: str | None) -> Person | None:
    if not number or not load.map.system:
        return None
    link = External.objects.filter(system=load.map.system, kind="person", external_id=number).first()
    return None if link is None else Person.objects.filter(id=link.object_id).first()


def _put_person(load: Load, execution: Execution, row: Row, person: Person) -> Iterator[UseCase]:
    """Yield the change of a person whose row differs from the stored data."""
    said = load.said(row, _PERSON)
    new = {column: value for column, value in said.items() if value != getattr(person, column)}
    if not new:
        return
    if _is_of(execution, person, "people_person"):
        for name, column in _PERSON.items():
            if column in new:
                row.fault(
                    name,
                    say("another row has another value for the same person"),
                    say("make them the same, or give the people numbers or e-mail addresses of their own"),
                )
    yield PutPerson(consumer_id=person.id, system=load.map.system, **new)


def _is_of(execution: Execution, made: Any, table: str) -> bool:
    """Return whether another row of this file created or changed it."""
    return (
        made.operation_id == execution.id
        or History.objects.filter(table_name=table, row_id=made.pk, operation_id=execution.id).exists()
    )


# -- agreements ------------------------------------------------------------------------------------------------


def _move_in(load: Load, row: Row, person: Person | None) -> MoveIn | None:
    needed = ("since", "tariff_code", "sanctioned_load_w")
    for name in needed:
        if row[name] is None:
            row.fault(
                name,
                "the row has a consumer, and it is empty",
                "give the day, the tariff and the load, or leave the person out",
            )
    if any(row[name] is None for name in needed):
        return None
    # A person known by an address is looked up by it again, so that the guards of addresses apply.
    number = None if person is None or person.email == row["email"] else person.id
    return MoveIn(
        consumer_number=row["consumer_number"],
        at=row["since"],
        consumer_id=number,
        name=row["person_name"],
        email=row["email"] or "",
        phone=row["phone"],
        language=load.value(row, "language"),
        billing_day=row["billing_day"],
        bill_from=row["bill_from"],
        currency=load.currency,
        **{name: load.value(row, name) for name in STATED_TERMS},
    )


def _check_terms(load: Load, row: Row, agreement: Agreement | None) -> None:
    """Find terms that no agreement can have, and terms that differ from the current agreement."""
    if not row["person_name"]:
        for name in ("since", "tariff_code", "sanctioned_load_w", *OTHER_TERMS):
            if load.covers("person_name") and row[name] is not None:
                row.fault(
                    name,
                    "the row has terms and no consumer",
                    "give the consumer, or leave it empty",
                )
        return
    if agreement is None:
        return
    if row["since"] is not None and agreement.valid_from != row["since"]:
        row.fault(
            "since",
            say("the agreement is in force since {day}", day=load.local_day(agreement.valid_from)),
            say(
                "a change of consumer is done by the operations move_out and move_in; otherwise correct the day"
            ),
        )
    if row["billing_day"] is not None and agreement.billing_day != row["billing_day"]:
        said = "the day of its tariff" if agreement.billing_day is None else f"day {agreement.billing_day}"
        row.fault(
            "billing_day",
            f"billing periods of the agreement begin on {said}",
            "this cannot change: correct the day, or end the agreement (move_out) and begin the next one (move_in)",
        )
    if row["bill_from"] is not None and agreement.bill_from != row["bill_from"]:
        said = "with the supply" if agreement.bill_from is None else f"on {agreement.bill_from}"
        row.fault(
            "bill_from",
            f"fixed charges of the agreement begin {said}",
            "this cannot change: correct the day, or leave it empty",
        )
    terms = agreement.all_terms[-1]
    for name in STATED_TERMS:
        if row[name] is not None and row[name] != getattr(terms, name):
            row.fault(
                name,
                say("the terms have {value}", value=getattr(terms, name) or say("none")),
                say("terms change from a day on: use the operation, not a file"),
            )


def _owning(load: Load, row: Row) -> RecordOwnership:
    owned = {
        kind: [column for name, column in columns.items() if load.covers(name)]
        for kind, columns in (("service_point", _SERVICE_POINT), ("premise", _PREMISE), ("person", _PERSON))
    }
    if not row["person_name"]:
        del owned["person"]
    return RecordOwnership(
        system=load.map.system,
        consumer_number=row["consumer_number"],
        premise_code=row["premise_code"] or "",
        person_number=row["person_id"] or "",
        owned={kind: columns for kind, columns in owned.items() if columns},
    )
