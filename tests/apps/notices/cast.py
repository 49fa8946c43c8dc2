"""Channels of notices as settings configure them."""

from typing import Any

from tests.sandbox.conftest import KEYS, WEBHOOK_SECRET

from urja.base.settings import ChannelSettings, MessagesSettings


def sms_channel(url: str = "http://127.0.0.1:9") -> Any:
    """The sandbox's message service as the first channel of the settings."""
    from urja.apps.notices.config import channels_of

    options = {"base_url": url, "key_id": KEYS[0]}
    settings = MessagesSettings(channels={"sms": ChannelSettings(provider="sandbox", options=options)})
    [channel] = channels_of(settings, {"sms": {"key_secret": KEYS[1], "webhook_secret": WEBHOOK_SECRET}})
    return channel


def email_channel() -> Any:
    """E-mail through the relay of `MAILERS`."""
    from urja.apps.notices.config import channels_of

    [channel] = channels_of(MessagesSettings(channels={"email": ChannelSettings(provider="smtp")}))
    return channel
