"""The data directory: its lock, its format version, and the paths of its files.

VERSION      format of the directory, one number        clock.json   anchor of the business clock
lock         held while a supervisor runs                heartbeat    last heartbeat of the supervisor
secrets/     one file per process, mode 0600             logs/        one file per process
postgres/    the cluster and its socket                  run/         settings as resolved, status
nats/        JetStream's store                           meters/      truth files of simulated meters
proofs/      signed heads, to be copied elsewhere       outages.jsonl  when processes of a demo were down
restored.json  each restore of the data from a copy    recovery.json  where the recovery key's copy is
catalogue.json  the expected catalogue of the database    wal.json  what went wrong with the archive of its log
first_administrator.json  from `urja init` until the first start    sandbox/  the sandbox gateway's book
"""

import fcntl
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from urja.site.command_errors import CommandError, Exit, disk_full, refusal_for

_FORMAT_DIGITS: Final = 6
FORMAT: Final = 2
"""Format of the directory. It changes when files move; it also changed when the migrations were started again."""

_ROOM_BYTES: Final = 200 << 20
"""Free space in bytes that PostgreSQL, its write-ahead log and JetStream need to start."""


@dataclass(slots=True)
class DataDirectory:
    """One data directory; call `claim` before writing to it."""

    path: Path
    _lock: int | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.path = self.path.absolute()

    @property
    def clock(self) -> Path:
        return self.path / "clock.json"

    @property
    def heartbeat(self) -> Path:
        return self.path / "heartbeat"

    @property
    def restored(self) -> Path:
        """Return the path of the file that lists restores from a copy (`urja.site.supervisor.restored_data`)."""
        return self.path / "restored.json"

    @property
    def recovery(self) -> Path:
        """Return the path of what is known of the recovery key's copy (`urja.site.backup.recovery_key`)."""
        return self.path / "recovery.json"

    @property
    def first_administrator(self) -> Path:
        """Return the path of the person who becomes administrator at the first start."""
        return self.path / "first_administrator.json"

    @property
    def secrets(self) -> Path:
        return self.path / "secrets"

    @property
    def postgres(self) -> Path:
        return self.path / "postgres"

    @property
    def nats(self) -> Path:
        return self.path / "nats"

    @property
    def wal_state(self) -> Path:
        """Return the path of what went wrong with the archive of PostgreSQL's log (`urja.base.wal_archive`)."""
        return self.path / "wal.json"

    @property
    def wal_cluster(self) -> Path:
        """Return the path of the name of this cluster's folder in that archive."""
        return self.postgres / "cluster"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def run(self) -> Path:
        return self.path / "run"

    @property
    def meters(self) -> Path:
        return self.path / "meters"

    @property
    def sandbox(self) -> Path:
        """Return the directory with the book of the sandbox payment gateway (`urja up --sandbox-gateway`)."""
        return self.path / "sandbox"

    @property
    def outages(self) -> Path:
        """Return the path of the file with the downtimes of a demonstration's processes (`urja.laws.downtime`)."""
        return self.path / "outages.jsonl"

    @property
    def settings_file(self) -> Path:
        """Return the path of the settings of the running installation, with their actual ports."""
        return self.run / "settings.json"

    @property
    def configuration(self) -> Path:
        """Return the path of a copy of the file that the running installation was configured with."""
        return self.run / "urja.toml"

    @property
    def status_file(self) -> Path:
        return self.run / "status.json"

    @property
    def heads(self) -> Path:
        """Return the directory of signed heads of the log, one file per closed day, to be copied to another place."""
        return self.path / "proofs" / "heads"

    @property
    def catalogue_file(self) -> Path:
        """Return the path of the expected catalogue of the database (`urja.laws.database_catalogue`)."""
        return self.path / "catalogue.json"

    @property
    def places(self) -> tuple[Path, ...]:
        """Return the directories that may be on separate file systems."""
        return self.path, self.postgres, self.nats

    def claim(self) -> None:
        """Create or check the directory, and lock it until `release` or the end of the process.

        Raises `CommandError` for missing rights, a full disk, another format, or another supervisor.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._take_lock()
            try:
                self._check_version()
                self._check_room()
                for directory in (self.secrets, self.logs, self.run):
                    directory.mkdir(mode=0o700, exist_ok=True)
                if not self._version_file.exists():
                    write_private(self._version_file, f"{FORMAT}\n".encode())
            except BaseException:
                self.release()
                raise
        except OSError as error:
            raise refusal_for(error, self.path) from error

    def release(self) -> None:
        """Release the lock."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def holder(self) -> int | None:
        """Return the pid of the supervisor that runs on this directory, or None."""
        try:
            descriptor = os.open(self._lock_file, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise refusal_for(error, self.path) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).strip()
            return int(holder) if holder.isdigit() else 0
        finally:
            os.close(descriptor)
        return None

    @property
    def _lock_file(self) -> Path:
        return self.path / "lock"

    @property
    def _version_file(self) -> Path:
        return self.path / "VERSION"

    def _take_lock(self) -> None:
        descriptor = os.open(self._lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise CommandError(
                Exit.ALREADY_RUNNING,
                f"Urja already runs on {self.path} (process {holder or 'unknown'}): "
                "stop it first, or give this one another directory with --data",
            ) from None
        self._lock = descriptor
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode("ascii"), 0)

    def _check_version(self) -> None:
        if not self._version_file.exists():
            self._check_unused()
            return
        text = self._version_file.read_text("utf-8", "replace").strip()
        if not (text.isascii() and text.isdigit() and len(text) <= _FORMAT_DIGITS):
            raise CommandError(
                Exit.OTHER_VERSION,
                f"{self._version_file} holds {text[:40]!r}, not a format number: restore it from a backup",
            )
        if int(text) < FORMAT:
            raise older_tables(str(self.path), "start this one on another directory with --data")
        if int(text) > FORMAT:
            raise CommandError(
                Exit.OTHER_VERSION,
                f"{self.path} was written by a newer Urja (format {text}, this one knows {FORMAT}): "
                "run that version, or start this one on another directory with --data",
            )

    def _check_unused(self) -> None:
        """Raise `CommandError` for a directory with other files, such as a home directory given by mistake."""
        foreign = sorted({entry.name for entry in self.path.iterdir()} - {"lock", "urja.toml", "lost+found"})
        if foreign:
            self._lock_file.unlink()
            raise CommandError(
                Exit.USAGE,
                f"{self.path} holds other files ({', '.join(foreign[:3])}) and is not a data directory of Urja: "
                "choose an empty directory with --data",
            )

    def _check_room(self) -> None:
        for place in self.places:
            if place.exists() and shutil.disk_usage(place).free < _ROOM_BYTES:
                raise disk_full(place)


def older_tables(where: str, instead: str) -> CommandError:
    """Return the error for data from before the migrations were started again, which cannot be migrated."""
    return CommandError(
        Exit.OTHER_VERSION,
        f"{where} was written by an earlier Urja whose tables cannot be migrated: this version cannot read it and has "
        f"changed nothing in it. Run that version on it, or {instead}",
    )


def write_private(path: Path, content: bytes) -> None:
    """Replace a file atomically and durably (fsync), readable by its owner only."""
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
