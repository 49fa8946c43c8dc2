"""Who works here, and the keys of programs."""

from datetime import datetime
from typing import ClassVar

from urja.apps.journal.operation import Operation
from urja.base.sentences import say


class Employ(Operation, kw_only=True):
    """Give somebody a role: everywhere, or in an area. Who is not known by the address is made; they sign in by a code."""

    undoable: ClassVar[bool] = False
    instead: ClassVar[str] = say("`urja staff end` on the machine itself takes a role away")

    email: str
    name: str
    role: str
    area: str = ""
    """`subdivision North-2`, a level of the administration and a code; `premise NEEM-1`, a society; empty: everywhere."""


class Dismiss(Operation, kw_only=True):
    """Take a role away from now on; what somebody may see as a consumer stays."""

    # Taking it back would give a role, and a request from the web gives nobody one.
    undoable: ClassVar[bool] = False
    instead: ClassVar[str] = say("`urja staff add` on the machine itself gives a role")

    email: str
    role: str
    area: str = ""


class Readdress(Operation, kw_only=True):
    """Ask for another address or name of somebody who works here; the address is confirmed as a consumer's is."""

    undoable: ClassVar[bool] = False
    instead: ClassVar[str] = say("`urja staff change` on the machine itself changes it again")

    email: str
    new_email: str = ""
    new_name: str = ""


class IssueToken(Operation, kw_only=True):
    """Make a key known: somebody's, who may as they may, or a program's with one role. Of the key comes its hash."""

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
    """A key opens nothing any more, from now on."""

    undoable: ClassVar[bool] = False

    prefix: str
