"""The gateways of this installation for the pipeline, with their secrets."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from urja.apps.payments.port import Client, Event, Webhook
from urja.apps.payments.queries import gateways


@dataclass(frozen=True, slots=True)
class Gateway:
    """A configured gateway: its client, and its secrets to verify what comes in."""

    name: str
    client: Client
    _webhook: Webhook
    _secrets: Mapping[str, str] = field(repr=False)

    def genuine(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Return whether a webhook's raw body carries the gateway's signature."""
        return self._webhook.is_genuine(self._secrets, headers, body)

    def returned(self, query: str, provider_order_id: str) -> bool:
        """Return whether a return from the payment page is signed for this order."""
        return self._webhook.is_return_genuine(self._secrets, query, provider_order_id)

    def read_event(self, body: bytes) -> Event:
        """Return a webhook's content. Raises ValueError where the body cannot be parsed."""
        return self._webhook.read(body)


def gateway(name: str) -> Gateway:
    """Return a configured gateway with its secrets. Raises NoGatewayError for an unknown name."""
    given = gateways.configured(name)
    client = gateways.part(given, "client").Client(given.options, given.secrets)
    return Gateway(name, client, gateways.part(given, "webhook"), given.secrets)
