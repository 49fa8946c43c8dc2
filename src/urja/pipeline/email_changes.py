"""The pipeline's stage `addresses`: changes of sign-in email addresses are mailed, confirmed and carried out.

    requested ─▶ tokens made, their digests stored, mails sent ─▶ confirmations from the web are checked ─▶ `change_address`

The tokens are made here and leave by mail alone. A mail that cannot be sent is tried again after a growing pause,
then with new tokens. A change that fails does not keep the next one from being carried out.
"""

import math
import secrets
import smtplib
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.core.mail import send_mail

from urja.apps.identity import address_changes as changes, sign_in_codes, sign_ins
from urja.apps.identity.address_changes import AddressChangeRow
from urja.apps.identity.kinds import AddressChangeState
from urja.apps.journal.errors import RefusedError
from urja.apps.local_zone import local_zone
from urja.apps.notices.mail_texts import mail_text
from urja.base.sentences import in_english
from urja.core.policy.wording import DEFAULT_LANGUAGE
from urja.pipeline.stage import Report
from urja.usecases.address_changes import EXPIRES_AFTER, is_confirmed
from urja.usecases.operations import ChangeAddress, perform

log = structlog.get_logger()

ACTOR: Final = "pipeline"
AT_ONCE: Final = 50
FIRST_PAUSE_S: Final = 5.0
LAST_PAUSE_S: Final = 600.0
SIGN_IN_RETENTION: Final = timedelta(days=365)
"""Longer than a browser is remembered."""
CODE_RETENTION: Final = timedelta(days=1)
"""Of requests for codes, without the codes: longer than the limits count."""

type Send = Callable[[str, str, str], None]
"""Sends a mail with recipient, subject and body. Raises OSError where it cannot be sent now."""


def send_by_relay(recipient: str, subject: str, body: str) -> None:
    """Send a mail through the relay that sends sign-in codes. Raises OSError (smtplib's errors are subclasses)."""
    send_mail(subject, body, None, [recipient], using="relay")


@dataclass(frozen=True, slots=True)
class MailSender:
    """The sender's name, and the public URL of the pages that mails link to."""

    utility: str
    public_url: str
    send: Send = send_by_relay


class EmailChanges:
    """The stage, synchronous."""

    def __init__(self, sender: MailSender) -> None:
        self._sender = sender
        self._failures = 0
        self._mail_again_s = -math.inf

    def run_once(self, now: datetime) -> Report:
        """Check confirmations, carry out confirmed changes, send due mails at `now` (business time, UTC)."""
        done = changes.apply_answers(now, AT_ONCE) + complete_confirmed(now)
        if time.monotonic() < self._mail_again_s:
            return Report(done, detail="mails cannot be sent")
        try:
            done += send_due_mails(self._sender, now)
        except (OSError, smtplib.SMTPException) as error:
            pause_s = min(FIRST_PAUSE_S * 2 ** min(self._failures, 16), LAST_PAUSE_S)
            self._failures += 1
            self._mail_again_s = time.monotonic() + pause_s
            log.warning("mail not sent", error=str(error), again_in_s=pause_s)
            return Report(done, detail="mails cannot be sent")
        self._failures = 0
        return Report(done)


def complete_confirmed(now: datetime) -> int:
    """Change the addresses that are confirmed and end expired changes; return how many."""
    done = 0
    for change in changes.open_changes():
        if is_confirmed(change, now):
            _change(change, now)
            done += 1
        elif change.asked_at + EXPIRES_AFTER <= now:
            changes.end(change.id, AddressChangeState.EXPIRED, now)
            done += 1
    return done


def _change(change: AddressChangeRow, now: datetime) -> None:
    operation = ChangeAddress(
        address_change=change.id, old_email=change.old_email, new_email=change.new_email
    )
    try:
        perform(operation, recorded_at=now, actor=ACTOR, idempotency_key=f"address:{change.id}")
    except RefusedError as refused:
        log.warning("address not changed", change=change.id, faults=in_english(refused.faults))
        changes.end(change.id, AddressChangeState.IMPOSSIBLE, now)
    else:
        log.info("address changed", change=change.id, user=change.user_id)


def send_due_mails(sender: MailSender, now: datetime) -> int:
    """Send due mails and return for how many changes. Raises OSError where one cannot be sent."""
    done = 0
    for change in changes.pending_mails(AT_ONCE):
        _mail_tokens(sender, change, now)
        done += 1
    for change in changes.pending_approval_notices(AT_ONCE):
        _send(sender, change, "address_approved", change.old_email)
        changes.record_approval_notice(change.id, now)
        done += 1
    for change in changes.pending_end_notices(AT_ONCE):
        if change.old_email:  # a person who was anonymised meanwhile has no address
            for email in (change.old_email, change.new_email):
                _send(sender, change, "address_done", email)
        changes.record_end_notice(change.id, now)
        done += 1
    return done


def _mail_tokens(sender: MailSender, change: AddressChangeRow, now: datetime) -> None:
    """Mail both addresses their tokens. The digests are stored first, because a token that is sent and not stored
    confirms nothing.
    """
    new, old, refusal = (secrets.token_urlsafe(32) for _ in range(3))
    changes.store_word_digests(change.id, new=new, old=old, refusal=refusal)
    base = f"{sender.public_url.rstrip('/')}/address"
    _send(
        sender, change, "address_old", change.old_email, f"{base}/confirm/{old}/", f"{base}/refuse/{refusal}/"
    )
    _send(sender, change, "address_new", change.new_email, f"{base}/confirm/{new}/")
    changes.record_mailed(change.id, now)


def delete_old_sign_ins(wall_now: datetime) -> Report:
    """Delete sign-in records older than 365 days, and codes that ended a day ago. `wall_now` is real time."""
    return Report(
        sign_ins.forget(wall_now - SIGN_IN_RETENTION) + sign_in_codes.forget(wall_now - CODE_RETENTION)
    )


def _send(
    sender: MailSender,
    change: AddressChangeRow,
    kind: str,
    recipient: str,
    confirm: str = "",
    refuse: str = "",
) -> None:
    counts_from = change.approval_counts_from
    zone = local_zone()
    subject, body = mail_text(
        kind,
        change.person.language if change.person else DEFAULT_LANGUAGE,
        {
            "name": change.person.name if change.person else change.new_email,
            "utility": sender.utility,
            "old": change.old_email,
            "new": change.new_email,
            "confirm": confirm,
            "refuse": refuse,
            "counts_from": f"{counts_from.astimezone(zone):%Y-%m-%d %H:%M}" if counts_from else "",
        },
    )
    try:
        sender.send(recipient, subject, body)
    except smtplib.SMTPRecipientsRefused as error:
        # The relay would refuse it again: the change continues without this mail, and expires where it was needed.
        log.warning("recipient refused", change=change.id, kind=kind, error=str(error))
