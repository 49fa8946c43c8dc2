"""The channels of an installation as the app takes them; imported before Django is set up."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from urja.apps import services
from urja.base.settings import MessagesSettings

PROVIDERS: Final = "urja.apps.notices.providers"


@dataclass(frozen=True, slots=True)
class ChannelConfig:
    """One channel of `[messages.channels]`, with its secrets where the process has them."""

    name: str
    """As the settings, the address of its receipts and every row of it say."""
    provider: str
    options: Any
    """The `Options` of its provider's folder."""
    medium: str
    """`sms` or `email`: which address of a person it writes to, and what policies call it."""
    reports: bool
    """Whether it tells that a message was delivered."""
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


def channels_of(
    settings: MessagesSettings, secrets: Mapping[str, Mapping[str, str]] | None = None
) -> tuple[ChannelConfig, ...]:
    """The channels, first preference first. `secrets` by channel; the web is given none."""
    found = []
    for name, given in settings.channels.items():
        options = services.options(PROVIDERS, given.provider, given.options)
        provider = services.part(PROVIDERS, given.provider, "settings")
        found.append(
            ChannelConfig(
                name,
                given.provider,
                options,
                provider.MEDIUM,
                provider.REPORTS,
                (secrets or {}).get(name, {}),
            )
        )
    return tuple(found)
