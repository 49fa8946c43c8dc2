"""The channels of this installation, put together from the folders of their providers."""

from typing import cast

from django.conf import settings

from urja.apps import services
from urja.apps.notices.config import PROVIDERS, ChannelConfig
from urja.apps.notices.port import Messenger, Receipts


def configured() -> tuple[ChannelConfig, ...]:
    """First preference first; empty where only the page shows notices."""
    return cast("tuple[ChannelConfig, ...]", settings.URJA_CHANNELS)


def named(name: str) -> ChannelConfig | None:
    """The configured channel of this name."""
    return next((channel for channel in configured() if channel.name == name), None)


def without_receipts() -> list[str]:
    """Those that never tell whether a message was delivered."""
    return [channel.name for channel in configured() if not channel.reports]


def messenger(channel: ChannelConfig) -> Messenger:
    """What hands messages to a channel's service, with its secrets."""
    client = services.part(PROVIDERS, channel.provider, "client")
    return cast("Messenger", client.Client(channel.options, channel.secrets))


def receipts_of(channel: ChannelConfig) -> Receipts:
    """How the receipts of a channel that reports are read."""
    return cast("Receipts", services.part(PROVIDERS, channel.provider, "receipts"))
