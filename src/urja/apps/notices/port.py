"""The interface of a channel's provider.

A provider is a folder with the same few files: `settings.py` (`Options`, `SECRETS`; `MEDIUM`, `sms` or `email`;
`REPORTS`, whether it reports that a message was delivered; `DELIVERED`, what counts as that), `client.py` (`Client`),
`receipts.py` where it reports, and a `README.md` that says what counts as sent and as delivered.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class MessageError(Exception):
    """A message that could not be handed over."""


class ServiceUnavailableError(MessageError):
    """The service does not answer, or not now; the same message may be tried again later."""


class MessageRefusedError(MessageError):
    """The service does not accept this message; trying again would not help."""


class Outcome(StrEnum):
    """A service's report on a message."""

    UNDER_WAY = "under_way"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """A service's report on the message with our reference `ref`; `at` is when it ended, by the service's clock."""

    ref: str
    outcome: Outcome
    at: datetime | None


class Message(Protocol):
    """A message to hand over."""

    @property
    def to(self) -> str: ...

    @property
    def text(self) -> str: ...

    @property
    def subject(self) -> str:
        """Subject line, for media that have one."""
        ...

    @property
    def ref(self) -> str:
        """Our reference: handed over again under the same one, it is the same message."""
        ...


class Messenger(Protocol):
    """The class `client.Client(options, secrets)` of a provider.

    Calls raise ServiceUnavailableError or MessageRefusedError where they do not succeed.
    """

    async def send(self, message: Message) -> str:
        """Hand a message over and return the service's number for it.

        The same `ref` with the same text is one message. Raises ServiceUnavailableError or MessageRefusedError.
        """
        ...

    async def ask(self, provider_id: str) -> DeliveryReport:
        """Return what has become of a message; only of channels that report.

        Raises ServiceUnavailableError or MessageRefusedError.
        """
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


class UnreadableReceiptError(ValueError):
    """A receipt that is signed and cannot be decoded."""


class Receipts(Protocol):
    """The module `receipts.py` of a provider: it verifies and reads receipts that the web has stored as received."""

    HEADERS: tuple[str, ...]
    """Names in lower case of the headers that are stored with a receipt, because its signature needs them."""

    def is_genuine(self, secrets: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> bool:
        """Return whether the service signed exactly these bytes."""
        ...

    def read(self, body: bytes) -> DeliveryReport:
        """Return the content of a receipt (the raw body in bytes); raises UnreadableReceiptError."""
        ...
