"""Personal data of consumers: corrected, or erased for good. Money and readings refer to the number of the person
only.
"""

import re
from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import Q
from msgspec import UNSET

from urja.apps.contracts.models import Agreement
from urja.apps.identity.models import Employment
from urja.apps.identity.queries.identities import email_faults, is_staff, taken_faults
from urja.apps.journal.operation import Execution, UseCase
from urja.apps.people.models import PHONE, Person
from urja.apps.people.queries import PERSONAL, signs_in_with, version_of
from urja.base.sentences import say
from urja.base.untyped_values import JsonMapping, JsonObject
from urja.usecases.address_changes import request_address_change
from urja.usecases.kinds import people


def no_person_fault(person_id: int) -> str:
    """Return the fault of an unknown person."""
    return say("there is no person {person}", person=person_id)


def identity_faults(email: str, name: str, *, known: bool) -> Iterator[str]:
    """Yield why a person cannot be identified: the address is not valid, or is not known and no name is given."""
    wrong = list(email_faults(email))
    yield from wrong
    if not wrong and not known and not name.strip():
        yield say("no person is known by {email}: give a name", email=email)


def language_faults(language: str) -> Iterator[str]:
    """Yield why messages cannot be written in a language."""
    languages = [code for code, _ in settings.LANGUAGES]
    if language not in languages:
        yield say(
            "the language is {choices}, not {language}",
            choices=" or ".join(languages),
            language=repr(language),
        )


class CorrectConsumer(people.CorrectConsumer, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:  # noqa: ARG002 - the signature is shared
        person = Person.objects.select_for_update(of=("self",)).filter(id=self.consumer_id).first()
        if person is None:
            yield no_person_fault(self.consumer_id)
            return
        if person.nameless_at is not None:
            yield say(
                "person {person} was anonymised on {nameless_at}: no personal data can be corrected",
                person=self.consumer_id,
                nameless_at=format(person.nameless_at, "%Y-%m-%d"),
            )
        if self.version and self.version != version_of(person):
            yield say(
                "person {person} has changed since version {seen}: read it again, then correct it",
                person=self.consumer_id,
                seen=self.version,
            )
        given = self._given()
        if not given:
            yield say("give at least one field to correct: {choices}", choices=", ".join(PERSONAL))
        if "name" in given and not given["name"].strip():
            yield say("a name cannot be empty; anonymise_consumer erases it")
        if given.get("phone") and not re.fullmatch(PHONE, given["phone"]):
            yield say(
                "a telephone number has 8 to 15 digits, with or without a plus sign, not {phone}",
                phone=repr(self.phone),
            )
        if "language" in given:
            yield from language_faults(given["language"])
        yield from staff_faults(person, given)
        yield from self._faults_of_email(person, given)

    def _faults_of_email(self, person: Person, given: JsonObject) -> Iterator[str]:
        email = given.get("email")
        if email is None or (email == "" and not signs_in_with(person.id)):
            return
        yield from email_faults(email)
        yield from taken_faults(person, email)

    def carry_out(self, execution: Execution) -> None:
        self.write(execution)
        give_login_by_number(execution, Person.objects.get(id=self.consumer_id))

    def write(self, execution: Execution, *, system: str = "") -> None:
        """Write the data that differ; `system` is the outside system that reports them."""
        person = Person.objects.get(id=self.consumer_id)
        write_person(execution, person, self._given(), system=system)
        execution.outcome["consumer_id"] = person.id

    def _given(self) -> JsonObject:
        """Return the fields to correct, as they are stored."""
        given = {name: getattr(self, name) for name in PERSONAL if getattr(self, name) is not UNSET}
        if given.get("phone"):
            given["phone"] = re.sub(r"[\s()-]", "", given["phone"])
        if given.get("email"):
            given["email"] = given["email"].strip().lower()
        return given


def staff_faults(person: Person, given: JsonMapping) -> Iterator[str]:
    """Yield why a person's name or address is not corrected: it belongs to a staff identity too."""
    changed = [
        name for name in ("name", "email") if given.get(name, UNSET) not in (UNSET, getattr(person, name))
    ]
    if changed and is_staff(person.user_id):
        yield say(
            "person {person} is or was a member of staff: change their {names} with `urja staff change` on the machine itself",
            person=person.id,
            names=" and ".join(changed),
        )


def write_person(execution: Execution, person: Person, values: JsonObject, *, system: str = "") -> None:
    """Write the data that differ. For signing in, a name changes at once, an address once it is confirmed.

    Where a person signs in by mobile number alone, an address is one for notices.
    """
    if person.user_id is not None and "email" in values and signs_in_with(person.id):
        values = dict(values)
        request_address_change(execution, person.user_id, values.pop("email"), person=person, system=system)
    new = {name: value for name, value in values.items() if getattr(person, name) != value}
    if new:
        execution.change(person, **new)
    if person.user_id is not None and "name" in new:
        get_user_model().objects.filter(id=person.user_id).update(first_name=person.name[:150])


def make_user(email: str, name: str, execution: Execution) -> int:
    """Create a user and return its number; no user may have the address yet."""
    return _make_user(email, email, name, execution)


def make_user_of_number(person_id: int, name: str, execution: Execution) -> int:
    """Return the number of the user, without an e-mail address, by whom a person signs in by mobile number."""
    username = f"person-{person_id}"
    # It is there already where an operation that made it was undone.
    known = get_user_model().objects.filter(username=username).values_list("pk", flat=True).first()
    return _make_user(username, "", name, execution) if known is None else int(known)


def _make_user(username: str, email: str, name: str, execution: Execution) -> int:
    user = get_user_model()(
        username=username, email=email, first_name=name[:150], date_joined=execution.recorded_at
    )
    # People sign in by a code; there is no password to guess.
    user.set_unusable_password()
    user.save(force_insert=True)
    return int(user.pk)


def give_login_by_number(execution: Execution, person: Person) -> None:
    """Let a person who has a telephone number and no login sign in by that number, after its wait."""
    if person.user_id is None and person.phone:
        execution.change(person, user_id=make_user_of_number(person.id, person.name, execution))


class AnonymiseConsumer(people.AnonymiseConsumer, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:
        person = Person.objects.select_for_update(of=("self",)).filter(id=self.consumer_id).first()
        if person is None:
            yield no_person_fault(self.consumer_id)
            return
        if person.nameless_at is not None:
            yield say(
                "person {person} was anonymised on {nameless_at}",
                person=self.consumer_id,
                nameless_at=format(person.nameless_at, "%Y-%m-%d"),
            )
        for agreement in _standing(person, execution.recorded_at):
            yield say(
                "person {person} has an agreement at {service_point} since {valid_from}: end it first",
                person=self.consumer_id,
                service_point=agreement.service_point,
                valid_from=format(agreement.valid_from, "%Y-%m-%d"),
            )
        for held in _employed(person, execution.recorded_at):
            yield say(
                "person {person} has the staff role {role}: end it first",
                person=self.consumer_id,
                role=held.role,
            )

    def carry_out(self, execution: Execution) -> None:
        person = Person.objects.get(id=self.consumer_id)
        execution.change(person, name="", email="", phone=None, address="", nameless_at=execution.recorded_at)
        with connection.cursor() as cursor:
            cursor.execute("SELECT notices_forget(%s)", [person.id])
        execution.outcome["consumer_id"] = person.id


def _standing(person: Person, at: datetime) -> list[Agreement]:
    """Return the agreements of a person that are or will be in force after an instant."""
    return list(
        Agreement.objects.filter(
            Q(valid_to=None) | Q(valid_to__gt=at),
            Q(customer=person) | Q(account__accesses__person=person, account__accesses__role="owner"),
        )
        .select_related("service_point")
        .distinct()
        .order_by("id")
    )


def _employed(person: Person, at: datetime) -> list[Employment]:
    if person.user_id is None:
        return []
    return list(
        Employment.objects.filter(Q(valid_to=None) | Q(valid_to__gt=at), user_id=person.user_id).order_by(
            "id"
        )
    )
