"""Answers about people and about who has read or changed their data."""

from datetime import datetime

from msgspec import UNSET, Struct, UnsetType

from urja.base.untyped_values import JsonObject
from urja.web.api.answers import Shown


class Consent(Shown, frozen=True, kw_only=True):
    """A consent that a person has given, and when it was withdrawn."""

    purpose: str
    given_at: datetime
    withdrawn_at: datetime | None


class Protection(Shown, frozen=True, kw_only=True):
    """A protected status of a person: the reason not to disconnect, and until when it holds."""

    kind: str
    valid_from: datetime
    valid_to: datetime | None


class ConsumerAccount(Shown, frozen=True, kw_only=True):
    """An account that a person may see, as owner or member of the household."""

    account_id: int
    role: str


class Consumer(Shown, frozen=True, kw_only=True):
    """A person or organisation with an agreement, or with access to an account."""

    id: int
    name: str
    email: str
    phone: str | None
    language: str
    address: str
    """Postal address for letters where it differs from the premise."""
    anonymised_at: datetime | None
    """When the personal data was erased; null while it is stored."""
    consents: list[Consent]
    protections: list[Protection]
    accounts: list[ConsumerAccount]


class Correction(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The corrected fields of a person; fields that are left out do not change."""

    name: str | UnsetType = UNSET
    email: str | UnsetType = UNSET
    phone: str | UnsetType | None = UNSET
    language: str | UnsetType = UNSET
    address: str | UnsetType = UNSET


class AuditEntry(Shown, frozen=True, kw_only=True):
    """An operation that was carried out. Personal data is left out of `content`: read the person."""

    id: int
    kind: str
    content: JsonObject
    outcome: JsonObject
    actor: str
    recorded_at: datetime
    undone_by: int | None
    service_point_id: int | None


class PersonalRead(Shown, frozen=True, kw_only=True):
    """A record that a user or token has read a person's personal data."""

    id: int
    user_id: int | None
    token_id: int | None
    consumer_id: int
    what: str
    read_at: datetime


class RoleHeld(Shown, frozen=True, kw_only=True):
    """A role and its area."""

    role: str
    everywhere: bool
    nodes: list[int]
    premises: list[int]
    accounts: list[int]


class Me(Shown, frozen=True, kw_only=True):
    """The caller: the token or user of this request."""

    user_id: int | None
    token: str | None
    """Prefix of the token."""
    scopes: list[str]
    requests_per_minute: int
    expires_at: datetime | None
    roles: list[RoleHeld]
    permissions: list[str]
    """Permissions that both the roles and the scopes allow."""
