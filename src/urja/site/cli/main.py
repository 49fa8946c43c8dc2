"""The `urja` command: a group whose subcommands are imported on use.

`urja decode`, `urja headend` and `urja meter` run without Django, and `urja --help` imports none of them.
"""

import importlib
import sys
from dataclasses import dataclass
from typing import Any, Final, cast

import click

from urja.base.garbage import no_collections
from urja.base.json_files import DamagedFileError
from urja.site.command_errors import CommandError, Exit


@dataclass(frozen=True, slots=True)
class Lazy:
    """Module and attribute of a command, and its line in the list of commands."""

    target: str
    help: str
    hidden: bool = False

    def load(self) -> click.Command:
        module, _, attribute = self.target.partition(":")
        with no_collections():
            return cast("click.Command", getattr(importlib.import_module(module), attribute))


COMMANDS: Final = {
    "init": Lazy("urja.site.cli.init:init", "Write the configuration of a new installation."),
    "doctor": Lazy("urja.site.cli.doctor:doctor", "List what is missing before going live."),
    "demo": Lazy("urja.demo.command:demo", "Run a town of simulated meters beside the whole system."),
    "up": Lazy("urja.site.cli.up:up", "Run the whole system on this machine until stopped."),
    "status": Lazy("urja.site.cli.status:status", "Show each process with its health, and each stage's lag."),
    "backup": Lazy(
        "urja.site.cli.backup:backup", "Back up the running system, encrypted; make the recovery key."
    ),
    "restore": Lazy(
        "urja.site.cli.restore:restore", "Restore a backup onto an empty directory, or try it in a drill."
    ),
    "restored": Lazy(
        "urja.site.cli.restored:restored",
        "Record that the database or broker store was restored from a copy.",
    ),
    "bank": Lazy("urja.site.cli.bank:bank", "Register the society's bank accounts, check statements."),
    "config": Lazy("urja.site.cli.config:config", "Check or show the configuration."),
    "decode": Lazy("urja.site.cli.decode:decode", "Show a DLMS frame as a readable tree."),
    "mail": Lazy("urja.site.cli.mail:mail", "Test the relay of [mail]."),
    "meter": Lazy("urja.site.cli.meter:meter", "Serve a simulated meter; adopt and commission meters."),
    "meter-type": Lazy("urja.site.cli.meter_type:meter_type", "Check, load and list meter types."),
    "headend": Lazy(
        "urja.site.cli.headend:headend", "Read any object of a meter; show lost states of head ends."
    ),
    "quarantine": Lazy(
        "urja.site.cli.quarantine:quarantine", "List, show, replay and purge quarantined frames."
    ),
    "tariff": Lazy("urja.site.cli.tariff:tariff", "Check, explain, compare and load tariff documents."),
    "bill": Lazy("urja.site.cli.bill:bill", "Calculate bills from CSV of usage, without a server."),
    "calendar": Lazy("urja.site.cli.calendar:calendar", "Check, load and show calendars of time of day."),
    "heat-values": Lazy("urja.site.cli.heat_values:heat_values", "Check, load and show heat values of gas."),
    "determinants": Lazy(
        "urja.site.cli.determinants:determinants", "Show what an agreement's bills are calculated from."
    ),
    "why": Lazy("urja.site.cli.why:why", "Calculate an entry of the ledger again, and show from what."),
    "statement": Lazy(
        "urja.site.cli.statement:statement", "Show statements of account, as text and as data."
    ),
    "subsidy": Lazy("urja.site.cli.subsidy:subsidy", "Show what other bodies owe for subsidies, by month."),
    "policy": Lazy("urja.site.cli.policy:policy", "Check, replay, load and assign policies."),
    "staff": Lazy("urja.site.cli.staff:staff", "Add, change, list and remove staff and their roles."),
    "passkey": Lazy(
        "urja.site.cli.passkey:passkey", "Invite people to enrol passkeys, list and revoke them."
    ),
    "approvals": Lazy(
        "urja.site.cli.approvals:approvals",
        "Check, load and show approval thresholds; list waiting requests.",
    ),
    "approver": Lazy(
        "urja.site.cli.approver:approver",
        "Install, list and remove the passkeys that release held disconnections.",
    ),
    "token": Lazy("urja.site.cli.token:token", "Create, list and revoke tokens of the API."),
    "keys": Lazy("urja.site.cli.keys:keys", "Change meters' keys."),
    "import": Lazy(
        "urja.site.cli.import_file:import_file", "Load a file of consumers, meters, networks or balances."
    ),
    "mode-change": Lazy(
        "urja.site.cli.mode_change:mode_change", "Make many supplies prepaid or postpaid from a day on."
    ),
    "society": Lazy(
        "urja.site.cli.society:society",
        "Set up a society with its towers, flats, common areas and bulk supply.",
    ),
    "sheet": Lazy(
        "urja.site.cli.sheet:sheet", "Check and load a society's own spreadsheet of flats and residents."
    ),
    "registry": Lazy("urja.site.cli.registry:registry", "Find contradictions in the registry."),
    "stock": Lazy("urja.site.cli.stock:stock", "Receive, test, issue and scrap meters."),
    "export": Lazy(
        "urja.site.cli.export_file:export", "Write consumers, meters, networks or balances to a file."
    ),
    "settlement": Lazy("urja.site.cli.settlement:settlement", "Show settlements of the payment gateway."),
    "work": Lazy("urja.site.cli.work:work", "List, assign and close work orders."),
    "verify": Lazy("urja.site.cli.verify:verify", "Check the ledger's laws and the signed log."),
    "process": Lazy("urja.site.supervisor.process:process", "Run one process of the system.", hidden=True),
}
"""The top level."""

NESTED: Final = {
    ("meter", "adopt"): Lazy("urja.site.cli.adopt:adopt", "Add a meter to the registry."),
    ("meter", "commission"): Lazy(
        "urja.site.cli.commission:commission", "Call meters and check them before their data are billed."
    ),
}
"""Commands outside the module of their group, because the group is imported without Django."""


class LazyGroup(click.Group):
    """A click group that lists its subcommands from a table and imports each on use."""

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
        """Write the list of commands from the table, without imports."""
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
    """Smart prepaid metering, from the DLMS meter to the consumer's account."""


def main() -> None:
    """Run the command line; a `CommandError` is printed on standard error and gives the exit code."""
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
