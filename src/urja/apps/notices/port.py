"""What a channel of notices is to Urja: what is handed to it, what it tells, and what the files of its folder have.

A provider is a folder with the same few files: `settings.py` (`Options`, `SECRETS`; `MEDIUM`, `sms` or `email`; `REPORTS`,
whether it tells that a message was delivered), `client.py` (`Client`), `receipts.py` where it reports, and a `README.md`
that says what counts as sent and as delivered.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class MessageError(Exception):
    """A message could not be handed over."""


class ServiceUnavailableError(MessageError):
    """The service does not answer, or not now; the same may be tried again later."""


class MessageRefusedError(MessageError):
    """The service does not take this message, and trying again would not help."""


class Outcome(StrEnum):
    """What the service says of a message."""

    UNDER_WAY = "under_way"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What the service says of the message with our reference `ref`; `at` is when it ended, by its clock."""

    ref: str
    outcome: Outcome
    at: datetime | None


class Message(Protocol):
    """What is handed over."""

    @property
    def to(self) -> str: ...

    @property
    def text(self) -> str: ...

    @property
    def subject(self) -> str:
        """For media that have one."""
        ...

    @property
    def ref(self) -> str:
        """Our name of it: handed over again it is the same message."""
        ...


class Messenger(Protocol):
    """`client.Client(options, secrets)`. Calls raise ServiceAwayError or MessageRefusedError where they do not succeed."""

    async def send(self, message: Message) -> str:
        """Hand a message over; the service's name for it. The same `ref` with the same text is one message."""
        ...

    async def ask(self, provider_id: str) -> DeliveryReport:
        """What has become of a message; of channels that report."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class UnreadableReceiptError(ValueError):
    """A receipt that was signed and says nothing that can be understood."""


class Receipts(Protocol):
    """`receipts.py`: how a service's receipts are verified and read. They are recorded by the web as they came."""

    HEADERS: tuple[str, ...]
    """Names of the headers that are kept with a receipt's body, in small letters: what its signature needs."""

    def is_genuine(self, secrets: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> bool:
        """Whether the service signed these very bytes."""
        ...

    def read(self, body: bytes) -> DeliveryReport:
        """What a receipt says; raises UnreadableReceiptError."""
        ...
