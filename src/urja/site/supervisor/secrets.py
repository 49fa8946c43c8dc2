"""Secrets of an installation: generated at its first start, stored in one file per process, given to that process only.

The files in DATA/secrets have mode 0600. On one machine all processes run as one user, so this limits what a process
can leak (in a log, a crash report, by an injection); it does not stop code of that user from opening a file
(docs/operations.md).
"""

import secrets as entropy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct, field
from msgspec.structs import replace as replace_fields
from psycopg.conninfo import make_conninfo

from urja.apps import services
from urja.apps.notices import config as notices
from urja.apps.payments import config as payments
from urja.base.approvers import APPROVERS_FILE
from urja.base.json_files import UNREADABLE, read_json
from urja.base.process_secrets import (
    AdminSecrets,
    ClosingSecrets,
    HeadendSecrets,
    PipelineSecrets,
    WebSecrets,
)
from urja.base.restored import Restored
from urja.base.settings import Settings
from urja.base.untyped_values import JsonObject
from urja.site.command_errors import CommandError, Exit
from urja.site.data_directory import write_private
from urja.site.supervisor.postgres import SUPERUSER
from urja.stream.signing import public_key

ADMIN_FILE: Final = "admin.json"
HEADEND_FILE: Final = "headend.json"
SERVICES_FILE: Final = "services.json"
_KEY_BYTES: Final = 16
_SIGNING_KEY_BYTES: Final = 32


def _password() -> str:
    return entropy.token_urlsafe(24)


def new_kek() -> bytes:
    """Return a new random key-encryption key."""
    return entropy.token_bytes(_KEY_BYTES)


_LATER: Final = frozenset({"retiring_kek", "seal_key", "roots_key", "channels", "mail_password"})
"""Fields of later versions, which files of earlier ones lack. A file that lacks any other field is damaged."""

_Key = Annotated[bytes, Meta(min_length=_KEY_BYTES, max_length=_KEY_BYTES)]
_SigningKey = Annotated[bytes, Meta(min_length=_SIGNING_KEY_BYTES, max_length=_SIGNING_KEY_BYTES)]


class _Stored(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The stored secrets of a process; a missing field of a later version is generated."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(***)"


class StoredAdmin(_Stored, frozen=True, kw_only=True):
    broker_password: str = field(default_factory=_password)
    superuser_password: str = field(default_factory=_password)
    owner_password: str = field(default_factory=_password)
    kek: _Key = field(default_factory=new_kek)
    retiring_kek: bytes = b""
    """The previous key-encryption key during a rotation (`urja.site.cli.master_key`)."""


class StoredHeadend(_Stored, frozen=True, kw_only=True):
    """Stored secrets of the head end, which reads `kek` and `retiring_kek` here (`urja.headend.reloading_key_store`)."""

    broker_password: str = field(default_factory=_password)
    kek: _Key
    retiring_kek: bytes = b""
    seal_key: _Key
    """Key of the head ends' shared state. It stays when the key-encryption key changes, because a count of disconnections
    whose authentication fails is taken as full."""


class StoredPipeline(_Stored, frozen=True, kw_only=True):
    broker_password: str = field(default_factory=_password)
    database_password: str = field(default_factory=_password)
    signing_key: _SigningKey = field(default_factory=lambda: entropy.token_bytes(_SIGNING_KEY_BYTES))
    roots_key: _SigningKey = field(default_factory=lambda: entropy.token_bytes(_SIGNING_KEY_BYTES))


class StoredWeb(_Stored, frozen=True, kw_only=True):
    database_password: str = field(default_factory=_password)
    secret_key: str = field(default_factory=lambda: entropy.token_urlsafe(50))


class StoredServices(_Stored, frozen=True, kw_only=True):
    """Secrets of outside services, by name in the settings. Write the secrets that a real service issued here."""

    gateways: dict[str, dict[str, str]] = {}
    channels: dict[str, dict[str, str]] = {}
    mail_password: str = ""
    """Password at the relay of `[mail]`; it is never generated."""


def stored_services(directory: Path) -> StoredServices:
    """Return the secrets of outside services in a directory, none where there is no file.

    Raises DamagedFileError, and OSError where the file cannot be read.
    """
    try:
        return read_json(directory / SERVICES_FILE, StoredServices, "restore it from a backup")
    except FileNotFoundError:
        return StoredServices()


@dataclass(frozen=True, slots=True)
class Vault:
    """All secrets in DATA/secrets, and the selection for each process."""

    directory: Path
    admin: StoredAdmin
    headend: StoredHeadend
    pipeline: StoredPipeline
    web: StoredWeb
    services: StoredServices

    @classmethod
    def open(cls, directory: Path) -> "Vault":
        """Return the stored secrets after generating missing ones. Raises `CommandError` for a damaged file."""
        _move(directory / "web.json", directory / "pipeline.json", "messages_webhook_secret")
        _move_service_secrets(directory)
        _copy(directory / HEADEND_FILE, "kek", "seal_key")
        if (directory / HEADEND_FILE).exists() and not (directory / ADMIN_FILE).exists():
            raise _damaged(directory / ADMIN_FILE, "it is missing")
        admin = _completed_file(directory / ADMIN_FILE, StoredAdmin, {})
        return cls(
            directory,
            admin,
            _completed_file(
                directory / HEADEND_FILE,
                StoredHeadend,
                {"kek": admin.kek, "seal_key": entropy.token_bytes(_KEY_BYTES)},
            ),
            _completed_file(directory / "pipeline.json", StoredPipeline, {}),
            _completed_file(directory / "web.json", StoredWeb, {}),
            _completed_file(directory / SERVICES_FILE, StoredServices, {}),
        )

    def completed(self, settings: Settings) -> "Vault":
        """Return a copy with secrets of every outside service of the settings; missing ones are generated."""
        asked = (
            (payments.PROVIDERS, settings.payments.gateways, self.services.gateways),
            (notices.PROVIDERS, settings.messages.channels, self.services.channels),
        )
        gateways, channels = (
            {
                **stored,
                **{
                    name: _made(services.part(home, given.provider, "settings").SECRETS, stored.get(name))
                    for name, given in configured.items()
                },
            }
            for home, configured, stored in asked
        )
        stored = replace_fields(self.services, gateways=gateways, channels=channels)
        if stored != self.services:
            write_private(self.directory / SERVICES_FILE, msgspec.json.encode(stored))
        return replace(self, services=stored)

    @property
    def approvers(self) -> Path:
        """Return the path of the passkeys that release held disconnections: read by the head end, written by no process."""
        return self.directory / APPROVERS_FILE

    def broker_passwords(self) -> dict[str, str]:
        """Return the password of each broker user."""
        return {
            "admin": self.admin.broker_password,
            "headend": self.headend.broker_password,
            "pipeline": self.pipeline.broker_password,
        }

    def role_passwords(self) -> dict[str, str]:
        """Return the password of each database role that logs in."""
        return {
            "urja_owner": self.admin.owner_password,
            "urja_pipeline": self.pipeline.database_password,
            "urja_web": self.web.database_password,
        }

    def for_admin(self, settings: Settings, sockets: Path) -> AdminSecrets:
        """Return the secrets of the supervisor and the command line. `sockets`: the socket directory of PostgreSQL."""
        admin = settings.database.dsn or _own(
            sockets, dbname="postgres", user=SUPERUSER, password=self.admin.superuser_password
        )
        return AdminSecrets(
            broker_url=broker_url(settings),
            broker_user="admin",
            broker_password=self.admin.broker_password,
            database_admin=admin,
            database_owner=self._role(settings, sockets, "urja_owner"),
            kek=self.admin.kek,
            retiring_kek=self.admin.retiring_kek,
        )

    def for_headend(self, settings: Settings, restored: Restored | None = None) -> HeadendSecrets:
        return HeadendSecrets(
            broker_url=broker_url(settings),
            broker_user="headend",
            broker_password=self.headend.broker_password,
            kek=self.headend.kek,
            kek_file=str(self.directory / HEADEND_FILE),
            seal_key=self.headend.seal_key,
            orders_key=public_key(self.pipeline.signing_key),
            approvers_file=str(self.approvers),
            restored=restored,
        )

    def for_pipeline(self, settings: Settings, sockets: Path) -> PipelineSecrets:
        return PipelineSecrets(
            broker_url=broker_url(settings),
            broker_user="pipeline",
            broker_password=self.pipeline.broker_password,
            database=self._role(settings, sockets, "urja_pipeline"),
            signing_key=self.pipeline.signing_key,
            roots_key=self.pipeline.roots_key,
            gateways=self.services.gateways,
            channels=self.services.channels,
            mail_password=self.services.mail_password,
        )

    def for_closing(self, settings: Settings, sockets: Path, status_port: int) -> ClosingSecrets:
        return ClosingSecrets(
            database=self._role(settings, sockets, "urja_pipeline"), status_port=status_port
        )

    def for_web(self, settings: Settings, sockets: Path) -> WebSecrets:
        return WebSecrets(
            database=self._role(settings, sockets, "urja_web"),
            secret_key=self.web.secret_key,
        )

    def _role(self, settings: Settings, sockets: Path, role: str) -> str:
        login = {"dbname": settings.database.name, "user": role, "password": self.role_passwords()[role]}
        if settings.database.dsn:
            return make_conninfo(settings.database.dsn, **login, application_name=role)
        return _own(sockets, **login)


def broker_url(settings: Settings) -> str:
    """Return the URL of the broker."""
    return f"nats://{settings.broker.host}:{settings.broker.port}"


def _own(sockets: Path, *, dbname: str, user: str, password: str) -> str:
    return make_conninfo(
        "",
        host=str(sockets),
        port=5432,
        dbname=dbname,
        user=user,
        password=password,
        connect_timeout=10,
        application_name=user,
    )


def _completed_file[T: Struct](path: Path, kind: type[T], given: dict[str, bytes]) -> T:
    """Return the secrets in a file with missing ones generated; they are written to the file before their first use."""
    stored: dict[str, object] = {}
    if path.exists():
        try:
            stored = msgspec.json.decode(path.read_bytes(), type=dict[str, object])
            kept = msgspec.convert({**stored}, kind)
        except msgspec.ValidationError as error:
            # The message names a field, not its value.
            raise _damaged(path, str(error)) from None
        except UNREADABLE:
            raise _damaged(path, "not JSON") from None
        missing = [name for name in kind.__struct_fields__ if name not in stored and name not in _LATER]
        if missing:
            raise _damaged(path, f"it has no {missing[0]}")
        if len(stored) == len(kind.__struct_fields__):
            return kept
    else:
        kept = kind(**given)
    write_private(path, msgspec.json.encode(kept))
    return kept


def _made(names: Iterable[str], stored: Mapping[str, str] | None) -> dict[str, str]:
    return {**{name: _password() for name in names}, **(stored or {})}


def _move(source: Path, target: Path, name: str) -> None:
    """Move a secret that an earlier version stored with one process to another, unchanged: a service may have issued it."""
    try:
        given, taken = (
            msgspec.json.decode(path.read_bytes(), type=dict[str, object]) for path in (source, target)
        )
    except (FileNotFoundError, *UNREADABLE):
        # Nothing is stored yet, or the file is damaged, which is reported when it is opened.
        return
    if name in given:
        # Written to the target first: a crash in between leaves the secret in both files, never in none.
        write_private(target, msgspec.json.encode({**taken, name: given[name]}))
        write_private(
            source, msgspec.json.encode({key: value for key, value in given.items() if key != name})
        )


def _move_service_secrets(directory: Path) -> None:
    """Move the secrets of an earlier version's gateway and message service to the file of all services."""
    path, payments_file, pipeline_file = (
        directory / name for name in (SERVICES_FILE, "payments.json", "pipeline.json")
    )
    gateway, pipeline = _read(payments_file), _read(pipeline_file)
    sms = {
        name: pipeline[f"messages_{name}"]
        for name in ("key_secret", "webhook_secret")
        if f"messages_{name}" in pipeline
    }
    if not gateway and not sms:
        return
    known = _read(path)
    # Written to the target first: a crash in between leaves the secret in both files, never in none.
    gateways = {**({"razorpay": gateway} if gateway else {}), **known.get("gateways", {})}
    channels = {**({"sms": sms} if sms else {}), **known.get("channels", {})}
    write_private(path, msgspec.json.encode({**known, "gateways": gateways, "channels": channels}))
    payments_file.unlink(missing_ok=True)
    if sms:
        left = {name: value for name, value in pipeline.items() if name.removeprefix("messages_") not in sms}
        write_private(pipeline_file, msgspec.json.encode(left))


def _read(path: Path) -> JsonObject:
    """Return the content of a file; empty where it is missing, or damaged, which is reported when it is opened."""
    try:
        found: JsonObject = msgspec.json.decode(path.read_bytes(), type=JsonObject)
    except (FileNotFoundError, *UNREADABLE):
        return {}
    return found


def _copy(path: Path, source: str, name: str) -> None:
    """Copy a secret that an earlier version used for two purposes, so that each can be changed."""
    try:
        stored = msgspec.json.decode(path.read_bytes(), type=dict[str, object])
    except (FileNotFoundError, *UNREADABLE):
        # Missing or damaged, as above.
        return
    if isinstance(stored.get(source), str) and name not in stored:
        write_private(path, msgspec.json.encode({**stored, name: stored[source]}))


def _damaged(path: Path, what: str) -> CommandError:
    return CommandError(
        Exit.USAGE,
        f"{path} is damaged ({what}): restore it from a backup; without the key-encryption key in it "
        "the keys of adopted meters cannot be unwrapped",
    )
