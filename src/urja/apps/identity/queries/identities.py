"""Users by their sign-in address, and which of them are staff identities.

A staff identity is a user with an employment, past, present or future. Operations on people find and write consumers'
identities; those of staff are created and changed only by commands on the machine itself. A dismissed user stays a
staff identity: audit entries name them, and they may be employed again.
"""

from collections.abc import Iterator

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db.models.functions import Upper

from urja.apps.identity.kinds import SignInKind
from urja.apps.identity.models import Employment, SignIn
from urja.apps.people.queries import PersonRow
from urja.base.email_addresses import can_be_mailed
from urja.base.sentences import say
from urja.base.untyped_values import JsonObject


def email_faults(email: str) -> Iterator[str]:
    """Yield why an address cannot be written to."""
    if not can_be_mailed(email.strip()):
        yield say("{email} is not an e-mail address", email=repr(email))


def users_of(emails: list[str]) -> JsonObject:
    """Return the users who sign in with addresses, by the address as given; case does not matter."""
    # The pipeline's database role may read these columns and no others.
    users = get_user_model().objects.only("id", "username", "email", "is_active")
    # No address is of no user: those who sign in by mobile number have none.
    asked = {email.strip().upper(): email for email in emails if email.strip()}
    found = users.annotate(capital=Upper("email")).filter(capital__in=asked).order_by("-id")
    return {asked[user.capital]: user for user in found}


def user_of(email: str) -> User | None:
    """Return the user who signs in with an address, or None."""
    return users_of([email]).get(email)


def takes_first_address(user_id: int | None) -> bool:
    """Return whether a login may be given an e-mail address unconfirmed: it has none, and never signed in."""
    if user_id is None or not get_user_model().objects.filter(pk=user_id, email="", is_active=True).exists():
        return False
    return not SignIn.objects.filter(user_id=user_id, kind=SignInKind.SIGNED_IN).exists()


def is_staff(user_id: int | None) -> bool:
    """Return whether a user has, had or will have an employment."""
    return user_id is not None and Employment.objects.filter(user_id=user_id).exists()


def staff_address_faults(email: str) -> Iterator[str]:
    """Yield why an address cannot be a consumer's: it is of a staff identity."""
    user = user_of(email)
    if user is not None:
        yield from staff_user_faults(user, email)


def staff_user_faults(user: User, email: str) -> Iterator[str]:
    """Yield why a user's address cannot be a consumer's: the user is a staff identity."""
    if is_staff(user.pk):
        yield say(
            "{email} is the address of a present or former member of staff: give the person an address of their own",
            email=email.strip(),
        )


def taken_faults(person: PersonRow | None, email: str) -> Iterator[str]:
    """Yield why a person cannot have an address: another identity signs in with it."""
    user = user_of(email)
    if user is None or (person is not None and user.pk == person.user_id):
        return
    if is_staff(user.pk):
        yield from staff_address_faults(email)
    else:
        yield say("another person signs in with {email}", email=email)
