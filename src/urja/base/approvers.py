"""The passkeys that may release disconnections held by the head ends: a file on the machine that no process writes.

`urja approver install` copies a person's passkey into it, so that a head end needs to trust neither the database nor
the web when it verifies a release.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from urja.base.json_files import UNREADABLE
from urja.base.passkey import Credential, fingerprint

APPROVERS_FILE: Final = "approvers.json"
"""File name in the directory of the secrets."""


class ApproversError(ValueError):
    """The file cannot be read; the message names it and says why."""


class Approver(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One installed passkey and its owner."""

    person: str
    """E-mail address of a member of staff: two passkeys of one person count as one approver."""
    credential_id: bytes
    public_key: bytes
    origin: str
    """Scheme and host of the console that the passkey belongs to."""
    rp_id: str
    installed_at: datetime

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.public_key)

    def credential(self, sign_count: int) -> Credential:
        """Return the passkey for verification, with the counter of its last answer."""
        return Credential(id=self.credential_id, public_key=self.public_key, sign_count=sign_count)


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    approvers: list[Approver] = []


def read_approvers(path: Path) -> list[Approver]:
    """Return the installed passkeys, none where there is no file. Raises ApproversError."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=_File).approvers
    except FileNotFoundError:
        return []
    except (OSError, *UNREADABLE) as error:
        raise ApproversError(
            f"{path} cannot be read ({error}): restore it, or install the approvers again"
        ) from error


def encode_approvers(approvers: Sequence[Approver]) -> bytes:
    """Return the content of the file as JSON."""
    return msgspec.json.format(msgspec.json.encode(_File(list(approvers))))
