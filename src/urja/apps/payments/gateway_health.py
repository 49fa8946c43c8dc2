"""When each gateway was asked and answered, and up to when its refunds are known."""

from datetime import datetime

from urja.apps.payments.models import GatewayHealth


def refunds_through_at(provider: str) -> datetime | None:
    """Return up to when (UTC) a gateway's refunds are known; None before its first query."""
    found = GatewayHealth.objects.filter(provider=provider)
    return found.values_list("refunds_through_at", flat=True).first()


def record_contact(
    provider: str, now: datetime, *, answered: bool, error: str = "", refunds: bool = False
) -> None:
    """Store that a gateway was asked, whether it answered, and whether it has reported its refunds."""
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
