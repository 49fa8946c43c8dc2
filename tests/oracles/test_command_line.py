"""The command line's help, command by command, and every key of the settings' file."""

import json

import click
import msgspec
from click.testing import CliRunner

from urja.base.settings import Settings
from urja.site.cli.main import urja


def helps(command: click.Command, path: tuple[str, ...]):
    """The help of a command and of all below it."""
    # A command keeps the option of the context that asked first: another test may have asked without `-h`.
    command._help_option = None
    run = CliRunner().invoke(urja, [*path, "--help"], prog_name="urja", terminal_width=110)
    assert run.exit_code == 0, run.output
    yield f"$ {' '.join(('urja', *path))} --help\n{run.output}"
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from helps(command.get_command(context, name), (*path, name))


def test_help(oracle):
    oracle("command_line.txt", "\n".join(helps(urja, ())))


def test_settings(oracle):
    schema = msgspec.json.schema(Settings)
    oracle("settings.json", json.dumps(schema, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
