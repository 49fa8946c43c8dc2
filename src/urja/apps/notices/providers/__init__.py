"""The port behind which message services stand: one folder a service, chosen by `[messages] provider`.

A service takes a message under a reference of ours and takes it once however often it is handed over; tells what
has become of it when asked; and reports by receipts, signed, at `/hooks/sms/`. The web keeps them; the pipeline verifies.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class MessageError(Exception):
    """A message could not be handed over."""


class ServiceAway(MessageError):  # noqa: N818 - a state of the service, not of the program
    """The service does not answer, or not now; the same may be tried again later."""


class MessageRefused(MessageError):  # noqa: N818 - named for what it says
    """The service does not take this message, and trying again would not help."""


class Outcome(StrEnum):
    """What the service says of a message."""

    UNDER_WAY = "under_way"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Told:
    """What the service says of the message with our reference `ref`; `at` is when it ended, by its clock."""

    ref: str
    outcome: Outcome
    at: datetime | None


class Messenger(Protocol):
    """Hands messages to a service. Every call raises ServiceAway or MessageRefused where it does not succeed."""

    async def send(self, to: str, text: str, ref: str) -> str:
        """Hand a message over; the service's name for it. The same `ref` with the same text is taken once."""
        ...

    async def ask(self, provider_id: str) -> Told:
        """What has become of a message."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class UnreadableReceipt(ValueError):  # noqa: N818 - named for what it says
    """A receipt that was signed and says nothing that can be understood."""


class Receipts(Protocol):
    """How a service's receipts are verified and read."""

    SIGNATURE: str
    """Name of the header with the signature."""

    def is_genuine(self, secret: str, signature: str, body: bytes) -> bool:
        """Whether the service signed these very bytes."""
        ...

    def read(self, body: bytes) -> Told:
        """What a receipt says; raises UnreadableReceipt."""
        ...


def receipts_of(provider: str) -> Receipts:
    """Raises KeyError for a service that sends none, such as `none`."""
    from urja.apps.notices.providers.sandbox import receipts as sandbox

    return {"sandbox": sandbox}[provider]
