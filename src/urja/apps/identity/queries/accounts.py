"""Queries on access to accounts."""

from django.db.models import Case, QuerySet, Value, When

from urja.apps.identity.kinds import AccessRole
from urja.apps.identity.models import AccountAccess
from urja.apps.people.queries import PersonRow


def accesses_of(user_id: int) -> QuerySet[AccountAccess]:
    """Return a user's access to accounts, with the account, the oldest first."""
    return (
        AccountAccess.objects.filter(person__user_id=user_id)
        .select_related("account")
        .order_by("recorded_at", "id")
    )


def has_account(user_id: int) -> bool:
    """Return whether a user may see any account."""
    return accesses_of(user_id).exists()


def people_with_access(account_id: int) -> list[PersonRow]:
    """Return the people who may see an account, its owners first."""
    owners_first = Case(When(role=AccessRole.OWNER, then=Value(0)), default=Value(1))
    accesses = AccountAccess.objects.filter(account_id=account_id).select_related("person")
    return [access.person for access in accesses.order_by(owners_first, "id")]
