"""What each process is told in confidence: one struct a process, handed over by the supervisor at its start.

They are made and kept by `urja.site.supervisor.secrets` and reach a process through an inherited pipe, never through the
environment, the command line or a log: their representation shows no value.
"""

from msgspec import Struct

from urja.base.restored import Restored


class _Confidential(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    def __repr__(self) -> str:
        return f"{type(self).__name__}(***)"


class HeadendSecrets(_Confidential, frozen=True, kw_only=True):
    """For the head end: its place at the broker and the key that wraps meters' keys. No database."""

    broker_url: str
    broker_user: str
    broker_password: str
    kek: bytes
    """Key-encryption key, 16 bytes (AES-128 key wrap, RFC 3394), as it was when the process was started."""
    kek_file: str = ""
    """Where it lies, with the one before while it is being changed: the head end looks there again."""
    seal_key: bytes = b""
    """What the head ends' state at the broker is sealed with; empty: the key-encryption key, which older boxes used."""
    orders_key: bytes = b""
    """Ed25519 public key, 32 bytes, that signed orders are verified with; without it no order is carried out."""
    approvers_file: str = ""
    """Where the passkeys are that may release held cuts; they are public keys."""
    restored: Restored | None = None
    """When the data were last put back from a copy: what the head ends remember at the broker may be of an earlier day."""


class PipelineSecrets(_Confidential, frozen=True, kw_only=True):
    """For the pipeline: broker, database as `urja_pipeline`, the key that signs commands and the one that signs roots."""

    broker_url: str
    broker_user: str
    broker_password: str
    database: str
    """libpq connection string with its password."""
    signing_key: bytes
    """Ed25519 private key, 32 bytes, that orders to meters are signed with."""
    roots_key: bytes
    """Ed25519 private key, 32 bytes, that heads of the log are signed with, and nothing else is."""
    channels: dict[str, dict[str, str]] = {}
    """What each channel of notices is sent by, and what its receipts are verified with."""
    mail_password: str = ""
    """Of the login at the mail relay."""
    gateways: dict[str, dict[str, str]] = {}
    """What each payment gateway is asked with, and what comes in from it is verified with."""


class WebSecrets(_Confidential, frozen=True, kw_only=True):
    """For the web server: database as `urja_web`, and the key of sessions and forms. Nothing of outside services."""

    database: str
    secret_key: str


class AdminSecrets(_Confidential, frozen=True, kw_only=True):
    """For the supervisor and the command line on this box: everything an administrator may do."""

    broker_url: str
    broker_user: str
    broker_password: str
    database_admin: str
    """Connection string of a role that may create roles and databases."""
    database_owner: str
    """Connection string of `urja_owner`, for migrations and administrators' commands."""
    kek: bytes
    retiring_kek: bytes = b""
    """The key-encryption key before, while it is being changed."""
