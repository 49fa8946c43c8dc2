"""The gateways of this installation, put together from the folders of their providers.

What comes over a gateway's wire is turned into our words in its folder; nothing else of Urja knows its names, states
or signatures.
"""

from typing import Any, cast

from django.conf import settings

from urja.apps import services
from urja.apps.payments.config import PROVIDERS, GatewayConfig, PaymentsConfig
from urja.apps.payments.errors import NoGatewayError
from urja.apps.payments.port import Page


def config() -> PaymentsConfig | None:
    """The gateways of this installation; none where nobody can pay by one."""
    return cast("PaymentsConfig | None", getattr(settings, "URJA_PAYMENTS", None))


def names() -> list[str]:
    """The configured gateways."""
    given = config()
    return [] if given is None else [gateway.name for gateway in given.gateways]


def headers(name: str) -> tuple[str, ...]:
    """The headers of a webhook that are kept for the pipeline; raises NoGatewayError."""
    return cast("tuple[str, ...]", part(configured(name), "webhook").HEADERS)


def page(given: GatewayConfig) -> Page:
    """How a payer gets to a gateway's page and back."""
    return cast("Page", part(given, "page"))


def configured(name: str) -> GatewayConfig:
    """The gateway of this name; raises NoGatewayError."""
    given = config()
    found = given.gateway(name) if given else None
    if found is None:
        raise NoGatewayError(
            f"no payment gateway is called {name!r}: see [payments.gateways] in docs/payments.md"
        )
    return found


def part(given: GatewayConfig, name: str) -> Any:
    """A file of the folder of a gateway's provider."""
    return services.part(PROVIDERS, given.provider, name)
