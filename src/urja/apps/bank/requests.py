"""Rows that the web stores: uploaded files and claims. It accepts and credits nothing."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import DatabaseError, connection, transaction

from urja.apps.bank.claiming import record
from urja.apps.bank.errors import BankError
from urja.apps.bank.models import LARGEST_FILE, Upload
from urja.apps.partial_insert import insert
from urja.base.sentences import say

LONGEST_NAME: Final = 200
"""Characters of a file's name that are stored."""


@dataclass(frozen=True, slots=True)
class Uploaded:
    """An uploaded file: its number, and the hash that a passkey is asked for."""

    id: int
    sha256: str


def upload(bank_account_id: int, file_name: str, body: bytes, *, user_id: int, now: datetime) -> Uploaded:
    """Store a statement's file unchanged. Raises BankError where it is empty, too large, or too many wait."""
    if not 0 < len(body) <= LARGEST_FILE:
        raise BankError(say("the file is empty, or larger than 4 MiB: export a shorter period"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('bank_number')")
        (number,) = cursor.fetchone()
    try:
        with transaction.atomic():
            insert(
                Upload,
                id=number,
                bank_account=bank_account_id,
                file_name=file_name.replace("\0", "")[:LONGEST_NAME],
                body=body,
                user_id=user_id,
                uploaded_at=now,
            )
    except DatabaseError as error:
        if getattr(error.__cause__, "sqlstate", "") != "54000":
            raise
        raise BankError(
            say("50 uploaded statements wait, or 20 of yours: approve them, or let them expire")
        ) from error
    return Uploaded(number, hashlib.sha256(body).hexdigest())


claim = record
"""Record a claim of a transfer; the web's role may insert it, and no state of it."""
