"""The `urja` command: a group whose sub-commands are imported when they are asked for.

`urja decode`, `urja headend` and `urja meter` run without Django, and `urja --help` imports none of them.
"""

import importlib
import sys
from dataclasses import dataclass
from typing import Any, Final, cast

import click

from urja.base.json_files import DamagedFileError
from urja.site.exits import CommandError, Exit


@dataclass(frozen=True, slots=True)
class Lazy:
    """Where a command is, and what the list of commands says about it."""

    target: str
    help: str
    hidden: bool = False

    def load(self) -> click.Command:
        module, _, attribute = self.target.partition(":")
        return cast("click.Command", getattr(importlib.import_module(module), attribute))


COMMANDS: Final = {
    "demo": Lazy("urja.demo.command:demo", "Run a town of simulated meters beside the whole system."),
    "up": Lazy("urja.site.cli.up:up", "Run the whole system on this machine until stopped."),
    "status": Lazy("urja.site.cli.status:status", "Show each process with its health, and each stage's lag."),
    "restored": Lazy(
        "urja.site.cli.restored:restored", "Say that database or broker were put back from a copy."
    ),
    "config": Lazy("urja.site.cli.config:config", "Check or show the configuration."),
    "decode": Lazy("urja.site.cli.decode:decode", "Show a DLMS frame as a readable tree."),
    "meter": Lazy("urja.site.cli.meter:meter", "Serve a simulated meter; adopt and commission meters."),
    "meter-type": Lazy("urja.site.cli.meter_type:meter_type", "Check, load and list meter types."),
    "headend": Lazy("urja.site.cli.headend:headend", "Read any object of a meter."),
    "quarantine": Lazy(
        "urja.site.cli.headend:quarantine", "List, show, replay and purge what was set aside."
    ),
    "tariff": Lazy("urja.site.cli.tariff:tariff", "Check and load tariff documents."),
    "policy": Lazy("urja.site.cli.policy:policy", "Check, replay, load and assign policies."),
    "staff": Lazy("urja.site.cli.staff:staff", "Give people roles, list them, take them away."),
    "passkey": Lazy(
        "urja.site.cli.passkey:passkey", "Invite people to enrol passkeys, list and revoke them."
    ),
    "approvals": Lazy(
        "urja.site.cli.approvals:approvals", "Thresholds above which operations need passkeys."
    ),
    "approver": Lazy(
        "urja.site.cli.approver:approver", "Install, list and remove the passkeys that release held cuts."
    ),
    "token": Lazy("urja.site.cli.token:token", "Make keys to the API, list them, revoke them."),
    "keys": Lazy("urja.site.cli.keys:keys", "Give meters new keys."),
    "import": Lazy(
        "urja.site.cli.import_file:import_file", "Load a file of consumers, meters, networks or balances."
    ),
    "registry": Lazy("urja.site.cli.registry:registry", "Look for what in the registry cannot be right."),
    "stock": Lazy("urja.site.cli.stock:stock", "Receive, test, issue and scrap meters."),
    "export": Lazy("urja.site.cli.export_file:export", "Write what the registry knows to a file."),
    "settlement": Lazy("urja.site.cli.settlement:settlement", "Show what the payment gateway has paid out."),
    "work": Lazy("urja.site.cli.work:work", "List, assign and close work orders."),
    "verify": Lazy("urja.site.cli.verify:verify", "Prove that the books add up."),
    "process": Lazy("urja.site.supervisor.process:process", "Run one process of the system.", hidden=True),
}
"""The top level."""

NESTED: Final = {
    ("meter", "adopt"): Lazy("urja.site.cli.adopt:adopt", "Add a meter to the registry."),
    ("meter", "commission"): Lazy(
        "urja.site.cli.commission:commission", "Have meters called before they bill."
    ),
}
"""Commands that live in another module than the group they belong to, because that one knows no Django."""


class LazyGroup(click.Group):
    """A group that knows its sub-commands' names and one line about each, and imports them on use."""

    def __init__(self, *args: Any, lazy: dict[str, Lazy], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *self._lazy})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._lazy:
            return super().get_command(ctx, cmd_name)
        command = self._lazy[cmd_name].load()
        nested = {name: lazy for (group, name), lazy in NESTED.items() if group == cmd_name}
        if nested:
            assert isinstance(command, click.Group)
            extended = LazyGroup(
                name=cmd_name, help=command.help, commands=dict(command.commands), lazy=nested
            )
            extended.params = command.params
            extended.callback = command.callback
            return extended
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands from the table: showing it imports nothing."""
        rows = []
        for name in self.list_commands(ctx):
            lazy = self._lazy.get(name)
            if lazy is not None:
                shown = None if lazy.hidden else lazy.help
            else:
                command = self.commands[name]
                shown = None if command.hidden else command.get_short_help_str()
            if shown is not None:
                rows.append((name, shown))
        with formatter.section("Commands"):
            formatter.write_dl(rows)


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="urja", prog_name="urja")
def urja() -> None:
    """Smart prepaid metering: from the bytes of a DLMS meter to a rupee in the consumer's account."""


def main() -> None:
    """Entry point: a refusal is one sentence on stderr and its exit code."""
    try:
        urja(prog_name="urja")
    except CommandError as refusal:
        click.echo(f"urja: {refusal}", err=True)
        sys.exit(refusal.code)
    except DamagedFileError as error:
        click.echo(f"urja: {error}", err=True)
        sys.exit(Exit.USAGE)


if __name__ == "__main__":
    main()
