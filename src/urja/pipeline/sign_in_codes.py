"""The pipeline's stages `sign_in_codes` and `sign_in_messages`: mail codes that the web has requested, or send them by SMS.

    pending ─▶ relay connected, sender accepted ─▶ sent | refused | limited | unknown      pending for 5 min ─▶ expired

The web names a user, digits and a language. The address is the user's own, the text is one of `notices/mails`: a stolen
web can have codes mailed to people who sign in here, as many as the limits allow, and nothing else to any other address.

A code by SMS goes to the number of the user's person, and to no member of staff: numbers can be taken over (SIM swap).

For an address without an account the relay is asked as well and nothing is sent. So what a page shows of a relay that
fails (`relay_failed_at`) is the same for both.
"""

import asyncio
import math
import smtplib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.core.mail import EmailMessage
from prometheus_client import Counter

from urja.apps.identity import sign_in_codes as codes
from urja.apps.identity.kinds import CODE_EXPIRES_AFTER, CodeMedium, CodeOutcome
from urja.apps.identity.queries import mobile_users
from urja.apps.identity.sign_in_codes import SignInCodeRow
from urja.apps.notices import channels
from urja.apps.notices.mail import MailBackend, connected_relay
from urja.apps.notices.mail_texts import mail_text
from urja.apps.notices.port import MessageRefusedError, ServiceUnavailableError
from urja.base.clock import Clock
from urja.pipeline.stage import Report

log = structlog.get_logger()

AT_ONCE: Final = 50
"""Codes that leave by one connection."""
FIRST_PAUSE_S: Final = 1.0
LAST_PAUSE_S: Final = 15.0
"""A code lives for five minutes: a relay that is back is noticed soon."""
RETRY: Final = timedelta(seconds=15)
"""Pause after a relay's temporary refusal of one mail (4yz)."""
HOUR: Final = timedelta(hours=1)
USER_LIMIT: Final = 20
"""Codes to one user in an hour. A person who mistypes and waits as the web demands needs fewer."""
TOTAL_LIMITS: Final = {CodeMedium.EMAIL: 3_000, CodeMedium.SMS: 500}
"""Codes to all users in an hour, so that a stolen web does not use up what the mail provider allows, or the money for SMS."""

_CODES = Counter("urja_sign_in_codes", "Sign-in codes by what became of them", ["outcome"])


class SignInCodes:
    """The stage, synchronous. `clock` is the wall clock, by which codes live."""

    def __init__(self, utility: str, clock: Clock) -> None:
        self._utility = utility
        self._clock = clock
        self._failures = 0
        self._error = ""
        self._again_s = -math.inf

    def run_once(self, _business_now: datetime) -> Report:
        """End expired codes and mail those that are due."""
        now = self._clock.now()
        pending = codes.due(now, AT_ONCE, CodeMedium.EMAIL)
        expired = [code for code in pending if code.requested_at + CODE_EXPIRES_AFTER <= now]
        for code in expired:
            _end(code, CodeOutcome.EXPIRED, now)
        due = [code for code in pending if code not in expired]
        if due and time.monotonic() >= self._again_s:
            self._mail(due, now)
        lag = codes.pending_count(CodeMedium.EMAIL) if pending else None
        if self._failures:
            return Report(
                len(expired), lag=lag, detail=f"the mail relay took nothing: {self._error}", ill=True
            )
        return Report(len(pending), lag=lag)

    def _mail(self, due: Sequence[SignInCodeRow], now: datetime) -> None:
        try:
            with connected_relay() as relay:
                self._failures, self._error = 0, ""
                for code in due:
                    if not self._mail_one(relay, code, now):
                        return
        except (OSError, smtplib.SMTPException) as error:
            # Before any address was named: what the page shows of it says nothing of an address.
            codes.record_relay_failure([code.id for code in due], now)
            pause_s = min(FIRST_PAUSE_S * 2 ** min(self._failures, 16), LAST_PAUSE_S)
            self._failures += 1
            self._error = f"{type(error).__name__}: {error}"
            self._again_s = time.monotonic() + pause_s
            log.warning("sign-in codes not sent", error=self._error, again_in_s=pause_s, waiting=len(due))

    def _mail_one(self, relay: MailBackend, code: SignInCodeRow, now: datetime) -> bool:
        """Mail one code; return whether the connection can be used further."""
        if code.user is None or not code.user.email:
            _end(code, CodeOutcome.UNKNOWN, now)
            return True
        if _limited(code, now):
            log.warning("sign-in code not sent: too many of late", user=code.user_id)
            _end(code, CodeOutcome.LIMITED, now)
            return True
        subject, body = mail_text(
            "sign_in_code", code.language, {"code": code.code, "utility": self._utility}
        )
        try:
            relay.send_messages([EmailMessage(subject, body, to=[code.user.email])])
        except smtplib.SMTPRecipientsRefused as error:
            # A mail has one recipient, so the first entry is ours.
            self._refused(code, next(iter(error.recipients.values()))[0], error, now)
        except smtplib.SMTPDataError as error:
            self._refused(code, error.smtp_code, error, now)
        except (OSError, smtplib.SMTPException) as error:
            # This mail may be the reason: the others are not kept waiting by it.
            log.warning("sign-in code not sent", user=code.user_id, error=f"{type(error).__name__}: {error}")
            codes.postpone(code.id, now + RETRY)
            return False
        else:
            _end(code, CodeOutcome.SENT, now)
        return True

    def _refused(self, code: SignInCodeRow, answer: int, error: Exception, now: datetime) -> None:
        """Try again after a temporary answer; 5yz is permanent (RFC 5321, 4.2.1)."""
        log.warning("sign-in code refused", user=code.user_id, error=str(error))
        if answer < 500:
            codes.postpone(code.id, now + RETRY)
        else:
            _end(code, CodeOutcome.REFUSED, now)


@dataclass(frozen=True, slots=True)
class _Text:
    """A message with a code, for a channel."""

    to: str
    text: str
    ref: str
    subject: str = ""


class MessagedCodes:
    """The stage `sign_in_messages`, synchronous. `clock` is the wall clock, by which codes live."""

    def __init__(self, utility: str, clock: Clock) -> None:
        self._utility = utility
        self._clock = clock

    def run_once(self, business_now: datetime) -> Report:
        """End expired codes and send those that are due."""
        now = self._clock.now()
        pending = codes.due(now, AT_ONCE, CodeMedium.SMS)
        due = [(code, text) for code in pending if (text := self._text(code, now, business_now))]
        outcomes, error = asyncio.run(_send([text for _code, text in due])) if due else ([], "")
        for (code, _text), outcome in zip(due, outcomes, strict=False):
            _end(code, outcome, now)
        for code, _text in due[len(outcomes) :]:
            codes.postpone(code.id, now + RETRY)
        if error:
            log.warning("sign-in codes not sent by SMS", error=error, waiting=len(due) - len(outcomes))
            return Report(len(pending), detail=f"the SMS service took nothing: {error}", ill=True)
        return Report(len(pending))

    def _text(self, code: SignInCodeRow, now: datetime, business_now: datetime) -> _Text | None:
        """Return the message of a code; None where none is sent, which is recorded."""
        number = mobile_users.number_of(code.user_id, business_now)
        if code.requested_at + CODE_EXPIRES_AFTER <= now:
            _end(code, CodeOutcome.EXPIRED, now)
            return None
        if number is None:
            _end(code, CodeOutcome.UNKNOWN, now)
            return None
        if _limited(code, now):
            log.warning("sign-in code not sent: too many of late", user=code.user_id)
            _end(code, CodeOutcome.LIMITED, now)
            return None
        values = {"code": code.code, "utility": self._utility}
        _subject, text = mail_text("sign_in_message", code.language, values)
        return _Text(number, text.strip(), f"sign-in-{code.id}")


async def _send(texts: Sequence[_Text]) -> tuple[list[CodeOutcome], str]:
    """Hand messages to the first SMS channel in their order; return what became of the first ones, and why it stopped."""
    outcomes: list[CodeOutcome] = []
    channel = channels.of_medium("sms")
    if channel is None:
        return outcomes, "no SMS channel is configured"
    messenger = channels.messenger(channel)
    try:
        for text in texts:
            try:
                await messenger.send(text)
            except MessageRefusedError as error:
                log.warning("sign-in code refused", message=text.ref, error=str(error))
                outcomes.append(CodeOutcome.REFUSED)
            else:
                outcomes.append(CodeOutcome.SENT)
    except ServiceUnavailableError as error:
        return outcomes, str(error)
    finally:
        await messenger.close()
    return outcomes, ""


def _end(code: SignInCodeRow, outcome: CodeOutcome, now: datetime) -> None:
    codes.end(code.id, outcome, now)
    _CODES.labels(outcome).inc()


def _limited(code: SignInCodeRow, now: datetime) -> bool:
    """Whether so many codes left in the last hour by this medium, to this user or to all, that this one does not."""
    since, medium = now - HOUR, CodeMedium(code.medium)
    return (
        codes.sent_count(since, medium, code.user_id) >= USER_LIMIT
        or codes.sent_count(since, medium) >= TOTAL_LIMITS[medium]
    )
