"""Users by the mobile number of their person: those who may sign in with a code by SMS.

Staff may not, present, former or to come: a number can be taken over (SIM swap), and what staff can do is worth it.
Neither may a user whose number was changed or added after the login existed: an operation of the registry changes numbers
unconfirmed, and would otherwise hand the login to its requester. Of a user without an e-mail address a changed number may
after 14 days of business time, as there is no other way to sign in. Nor may a user with a second factor, nor more than five
people with one number (`identity_mobile_users`).
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from urja.apps.identity.models import Employment
from urja.apps.people.queries import phone_of_user
from urja.base.phone_numbers import normalised, spellings


@dataclass(frozen=True, slots=True)
class MobileUser:
    """A user who may sign in with a code by SMS."""

    user_id: int
    name: str


def users_of_number(number: str, now: datetime) -> list[MobileUser]:
    """Return the users who may sign in by a normalised number at `now` (business time, UTC), the earliest first; a family
    may share one.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT user_id, name FROM identity_mobile_users(%s, %s)", [list(spellings(number)), now]
        )
        found = cursor.fetchall()
    # 0 is no user: for an empty list Django sends no statement, and its absence would tell an unknown number.
    asked = [0, *(user_id for user_id, _name in found)]
    staff = set(Employment.objects.filter(user_id__in=asked).values_list("user_id", flat=True))
    return [MobileUser(user_id, name) for user_id, name in found if user_id not in staff]


def number_of(user_id: int | None, now: datetime) -> str | None:
    """Return the normalised number to which a user's codes may be sent by SMS at `now` (business time, UTC); None where
    they may not.
    """
    if user_id is None:
        return None
    number = normalised(phone_of_user(user_id) or "")
    if number is None or all(one.user_id != user_id for one in users_of_number(number, now)):
        return None
    return number
