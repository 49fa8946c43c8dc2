"""The channels of this installation, with the modules of their providers."""

from typing import cast

from django.conf import settings

from urja.apps import services
from urja.apps.notices.config import PROVIDERS, ChannelConfig
from urja.apps.notices.port import Messenger, Receipts


def configured() -> tuple[ChannelConfig, ...]:
    """Return the configured channels, first preference first; empty where notices are shown on the page alone."""
    return settings.URJA_CHANNELS


def named(name: str) -> ChannelConfig | None:
    """Return the configured channel with a name, or None."""
    return next((channel for channel in configured() if channel.name == name), None)


def of_medium(medium: str) -> ChannelConfig | None:
    """Return the first configured channel of a medium (`sms`, `email`), or None."""
    return next((channel for channel in configured() if channel.medium == medium), None)


def without_receipts() -> list[str]:
    """Return the names of channels that do not report whether a message was delivered."""
    return [channel.name for channel in configured() if not channel.reports]


def messenger(channel: ChannelConfig) -> Messenger:
    """Return the client that hands messages to a channel's service, with its secrets.

    Raises UnknownProviderError where the provider is not installed.
    """
    client = services.part(PROVIDERS, channel.provider, "client")
    return cast("Messenger", client.Client(channel.options, channel.secrets))


def receipts_of(channel: ChannelConfig) -> Receipts:
    """Return the functions that verify and read the receipts of a channel that reports.

    Raises UnknownProviderError where the provider is not installed.
    """
    return cast("Receipts", services.part(PROVIDERS, channel.provider, "receipts"))
