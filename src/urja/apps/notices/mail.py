"""Django mail backends: in the background, through the relay, and the outbox of a demonstration."""

import os
import smtplib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import BoundedSemaphore
from typing import Any, Final

import structlog
from django.core.mail import EmailMessage, InvalidMailer, mailers
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.backends.smtp import EmailBackend

from urja.apps.notices.operations import store_message
from urja.base.clock import WallClock

log = structlog.get_logger()

WAITING_AT_MOST: Final = 1_000
"""The most mails of a process that wait for the relay; further ones are dropped and logged."""
_BESIDE: Final = 4
"""Threads that send mail at the same time."""

_room = BoundedSemaphore(WAITING_AT_MOST)


@cache
def _sending(_process: int) -> ThreadPoolExecutor:
    """Return the thread pool of a process.

    By process, because threads do not survive a fork. It is joined when the process ends.
    """
    return ThreadPoolExecutor(_BESIDE, thread_name_prefix="mail")


class BackgroundBackend(BaseEmailBackend):
    """Hands messages to the mailer `relay` in a thread, so that a page shows neither whether nor how long it takes.

    A mail that cannot be sent is logged. A person who misses a sign-in code requests another one.
    """

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            # A bounded number: a relay that does not answer must not fill the memory of the web process.
            if not _room.acquire(blocking=False):
                log.error("mail dropped: too many are waiting for the relay", waiting=WAITING_AT_MOST)
                continue
            _sending(os.getpid()).submit(_send, message)
        return len(email_messages)


def _send(message: EmailMessage) -> None:
    try:
        mailers["relay"].send_messages([message])
    except (OSError, smtplib.SMTPException, InvalidMailer) as error:
        log.error("mail not sent", error=f"{type(error).__name__}: {error}")  # noqa: TRY400 - no trace is needed
    finally:
        _room.release()


class RelayBackend(EmailBackend):
    """The relay of `[mail]`, through which every mail is sent; replies go to `reply_to` where it is set."""

    def __init__(self, *, reply_to: str = "", **options: Any) -> None:
        super().__init__(**options)
        self._reply_to = [reply_to] if reply_to else []

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            message.reply_to = message.reply_to or self._reply_to
        try:
            return super().send_messages(email_messages) or 0
        finally:
            # Django keeps a connection whose opening failed half-way, such as at the login; without this it would leak.
            opened = getattr(self, "_partial_connection", None)
            if opened is not None:
                opened.close()
                self._partial_connection = None


class OutboxBackend(BaseEmailBackend):
    """The mailer of a demonstration: it stores messages, stamped with wall time, in which sign-in codes live."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Store one row for each recipient; return the number of messages, as Django expects."""
        sent_at = WallClock().now()
        for message in email_messages:
            for recipient in message.recipients():
                store_message(
                    sender=message.from_email,
                    recipient=recipient,
                    subject=str(message.subject),
                    body=str(message.body),
                    sent_at=sent_at,
                )
        return len(email_messages)
