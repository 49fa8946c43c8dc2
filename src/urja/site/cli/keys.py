"""`urja keys`: change meters' keys and the key-encryption key, and show the progress."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

import click

from urja.base.untyped_values import JsonObject
from urja.site.cli.options import data_option
from urja.site.cli.staff import done, opened
from urja.site.command_errors import CommandError, Exit

if TYPE_CHECKING:
    from urja.apps.meter_jobs.queries import Progress, TaskProgress

ACTOR: Final = "urja keys"
KIND: Final = "change_keys"


@click.group()
def keys() -> None:
    """Change meters' keys, and show the progress."""


@keys.command()
@data_option
@click.option(
    "--meters",
    type=click.File(),
    help="File of serial or consumer numbers, one per line; - is standard input.",
)
@click.option(
    "--node", default="", help="All meters under a node, such as 'section North-2'; in place of --meters."
)
@click.option("--reason", required=True, help="Reason, for the audit trail.")
@click.option(
    "--hours",
    type=click.IntRange(1, 7 * 24),
    default=24,
    show_default=True,
    help="Hours after which meters that were not reached are given up.",
)
@click.option(
    "--good-rows-only",
    is_flag=True,
    help="Leave out meters whose keys cannot be changed; without it one such meter stops the command.",
)
def change(
    data: Path, meters: TextIO | None, node: str, reason: str, hours: int, good_rows_only: bool
) -> None:
    """Change the keys of meters. A head end generates the keys and shows them to no person.

    Old and new keys are both accepted until the meter has used the new ones. A meter that failed gets the same keys
    when the command is run again.
    """
    named = () if meters is None else tuple(line.strip() for line in meters if line.strip())
    if bool(named) == bool(node):
        raise CommandError(Exit.USAGE, "select meters by --meters FILE or by --node, one of the two")
    box = opened(data)
    from urja.usecases.operations import ChangeKeys

    entry = done(
        box,
        ChangeKeys(
            meters=named,
            under=node,
            reason=reason,
            good_for_minutes=60 * hours,
            good_rows_only=good_rows_only,
        ),
        ACTOR,
    )
    outcome = entry.outcome
    left_out = f", {outcome['refused']} left out" if outcome["refused"] else ""
    click.echo(f"Job {outcome['job_id']}: {outcome['meters']} meters{left_out}.")
    click.echo(f"urja keys status {outcome['job_id']} shows the progress.", err=True)


@keys.command()
@data_option
@click.argument("job", type=int, required=False)
@click.option("--failed", is_flag=True, help="Only meters that have not used their new keys yet.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def status(data: Path, job: int | None, failed: bool, as_json: bool) -> None:
    """Show the progress of a change of keys: each meter of JOB, or the last twenty jobs."""
    opened(data)
    from urja.apps.assets import meter_keys
    from urja.apps.meter_jobs.queries import jobs_of, tasks_of

    if job is None:
        told: dict[str, object] = {
            "jobs": [_job(one) for one in jobs_of(KIND, 20)],
            "unproven": meter_keys.count_unproven(),
        }
    elif not (found := jobs_of(KIND, 1, job)):
        raise CommandError(
            Exit.FAILED, f"no change of keys has the number {job}: urja keys status lists them"
        )
    else:
        told = _job(found[0]) | {
            "meters": [_meter(task) for task in tasks_of(job) if not failed or task.state != "done"],
        }
    click.echo(json.dumps(told, default=str, ensure_ascii=False) if as_json else _sentences(told))


@keys.command()
@data_option
@click.argument("serial")
def forget(data: Path, serial: str) -> None:
    """Cancel a pending change of keys of the meter SERIAL that blocks another one.

    Keys that a head end has already generated stay: the meter may use them.
    """
    box = opened(data)
    from urja.apps.assets import meter_keys
    from urja.base.keystore import KeyNotOpenedError
    from urja.headend.new_keys import KeyGenerator
    from urja.headend.sealed_state import Seal

    found = meter_keys.unproven_keys_of(serial)
    if found is None:
        raise CommandError(
            Exit.FAILED, f"meter {serial} has no pending change of keys: urja keys change starts one"
        )
    title, made = found
    try:
        KeyGenerator(box.keys, Seal(box.seal_key)).open(title, made)
    except KeyNotOpenedError as error:
        meter_keys.discard_new_keys(serial)
        click.echo(f"Cancelled: {error}.")
    else:
        raise CommandError(
            Exit.FAILED,
            f"a head end has generated new keys for meter {serial}, and the meter may use them: they stay until "
            "the meter has used them (urja keys change sends them again)",
        )


@keys.command("rotate-master")
@data_option
@click.option(
    "--wait",
    "wait_s",
    type=click.IntRange(1),
    default=120,
    show_default=True,
    help="Timeout for the head ends to receive all keys again, in seconds.",
)
def rotate_master(data: Path, wait_s: int) -> None:
    """Wrap the keys of all meters with a new key-encryption key, and retire the old one, during operation.

    A second run continues where the first was stopped. Do not load meters' keys while it runs.
    """
    box = opened(data)
    from urja.site.cli.master_key import Rotation
    from urja.site.supervisor.secrets import Vault

    Rotation(Vault.open(box.data.secrets), box.clock.now, wait_s).run(click.echo)


_WORDS: Final = {"done": "proven"}
"""Names of task states that differ for changes of keys."""


def _job(job: "Progress") -> JsonObject:
    return {
        "job": job.job_id,
        "asked_at": job.asked_at,
        "actor": job.actor,
        "reason": job.reason,
        "ended_at": job.ended_at,
        "states": {_WORDS.get(state, state): count for state, count in sorted(job.states.items())},
    }


def _meter(task: "TaskProgress") -> JsonObject:
    from urja.base.sentences import from_plain

    return {
        "meter": task.named,
        "state": _WORDS.get(task.state, task.state),
        "step": task.progress.get("step", ""),
        "detail": str(from_plain(task.detail)) or task.trouble,
    }


def _sentences(told: JsonObject) -> str:
    lines = [_line(one) for one in told.get("jobs", [told])]
    lines += [
        f"  {one['meter']:<20}  {one['state']:<9}  {one['detail']}".rstrip() for one in told.get("meters", [])
    ]
    if told.get("unproven"):
        lines.append(
            f"{told['unproven']} meters have not used their new keys yet: old and new keys are accepted until then."
        )
    return "\n".join(lines) or "No keys have been changed yet."


def _line(job: JsonObject) -> str:
    states = ", ".join(f"{count} {state}" for state, count in job["states"].items())
    end = f"ended {job['ended_at']:%Y-%m-%d %H:%M}" if job["ended_at"] else "under way"
    return f"Job {job['job']} of {job['asked_at']:%Y-%m-%d %H:%M}, {end}: {states}. {job['reason']} ({job['actor']})"
