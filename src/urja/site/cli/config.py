"""`urja config`: check the configuration, and show the resulting settings."""

from pathlib import Path

import click

from urja.base.configuration import describe
from urja.site.cli.options import config_option, load_settings


@click.group()
def config() -> None:
    """Check or show the configuration."""


@config.command()
@config_option
def check(config_path: Path | None) -> None:
    """Print each wrong value with its source and the allowed values; exit 2 if there is one."""
    loaded = load_settings(config_path)
    given = sum(origin != "default" for origin in loaded.origins.values())
    click.echo(f"the configuration is valid ({given} values set, the rest are defaults)")


@config.command()
@config_option
def show(config_path: Path | None) -> None:
    """Show every setting with its value and source; passwords are masked."""
    rows = list(describe(load_settings(config_path)))
    key_width = max(len(key) for key, _, _ in rows)
    value_width = max(len(value) for _, value, _ in rows)
    for key, value, origin in rows:
        click.echo(f"{key:<{key_width}}  {value:<{value_width}}  {origin}")
