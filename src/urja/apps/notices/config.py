"""The configured channels as values; imported before Django is set up."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from urja.apps import services
from urja.base.settings import MessagesSettings

PROVIDERS: Final = "urja.apps.notices.providers"


@dataclass(frozen=True, slots=True)
class ChannelConfig:
    """One channel of `[messages.channels]`, with its secrets in processes that have them."""

    name: str
    """Its name in the settings, in the address of its receipts and in stored rows."""
    provider: str
    options: object
    """The `Options` of its provider."""
    medium: str
    """`sms` or `email`: which address of a person it needs, and the name that policies have for it."""
    reports: bool
    """Whether it reports that a message was delivered."""
    delivered: str
    """What counts as delivered, in a sentence for administrators."""
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


def channels_of(
    settings: MessagesSettings, secrets: Mapping[str, Mapping[str, str]] | None = None
) -> tuple[ChannelConfig, ...]:
    """Return the channels of the settings, first preference first.

    `secrets` are by channel name; the web is given none. Raises UnknownProviderError, and ValueError for wrong
    options.
    """
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
                provider.DELIVERED,
                (secrets or {}).get(name, {}),
            )
        )
    return tuple(found)
