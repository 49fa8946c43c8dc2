"""Queries on people: the login address, a user's telephone number, and the version of a person's data."""

from hashlib import sha256

from urja.apps.people.models import Person

type PersonRow = Person
"""A row of `people_person`, for annotations outside this app."""


PERSONAL = ("name", "email", "phone", "language", "address")


def signs_in_with(person_id: int) -> str:
    """Return the e-mail address that a person signs in with; empty without a login."""
    found = Person.objects.filter(id=person_id).values_list("user__email", flat=True).first()
    return found or ""


def version_of(person: Person) -> str:
    """Return a hash of a person's data, for detecting that they have changed."""
    known = [getattr(person, name) for name in (*PERSONAL, "nameless_at")]
    return sha256(repr(known).encode()).hexdigest()[:16]


def person_of_user(user_id: int) -> Person | None:
    """Return the person with a login; None for one that is a member of staff alone."""
    return Person.objects.filter(user_id=user_id, nameless_at=None).first()


def phone_of_user(user_id: int) -> str | None:
    """Return the telephone number of a user's person, as it is stored; None where there is none."""
    people = Person.objects.filter(user_id=user_id, nameless_at=None)
    return people.values_list("phone", flat=True).first()
