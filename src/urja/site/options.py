"""Options that several commands share, and how settings are found."""

import os
from pathlib import Path

import click

from urja.base.settings import Loaded, SettingsError, load_with_origins
from urja.site.exits import Exit, Refusal

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
    help="Configuration file; urja.toml in the working directory if it is there. [URJA_CONFIG]",
)


def load_settings(config_path: Path | None) -> Loaded:
    """Settings from the named file (or ./urja.toml) and the environment; all faults as one `Refusal`."""
    path = config_path or (DEFAULT_CONFIG if DEFAULT_CONFIG.exists() else None)
    try:
        return load_with_origins(path, os.environ)
    except SettingsError as error:
        count = len(error.faults)
        head = f"the configuration has {count} fault{'s' if count > 1 else ''}:"
        raise Refusal(Exit.USAGE, "\n  ".join([head, *map(str, error.faults)])) from None
