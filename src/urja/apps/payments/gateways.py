"""The gateways of this installation, put together from the folders of their providers.

What comes over a gateway's wire is turned into our words in its folder; nothing else of Urja knows its names, states
or signatures.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from django.conf import settings

from urja.apps import services
from urja.apps.payments.config import PROVIDERS, GatewayConfig, PaymentsConfig
from urja.apps.payments.errors import NoGatewayError
from urja.apps.payments.port import Client, Event, Page, Webhook


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


def config() -> PaymentsConfig | None:
    """The gateways of this installation; none where nobody can pay by one."""
    return cast("PaymentsConfig | None", getattr(settings, "URJA_PAYMENTS", None))


def names() -> list[str]:
    """The configured gateways."""
    given = config()
    return [] if given is None else [gateway.name for gateway in given.gateways]


def gateway(name: str) -> Gateway:
    """A configured gateway, with its secrets; raises NoGatewayError."""
    given = _given(name)
    client = services.part(PROVIDERS, given.provider, "client").Client(given.options, given.secrets)
    return Gateway(name, client, _part(given, "webhook"), given.secrets)


def headers(name: str) -> tuple[str, ...]:
    """The headers of a webhook that are kept for the pipeline; raises NoGatewayError."""
    return cast("tuple[str, ...]", _part(_given(name), "webhook").HEADERS)


def page(given: GatewayConfig) -> Page:
    """How a payer gets to a gateway's page and back."""
    return cast("Page", _part(given, "page"))


def _given(name: str) -> GatewayConfig:
    configured = config()
    found = configured.gateway(name) if configured else None
    if found is None:
        raise NoGatewayError(
            f"no payment gateway is called {name!r}: see [payments.gateways] in docs/payments.md"
        )
    return found


def _part(given: GatewayConfig, name: str) -> Any:
    return services.part(PROVIDERS, given.provider, name)
