"""What is known of people."""

from hashlib import sha256

from urja.apps.people.models import Person

PERSONAL = ("name", "email", "phone", "language", "address")


def version_of(person: Person) -> str:
    """Another one whenever what is known of a person has changed."""
    known = [getattr(person, name) for name in (*PERSONAL, "nameless_at")]
    return sha256(repr(known).encode()).hexdigest()[:16]
