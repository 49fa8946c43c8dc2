"""What a decision rests on, gathered for many accounts at once."""

from collections.abc import Sequence

from django.apps import apps

from urja.core.policy import AuthorisedPayment


def authorised_payments(account_ids: Sequence[int]) -> dict[int, tuple[AuthorisedPayment, ...]]:
    """Money that the gateway has authorised and nobody has been credited with, by account."""
    if not apps.is_installed("urja.apps.payments"):
        return {}
    from urja.apps.payments import queries

    return queries.authorised(account_ids)
