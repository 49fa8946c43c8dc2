"""Which accounts a person may see."""

from django.db.models import QuerySet

from urja.apps.identity.models import AccountAccess


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
