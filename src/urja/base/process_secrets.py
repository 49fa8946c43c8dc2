"""Secrets of processes: one struct a process, handed over by the supervisor at its start.

`urja.site.supervisor.secrets` creates and stores them. They reach a process through an inherited pipe, never through
the environment, the command line or a log: their representation shows no value.
"""

from msgspec import Struct

from urja.base.restored import Restored


class _Confidential(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    def __repr__(self) -> str:
        return f"{type(self).__name__}(***)"


class HeadendSecrets(_Confidential, frozen=True, kw_only=True):
    """For the head end: its login at the broker and the key that wraps meters' keys. No database."""

    broker_url: str
    broker_user: str
    broker_password: str
    kek: bytes
    """Key-encryption key, 16 bytes (AES-128 key wrap, RFC 3394), as of the start of the process."""
    kek_file: str = ""
    """Its file, with the previous key during a change: the head end reads it again."""
    seal_key: bytes = b""
    """Seals the head ends' state at the broker; empty: the key-encryption key, which older installations used."""
    orders_key: bytes = b""
    """Ed25519 public key, 32 bytes, that verifies signed orders; without it no order is carried out."""
    approvers_file: str = ""
    """File of the passkeys that may release held disconnections; they are public keys."""
    restored: Restored | None = None
    """The last restore of the data from a copy: the head ends' state at the broker may be of an earlier day."""


class PipelineSecrets(_Confidential, frozen=True, kw_only=True):
    """For the pipeline: broker, database as `urja_pipeline`, the key that signs commands and the key that signs
    roots.
    """

    broker_url: str
    broker_user: str
    broker_password: str
    database: str
    """libpq connection string with its password."""
    signing_key: bytes
    """Ed25519 private key, 32 bytes, that signs orders to meters."""
    roots_key: bytes
    """Ed25519 private key, 32 bytes, that signs heads of the log, and nothing else."""
    channels: dict[str, dict[str, str]] = {}
    """Credentials of each channel of notices, and the secrets that verify its receipts."""
    mail_password: str = ""
    """Password of the login at the mail relay."""
    gateways: dict[str, dict[str, str]] = {}
    """Credentials of each payment gateway, and the secrets that verify its webhooks."""


class ClosingSecrets(_Confidential, frozen=True, kw_only=True):
    """For a process that closes days beside the pipeline: database as `urja_pipeline`, and nothing else."""

    database: str
    """libpq connection string with its password."""
    status_port: int
    """Which of `pipeline.closing_status_ports` is this process's."""


class WebSecrets(_Confidential, frozen=True, kw_only=True):
    """For the web server: database as `urja_web`, and the key of sessions and forms. Nothing of outside services."""

    database: str
    secret_key: str


class NoSecrets(Struct, frozen=True):
    """For a process that needs none."""


class AdminSecrets(_Confidential, frozen=True, kw_only=True):
    """For the supervisor and the command line on this machine: everything that an administrator may do."""

    broker_url: str
    broker_user: str
    broker_password: str
    database_admin: str
    """Connection string of a role that may create roles and databases."""
    database_owner: str
    """Connection string of `urja_owner`, for migrations and administrators' commands."""
    kek: bytes
    retiring_kek: bytes = b""
    """The previous key-encryption key, during a change."""
