"""The configured gateways, composed from the packages of their providers.

A gateway's names, states and signatures are translated inside of its package; no other part of Urja knows them.
"""

from collections.abc import Mapping
from typing import Any, Final, cast

from django.conf import settings

from urja.apps import services
from urja.apps.payments.config import (
    PROVIDERS,
    GatewayConfig as GatewayConfig,  # noqa: PLC0414 - callers name it
    PaymentsConfig as PaymentsConfig,  # noqa: PLC0414 - callers name it
)
from urja.apps.payments.errors import NoGatewayError
from urja.apps.payments.port import (
    Checkout as Checkout,  # noqa: PLC0414 - callers name it
    Page,
    Settings,
)

LONGEST_RETURNED: Final = 200
"""Characters of a field with which a payer returns; a signature has 64."""


def settings_of_payments() -> PaymentsConfig:
    """Return the payment settings, whether a gateway is configured or not."""
    return cast("PaymentsConfig | None", getattr(settings, "URJA_PAYMENTS", None)) or PaymentsConfig(())


def config() -> PaymentsConfig | None:
    """Return the payment settings; None without a gateway."""
    given = settings_of_payments()
    return given if given.gateways else None


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


def returned(query: Mapping[str, str]) -> dict[str, str]:
    """Return what payers of the configured gateways return with, of the fields of a form or an address."""
    given = config()
    names = {name for gateway in given.gateways for name in page(gateway).RETURNED} if given else set()
    return {name: query[name][:LONGEST_RETURNED] for name in sorted(names) if name in query}


def why_no_money_moves(given: GatewayConfig) -> str:
    """Return why payments over a gateway move no money (test keys, a stand-in); empty for a live account."""
    return cast("Settings", part(given, "settings")).why_no_money_moves(given.options)


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
