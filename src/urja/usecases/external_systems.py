"""Records of outside systems: a utility's CIS is master of what it owns, and may report it as often as it likes.

Each attribute that a system has reported about an object belongs to that system; an operation of any other actor that
would change it is refused. The same message twice changes nothing.
"""

import secrets
from collections.abc import Iterator
from typing import ClassVar
from zoneinfo import ZoneInfo

from django.db.models import Model, QuerySet

from urja.apps.identity.queries.identities import staff_address_faults, taken_faults
from urja.apps.journal.models import External
from urja.apps.journal.operation import Execution, UseCase, next_id
from urja.apps.network.models import Licensee, Premise, ServicePoint
from urja.apps.people.models import Person
from urja.apps.people.queries import signs_in_with
from urja.base.ids import BUCKETS
from urja.base.sentences import say
from urja.base.untyped_values import JsonObject
from urja.usecases.agreement_lifecycle import person_of
from urja.usecases.connections import NewConnection, licensee_faults
from urja.usecases.kinds import connections
from urja.usecases.loading import KINDS, Field
from urja.usecases.loading.cell_formats import ColumnFormat, FieldValueError
from urja.usecases.ownership import record_ownership
from urja.usecases.people import staff_faults, write_person
from urja.usecases.premises import PutPremise

_MODELS: dict[str, type[Model]] = {"person": Person, "premise": Premise, "service_point": ServicePoint}


class UpsertFromSystem(connections.UpsertFromSystem, UseCase):
    _KNOWN: ClassVar[dict[str, dict[str, Field]]] = {
        "person": {
            column: KINDS["consumers"].field(name)
            for column, name in (
                ("name", "person_name"),
                ("email", "email"),
                ("phone", "phone"),
                ("language", "language"),
                ("address", "postal_address"),
            )
        },
        "premise": {one.name: one for one in KINDS["premises"].fields if one.name != "parent"},
        "service_point": {
            name: KINDS["consumers"].field(name)
            for name in ("consumer_number", "commodity", "purpose", "licensee")
        }
        | {"premise": KINDS["consumers"].field("premise_code")},
    }
    """Attributes of each kind of object, each with the file field of the same format. The premise of a service point
    is named by its number in that system.
    """

    def owner(self) -> str:
        return self.system

    def faults(self, execution: Execution) -> Iterator[str]:
        if not 0 < len(self.system) <= 32 or not 0 < len(self.external_id) <= 64:
            yield say("a system's name has 1 to 32 characters, its number of an object 1 to 64")
        known = self._KNOWN.get(self.object)
        if known is None:
            yield say(
                "an object is a {choices}, not a {object}",
                choices=", a ".join(self._KNOWN),
                object=repr(self.object),
            )
            return
        for name, text in self.attributes.items():
            if name not in known:
                yield say(
                    "a {object} has no {name}: it has {choices}",
                    object=self.object,
                    name=name,
                    choices=", ".join(known),
                )
            elif (fault := _fault_of(known[name], text)) is not None:
                yield say("{name}: {fault}", name=name, fault=fault)
        yield from getattr(self, f"_faults_of_{self.object}")(execution)

    def _faults_of_person(self, _doing: Execution) -> Iterator[str]:
        person = self._person()
        if person is None and not self._said("name"):
            yield say("give the name of a new person")
        elif "name" in self.attributes and not self._said("name"):
            yield say("the name of a person cannot be empty")
        email = self._said("email")
        if person is not None:
            yield from staff_faults(person, {name: self._said(name) for name in self.attributes})
            if "email" in self.attributes and email is None and signs_in_with(person.id):
                yield say(
                    "person {person} signs in with an e-mail address: it cannot be removed", person=person.id
                )
        if email is not None:
            yield from taken_faults(person, email)

    def _faults_of_premise(self, execution: Execution) -> Iterator[str]:
        said = {name: self._said(name) for name in self.attributes}
        yield from PutPremise(values=said, known=self._linked_id()).faults(execution)

    def _faults_of_service_point(self, execution: Execution) -> Iterator[str]:
        service_point, number = self._service_point(), self._said("consumer_number")
        if service_point is None and not number:
            yield say("give the consumer number of a new service point")
        if number and service_point is not None and service_point.consumer_number != number:
            yield say(
                "{external} is service point {consumer_number}, whose consumer number cannot change",
                external=self.external_id,
                consumer_number=service_point.consumer_number,
            )
        if service_point is not None:
            for name in ("commodity", "purpose"):
                if (said := self._said(name)) is not None and said != getattr(service_point, name):
                    yield say(
                        "service point {consumer_number} has the {name} {value}, which cannot change",
                        consumer_number=service_point.consumer_number,
                        name=name,
                        value=getattr(service_point, name),
                    )
            other = External.objects.filter(
                system=self.system, kind="service_point", object_id=service_point.id
            ).exclude(external_id=self.external_id)
            if (known := other.first()) is not None:
                yield say(
                    "service point {consumer_number} is {external} in {system} already",
                    consumer_number=service_point.consumer_number,
                    external=known.external_id,
                    system=self.system,
                )
        new = self._connection(execution)
        commodity = new.commodity if service_point is None else service_point.commodity
        yield from licensee_faults(execution, new.licensee, commodity)
        yield from self._faults_of_its_premise(service_point)

    def _faults_of_its_premise(self, service_point: ServicePoint | None) -> Iterator[str]:
        named = self._said("premise")
        if not named:
            return
        premise = _object_of(self.system, "premise", named)
        if premise is None:
            yield say("{system} has not reported a premise {named} yet", system=self.system, named=named)
        elif service_point is not None and service_point.premise_id != premise.pk:
            yield say(
                "service point {consumer_number} is at another premise, which cannot change",
                consumer_number=service_point.consumer_number,
            )

    def carry_out(self, execution: Execution) -> None:
        row = getattr(self, f"_put_{self.object}")(execution)
        execution.outcome[f"{self.object}_id"] = row.pk
        owned = [_COLUMN.get(name, name) for name in self.attributes]
        record_ownership(self.system, self.object, self.external_id, row.pk, owned)

    def _put_person(self, execution: Execution) -> Person:
        values = self._values("person")
        if "email" in values:
            values["email"] = values["email"].lower()
        person = self._person()
        if person is None:
            return Person.objects.create(id=next_id(secrets.randbelow(BUCKETS)), **values, **execution.stamp)
        write_person(execution, person, values, system=self.system)
        return person

    def _put_premise(self, execution: Execution) -> Premise:
        return PutPremise(values=self._values("premise"), known=self._linked_id()).put(execution)

    def _put_service_point(self, execution: Execution) -> ServicePoint:
        values, service_point = self._values("service_point"), self._service_point()
        named = self._said("premise")
        values.pop("premise", None)
        if "licensee" in values:
            values["licensee"] = Licensee.objects.filter(code=values["licensee"]).first()
        if service_point is None:
            premise = _object_of(self.system, "premise", named) if named else None
            if not isinstance(premise, Premise):
                premise = Premise.objects.create(
                    id=next_id(secrets.randbelow(BUCKETS)), name="", **execution.stamp
                )
            service_point = self._connection(execution).connect(execution, premise)
        else:
            self._change(execution, service_point, values)
        execution.service_point_id = service_point.id
        return service_point

    def _connection(self, execution: Execution) -> NewConnection:
        """Return the operation that creates a service point not known here."""
        named: JsonObject = {
            name: said for name in ("commodity", "purpose", "licensee") if (said := self._said(name))
        }
        return NewConnection(
            consumer_number=self._said("consumer_number") or "",
            connected_at=execution.recorded_at,
            **named,
        )

    def _change(self, execution: Execution, row: Model, values: dict[str, object]) -> None:
        new = {name: value for name, value in values.items() if getattr(row, name) != value}
        if new:
            execution.change(row, **new)

    def _values(self, kind: str) -> JsonObject:
        """Return the reported attributes as values of the columns."""
        return {name: _value_of(self._KNOWN[kind][name], text) for name, text in self.attributes.items()}

    def _said(self, name: str) -> str | None:
        text = self.attributes.get(name)
        return None if text is None else text.strip() or None

    def _linked_id(self) -> int | None:
        linked = self._linked()
        return None if linked is None else linked.pk

    def _linked(self) -> Model | None:
        return _object_of(self.system, self.object, self.external_id)

    def _person(self) -> Person | None:
        linked = self._linked()
        email = self._said("email")
        if isinstance(linked, Person):
            return linked
        if email is None:
            return None
        # A member of staff is not taken for a consumer because a system reports the same e-mail address.
        return None if any(staff_address_faults(email)) else person_of(email)

    def _service_point(self) -> ServicePoint | None:
        linked = self._linked()
        if isinstance(linked, ServicePoint):
            return linked
        number = self._said("consumer_number")
        return ServicePoint.objects.filter(consumer_number=number).first() if number else None


_COLUMN = {"licensee": "licensee_id", "premise": "premise_id"}


def _object_of(system: str, kind: str, external_id: str) -> Model | None:
    """Return the object that a system knows by a number; None where it was never reported, or was undone."""
    link = External.objects.filter(system=system, kind=kind, external_id=external_id).first()
    return None if link is None else QuerySet(_MODELS[kind]).filter(pk=link.object_id).first()


_WAYS = ColumnFormat(ZoneInfo("UTC"))
"""Attributes come in the registry's own notation; none of them is an instant."""


def _fault_of(known: Field, text: str | None) -> str | None:
    try:
        known.form.reader(_WAYS)(text)
    except FieldValueError as bad:
        return say("{sentence}; {remedy}", sentence=bad.sentence, remedy=bad.remedy)
    return None


def _value_of(known: Field, text: str | None) -> object:
    read = known.form.reader(_WAYS)(text)
    if read is None:
        read = known.default
    if read is None:
        return known.form.empty
    return known.form.value(read)
