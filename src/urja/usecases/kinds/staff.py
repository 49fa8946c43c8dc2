"""Operations on staff roles and on API tokens."""

from datetime import datetime
from typing import ClassVar

from urja.apps.journal.operation import Operation
from urja.base.sentences import say


class Employ(Operation, kw_only=True):
    """Give a person a role everywhere or in an area. A person not known by the address is created, and signs in by a
    code.
    """

    undoable: ClassVar[bool] = False
    instead: ClassVar[str] = say("end the role with `urja staff end` on the machine itself")

    email: str
    name: str
    role: str
    area: str = ""
    """`subdivision North-2`, a level of the administration and a code; `premise NEEM-1`, a society; empty for
    everywhere.
    """


class Dismiss(Operation, kw_only=True):
    """End a role from now on; the person's access as a consumer stays."""

    # Undoing it would give a role, which a request from the web must never do.
    undoable: ClassVar[bool] = False
    instead: ClassVar[str] = say("give the role again with `urja staff add` on the machine itself")

    email: str
    role: str
    area: str = ""


class Readdress(Operation, kw_only=True):
    """Request another address or name for a member of staff; the address is confirmed as a consumer's is."""

    undoable: ClassVar[bool] = False
    instead: ClassVar[str] = say("change it again with `urja staff change` on the machine itself")

    email: str
    new_email: str = ""
    new_name: str = ""


class IssueToken(Operation, kw_only=True):
    """Record an API token: a person's, with that person's rights, or a program's, with one role. Only its hash is
    stored.
    """

    secret: ClassVar[frozenset[str]] = frozenset({"digest"})
    undoable: ClassVar[bool] = False

    name: str
    prefix: str
    digest: bytes
    scopes: list[str]
    expires_at: datetime
    """By the wall clock."""
    per_minute: int
    email: str | None = None
    role: str | None = None
    area: str = ""


class RevokeToken(Operation, kw_only=True):
    """Revoke an API token from now on."""

    undoable: ClassVar[bool] = False

    prefix: str
