"""Who works in the control room. Needs a role that may write to Django's own tables: the owner's, not the web's."""

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, User
from django.db import transaction

CONTROL_ROOM = "control_room"
"""Name of the group that opens the console; the migration makes it."""


def employ(email: str, name: str) -> User:
    """A person with the role, found by e-mail address or made; they sign in with a code, as everybody does."""
    with transaction.atomic():
        people = get_user_model().objects
        person = people.filter(email__iexact=email).first()
        if person is None:
            person = people.create_user(email, email, first_name=name, is_staff=True)
            person.set_unusable_password()
            person.save(update_fields=["password"])
        person.groups.add(Group.objects.get(name=CONTROL_ROOM))
    return person


def dismiss(person: User) -> None:
    """Take the role away; what the person may see as a consumer stays."""
    person.groups.remove(Group.objects.get(name=CONTROL_ROOM))
