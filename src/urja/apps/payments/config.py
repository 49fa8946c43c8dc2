"""Settings of the payment gateways as the app uses them; imported before Django is set up."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from urja.apps import services
from urja.base.settings import PaymentsSettings

PROVIDERS: Final = "urja.apps.payments.providers"


@dataclass(frozen=True, slots=True)
class GatewayConfig:
    """A gateway of `[payments.gateways]`; secrets are empty in processes that have none, such as the web."""

    name: str
    """Its name in the settings, in the URL of its webhooks, and in every stored row."""
    provider: str
    options: object
    """The `Options` struct of its provider's package."""
    methods: tuple[str, ...] = ("upi", "card", "wallet")
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class PaymentsConfig:
    """The settings section `[payments]`. Amounts are in minor units."""

    gateways: tuple[GatewayConfig, ...]
    """In the order of the settings: the first that offers a method is used for it. Empty where none is configured."""
    least_minor: int = 1000
    most_minor: int = 2_500_000
    settled_within_days: int = 7

    @classmethod
    def of(
        cls, settings: PaymentsSettings, secrets: Mapping[str, Mapping[str, str]] | None = None
    ) -> "PaymentsConfig":
        """Return the configuration. `secrets` are by gateway; the web passes none."""
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
        return cls(gateways, settings.least_minor, settings.most_minor, settings.settled_within_days)

    def gateway(self, name: str) -> GatewayConfig | None:
        """Return the gateway of a name; None where it is not configured."""
        return next((gateway for gateway in self.gateways if gateway.name == name), None)

    def by_method(self) -> dict[str, GatewayConfig]:
        """Return the gateway that takes each payment method."""
        found: dict[str, GatewayConfig] = {}
        for gateway in self.gateways:
            for method in gateway.methods:
                found.setdefault(method, gateway)
        return found
