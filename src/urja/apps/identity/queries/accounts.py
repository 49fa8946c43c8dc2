"""Which accounts a person may see."""

from django.db.models import Case, QuerySet, Value, When

from urja.apps.identity.kinds import AccessRole
from urja.apps.identity.models import AccountAccess
from urja.apps.people.kinds import Person


def accesses_of(user_id: int) -> QuerySet[AccountAccess]:
    """The accounts a person may see, with the account, oldest first."""
    return (
        AccountAccess.objects.filter(person__user_id=user_id)
        .select_related("account")
        .order_by("recorded_at", "id")
    )


def has_account(user_id: int) -> bool:
    """Whether a person may see any account."""
    return accesses_of(user_id).exists()


def access_to(user_id: int, account_id: int) -> AccountAccess | None:
    """A person's access to one account; none where they have no business there."""
    return accesses_of(user_id).filter(account_id=account_id).first()


def people_with_access(account_id: int) -> list[Person]:
    """Who may see an account, its owners first."""
    owners_first = Case(When(role=AccessRole.OWNER, then=Value(0)), default=Value(1))
    accesses = AccountAccess.objects.filter(account_id=account_id).select_related("person")
    return [access.person for access in accesses.order_by(owners_first, "id")]
