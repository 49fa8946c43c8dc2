"""Whether a gateway answers, and up to when it was asked for refunds."""

from datetime import datetime

from urja.apps.payments.models import GatewayHealth


def refunds_through_at(provider: str) -> datetime | None:
    """Up to when a gateway has told of its refunds; none where it was never asked anything."""
    found = GatewayHealth.objects.filter(provider=provider)
    return found.values_list("refunds_through_at", flat=True).first()


def record_contact(
    provider: str, now: datetime, *, answered: bool, error: str = "", refunds: bool = False
) -> None:
    """Note that a gateway was asked, and whether it has answered and has told of its refunds."""
    health, _new = GatewayHealth.objects.get_or_create(
        provider=provider,
        defaults={"first_asked_at": now, "last_asked_at": now, "refunds_through_at": now},
    )
    health.last_asked_at, health.last_error = now, error[:200]
    if answered:
        health.last_answered_at = now
    if refunds:
        health.refunds_through_at = now
    health.save()
