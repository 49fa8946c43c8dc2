"""The configured gateways, composed from the packages of their providers.

A gateway's names, states and signatures are translated inside of its package; no other part of Urja knows them.
"""

from typing import Any, cast

from django.conf import settings

from urja.apps import services
from urja.apps.payments.config import (
    PROVIDERS,
    GatewayConfig as GatewayConfig,  # noqa: PLC0414 - callers name it
    PaymentsConfig as PaymentsConfig,  # noqa: PLC0414 - callers name it
)
from urja.apps.payments.errors import NoGatewayError
from urja.apps.payments.port import Page


def config() -> PaymentsConfig | None:
    """Return the payment settings; None without a gateway."""
    return cast("PaymentsConfig | None", getattr(settings, "URJA_PAYMENTS", None))


def names() -> list[str]:
    """Return the names of the configured gateways."""
    given = config()
    return [] if given is None else [gateway.name for gateway in given.gateways]


def headers(name: str) -> tuple[str, ...]:
    """Return the names of the webhook headers to store for the pipeline. Raises NoGatewayError for an unknown name."""
    return cast("tuple[str, ...]", part(configured(name), "webhook").HEADERS)


def page(given: GatewayConfig) -> Page:
    """Return the module for the payment page of a gateway."""
    return cast("Page", part(given, "page"))


def configured(name: str) -> GatewayConfig:
    """Return the gateway of a name. Raises NoGatewayError where it is not configured."""
    given = config()
    found = given.gateway(name) if given else None
    if found is None:
        raise NoGatewayError(
            f"no payment gateway has the name {name!r}: see [payments.gateways] in docs/payments.md"
        )
    return found


def part(given: GatewayConfig, name: str) -> Any:
    """Return a module of the package of a gateway's provider."""
    return services.part(PROVIDERS, given.provider, name)
