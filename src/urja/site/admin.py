"""Access of administrators' commands to a running installation: settings, secrets and business time.

`urja meter adopt`, `urja tariff load`, `urja verify` and `urja quarantine` begin with `Administration.of(data)`.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from urja.base.clock import AnchoredClock
from urja.base.json_files import DamagedFileError, read_json
from urja.base.keystore import KeyStore
from urja.base.process_secrets import AdminSecrets
from urja.base.settings import Settings
from urja.cosem.security import KekStore
from urja.site.command_errors import CommandError, Exit, refusal_for
from urja.site.data_directory import DataDirectory
from urja.site.supervisor.postgres import socket_directory
from urja.site.supervisor.secrets import Vault

RESTART: Final = "each start writes it again, so stop Urja and start it again"


@dataclass(frozen=True, slots=True)
class Administration:
    """Settings, secrets and business clock of a running installation, for an administrator's command."""

    settings: Settings
    secrets: AdminSecrets = field(repr=False)
    clock: AnchoredClock
    data: DataDirectory

    @classmethod
    def of(cls, data: Path) -> "Administration":
        """Return the access to the installation that runs on a data directory.

        Raises `CommandError` where none runs, or where its secrets cannot be read.
        """
        directory = DataDirectory(data)
        if directory.holder() is None:
            raise CommandError(
                Exit.ALREADY_RUNNING,
                f"no Urja runs on {directory.path}: start one with urja up --data {directory.path}",
            )
        try:
            settings = read_json(directory.settings_file, Settings, RESTART)
            vault = Vault.open(directory.secrets)
            clock = AnchoredClock(directory.clock)
        except FileNotFoundError:
            raise CommandError(
                Exit.ALREADY_RUNNING,
                f"Urja is still starting on {directory.path}: try again in a few seconds",
            ) from None
        except DamagedFileError as error:
            raise CommandError(Exit.USAGE, str(error)) from None
        except OSError as error:
            raise refusal_for(error, directory.path) from error
        sockets = socket_directory(directory.postgres / "run")
        return cls(settings, vault.for_admin(settings, sockets), clock, directory)

    @property
    def keys(self) -> KeyStore:
        """Return the key store, which wraps and unwraps the meters' keys."""
        return KekStore(self.secrets.kek, self.secrets.retiring_kek)

    @property
    def seal_key(self) -> bytes:
        """Return the 32-byte key that authenticates the state that head ends share in the broker."""
        return Vault.open(self.data.secrets).headend.seal_key

    def setup_django(self) -> None:
        """Configure Django for this process, as the owner of the tables."""
        from urja.site.django import options as django_options

        django_options.setup(
            django_options.DjangoOptions(
                conninfo=self.secrets.database_owner,
                timezone=self.settings.utility.timezone,
                languages=self.settings.utility.languages,
                clock_anchor=self.data.clock,
            )
        )
