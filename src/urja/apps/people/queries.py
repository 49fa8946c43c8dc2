"""Queries on people: the login address, and the version of a person's data."""

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
