"""Options that several commands share, and loading of the settings."""

import math
import os
from pathlib import Path
from typing import Any

import click

from urja.apps import services
from urja.apps.notices import config as notices
from urja.apps.payments import config as payments
from urja.base.configuration import Fault, Loaded, SettingsError, load_with_origins, show_value
from urja.site.command_errors import CommandError, Exit

DEFAULT_DATA = Path("urja-data")
DEFAULT_CONFIG = Path("urja.toml")

data_option = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="URJA_DATA",
    default=DEFAULT_DATA,
    show_default=True,
    help="Data directory. [URJA_DATA]",
)
config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="URJA_CONFIG",
    help="Configuration file. [URJA_CONFIG]  [default: urja.toml in the working directory, if it exists]",
)


class FiniteRange(click.FloatRange):
    """A click range of finite numbers: it also refuses "nan" and "inf", which Python reads as numbers."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


class HexBytes(click.ParamType[bytes]):
    """A click type: bytes in hexadecimal, of a fixed length."""

    name = "hex"

    def __init__(self, size: int) -> None:
        self._size = size

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        """Return the bytes. Raises click.BadParameter with the number of bytes needed."""
        if isinstance(value, bytes):
            return value
        try:
            raw = bytes.fromhex(str(value))
        except ValueError:
            self.fail(f"{self._size} bytes in hexadecimal are needed", param, ctx)
        if len(raw) != self._size:
            self.fail(f"{self._size} bytes are needed, these are {len(raw)}", param, ctx)
        return raw


def read_document(path: Path) -> str:
    """Return the text of a UTF-8 file, without a byte order mark.

    Raises `CommandError` for a file that cannot be read or is not UTF-8.
    """
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CommandError(
            Exit.USAGE, f"{path} is not UTF-8 text (byte {error.start}): save it as UTF-8 and try again"
        ) from None
    except OSError as error:
        raise CommandError(
            Exit.NO_PERMISSION, f"{path} cannot be read ({error.strerror}): give this user rights to it"
        ) from error


def check_services(loaded: Loaded) -> Loaded:
    """Return the settings after checking the options of outside services against their providers.

    Raises SettingsError with every fault.
    """
    faults = []
    for table, home, configured in (
        ("payments.gateways", payments.PROVIDERS, loaded.settings.payments.gateways),
        ("messages.channels", notices.PROVIDERS, loaded.settings.messages.channels),
    ):
        for name, given in configured.items():
            try:
                services.options(home, given.provider, given.options)
            except services.UnknownProviderError as error:
                fault = ("provider", given.provider, str(error))
            except ValueError as error:
                fault = ("options", show_value("options", given.options), f"what it takes; {error}")
            else:
                continue
            key, value, allowed = fault
            faults.append(Fault(f"{table}.{name}.{key}", value, allowed, loaded.origins[table]))
    if faults:
        raise SettingsError(faults)
    return loaded


def config_file(config_path: Path | None) -> Path | None:
    """Return the configuration file to read: the given one, or ./urja.toml where it exists."""
    return config_path or (DEFAULT_CONFIG if DEFAULT_CONFIG.exists() else None)


def load_settings(config_path: Path | None) -> Loaded:
    """Return the settings from a file (or ./urja.toml) and the environment. Raises `CommandError` with every fault."""
    try:
        return check_services(load_with_origins(config_file(config_path), os.environ))
    except SettingsError as error:
        count = len(error.faults)
        head = f"the configuration has {count} fault{'s' if count > 1 else ''}:"
        raise CommandError(Exit.USAGE, "\n  ".join([head, *map(str, error.faults)])) from None
