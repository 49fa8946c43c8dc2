"""The gateways of an installation as the app takes them; imported before Django is set up."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from urja.apps import services
from urja.base.settings import PaymentsSettings

PROVIDERS: Final = "urja.apps.payments.providers"


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """One gateway of `[payments.gateways]`, with its secrets where the process has them."""

    name: str
    """As the settings, the address of its webhooks and every row of it say."""
    provider: str
    options: Any
    """The `Options` of its provider's folder."""
    methods: tuple[str, ...] = ("upi", "card", "wallet")
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class PaymentsConfig:
    """`[payments]`."""

    gateways: tuple[GatewayConfig, ...]
    """In the order of the settings: the first that offers a method takes it."""
    least_minor: int = 1000
    most_minor: int = 2_500_000
    settled_within_days: int = 7

    @classmethod
    def of(
        cls, settings: PaymentsSettings, secrets: Mapping[str, Mapping[str, str]] | None = None
    ) -> "PaymentsConfig | None":
        """None where there is no gateway to pay by. `secrets` by gateway; the web is given none."""
        gateways = tuple(
            GatewayConfig(
                name,
                given.provider,
                services.options(PROVIDERS, given.provider, given.options),
                given.methods,
                (secrets or {}).get(name, {}),
            )
            for name, given in settings.gateways.items()
        )
        if not gateways:
            return None
        return cls(gateways, settings.least_minor, settings.most_minor, settings.settled_within_days)

    def gateway(self, name: str) -> GatewayConfig | None:
        """The gateway of this name."""
        return next((gateway for gateway in self.gateways if gateway.name == name), None)

    def by_method(self) -> dict[str, GatewayConfig]:
        """Which gateway takes each method."""
        found: dict[str, GatewayConfig] = {}
        for gateway in self.gateways:
            for method in gateway.methods:
                found.setdefault(method, gateway)
        return found
