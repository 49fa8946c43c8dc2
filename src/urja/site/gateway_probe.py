"""Whether a payment gateway answers and accepts the key, by a question that changes nothing."""

from datetime import UTC, datetime, timedelta

from urja.apps import services
from urja.apps.payments.config import PROVIDERS, GatewayConfig


def ask(gateway: GatewayConfig) -> None:
    """Ask a gateway for the payments of the last minute.

    Raises GatewayRefusedError where it does not accept the key, GatewayAwayError where it does not answer.
    """
    client = services.part(PROVIDERS, gateway.provider, "client").Client(gateway.options, gateway.secrets)
    client.payments_since(datetime.now(UTC) - timedelta(minutes=1))
