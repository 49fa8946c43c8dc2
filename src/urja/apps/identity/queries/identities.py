"""Who signs in with an address, and which of these identities are the staff's.

A staff identity is a user with an employment, past, present or to come. Operations on people find and write the
identities of consumers; those of the staff are given and changed by commands on the machine itself alone. Somebody
who was dismissed stays out of reach: the audit names them, and they may be employed again.
"""

import re
from collections.abc import Iterator
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models.functions import Upper

from urja.apps.identity.models import Employment
from urja.apps.people.kinds import Person
from urja.base.sentences import say

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def email_faults(email: str) -> Iterator[str]:
    """Why nobody is written to by it."""
    if not _EMAIL.fullmatch(email.strip()):
        yield say("{email} is not an e-mail address", email=repr(email))


def users_of(emails: list[str]) -> dict[str, Any]:
    """The users who sign in with addresses, however they are capitalised; by the addresses as they were given."""
    # These columns and no more may the pipeline read.
    users = get_user_model().objects.only("id", "username", "email", "is_active")
    asked = {email.strip().upper(): email for email in emails}
    found = users.annotate(capital=Upper("email")).filter(capital__in=asked).order_by("-id")
    return {asked[user.capital]: user for user in found}


def user_of(email: str) -> Any:
    """As `users_of`, of one; None where there is none."""
    return users_of([email]).get(email)


def is_staff(user_id: int | None) -> bool:
    """Whether a user works here, has worked here, or will."""
    return user_id is not None and Employment.objects.filter(user_id=user_id).exists()


def staff_address_faults(email: str) -> Iterator[str]:
    """Why an address is not one of a consumer."""
    user = user_of(email)
    if user is not None:
        yield from staff_user_faults(user, email)


def staff_user_faults(user: Any, email: str) -> Iterator[str]:
    """Why a user's address is not one of a consumer."""
    if is_staff(user.pk):
        yield say(
            "{email} is the address of a present or former member of staff: give the person an address of their own",
            email=email.strip(),
        )


def taken_faults(person: Person | None, email: str) -> Iterator[str]:
    """Why an address is not one that a person can have: another identity signs in with it."""
    user = user_of(email)
    if user is None or (person is not None and user.pk == person.user_id):
        return
    if is_staff(user.pk):
        yield from staff_address_faults(email)
    else:
        yield say("another person signs in with {email}", email=email)
