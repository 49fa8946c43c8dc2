"""The gateways of this installation as the pipeline speaks to them: with their secrets."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from urja.apps.payments.port import Client, Event, Webhook
from urja.apps.payments.queries import gateways


@dataclass(frozen=True, slots=True)
class Gateway:
    """One configured gateway, for the pipeline: its client, and its secrets to judge what comes in."""

    name: str
    client: Client
    _webhook: Webhook
    _secrets: Mapping[str, str] = field(repr=False)

    def genuine(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether a webhook's raw bytes carry the gateway's signature."""
        return self._webhook.is_genuine(self._secrets, headers, body)

    def returned(self, query: str, provider_order_id: str) -> bool:
        """Whether a return from the page is signed for this order."""
        return self._webhook.is_return_genuine(self._secrets, query, provider_order_id)

    def read_event(self, body: bytes) -> Event:
        """A webhook's content; raises ValueError for what cannot be read."""
        return self._webhook.read(body)


def gateway(name: str) -> Gateway:
    """A configured gateway, with its secrets; raises NoGatewayError."""
    given = gateways.configured(name)
    client = gateways.part(given, "client").Client(given.options, given.secrets)
    return Gateway(name, client, gateways.part(given, "webhook"), given.secrets)
