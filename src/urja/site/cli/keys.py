"""`urja keys`: give meters new keys, and see how far that is."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

import click

from urja.site.cli.options import data_option
from urja.site.cli.staff import done, opened
from urja.site.exits import CommandError, Exit

if TYPE_CHECKING:
    from urja.apps.meter_jobs.queries import Progress, TaskProgress

ACTOR: Final = "urja keys"
KIND: Final = "change_keys"


@click.group()
def keys() -> None:
    """Give meters new keys, and see how far that is."""


@keys.command()
@data_option
@click.option(
    "--meters",
    type=click.File(),
    help="File of serials or consumer numbers, a line each; - is the standard input.",
)
@click.option("--node", default="", help="In its place all meters under a node, such as: section North-2.")
@click.option("--reason", required=True, help="Why, for the audit.")
@click.option(
    "--hours",
    type=click.IntRange(1, 7 * 24),
    default=24,
    show_default=True,
    help="Meters that are not reached by then are given up.",
)
@click.option("--good-rows-only", is_flag=True, help="Leave out rows whose meter cannot be given keys.")
def change(
    data: Path, meters: TextIO | None, node: str, reason: str, hours: int, good_rows_only: bool
) -> None:
    """Give meters new keys. A head end makes them, and nobody sees them; both pairs are good until the meter has
    proven the new one. Asked for again, a meter that failed is given the same keys.
    """
    named = () if meters is None else tuple(line.strip() for line in meters if line.strip())
    if bool(named) == bool(node):
        raise CommandError(Exit.USAGE, "name meters by --meters FILE or by --node, one of both")
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
    click.echo(f"urja keys status {outcome['job_id']} shows how far it is.", err=True)


@keys.command()
@data_option
@click.argument("job", type=int, required=False)
@click.option("--failed", is_flag=True, help="Only meters that have not proven their keys.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of sentences.")
def status(data: Path, job: int | None, failed: bool, as_json: bool) -> None:
    """How far a change of keys is: each meter of JOB, or a line for each of the last twenty."""
    opened(data)
    from urja.apps.assets import meter_keys
    from urja.apps.meter_jobs.queries import jobs_of, tasks_of

    if job is None:
        told: dict[str, Any] = {
            "jobs": [_job(one) for one in jobs_of(KIND, 20)],
            "unproven": meter_keys.count_unproven(),
        }
    elif not (found := jobs_of(KIND, 1, job)):
        raise CommandError(Exit.FAILED, f"there is no change of keys {job}: urja keys status lists them")
    else:
        told = _job(found[0]) | {
            "meters": [_meter(task) for task in tasks_of(job) if not failed or task.state != "done"],
        }
    click.echo(json.dumps(told, default=str, ensure_ascii=False) if as_json else _sentences(told))


@keys.command()
@data_option
@click.argument("serial")
def forget(data: Path, serial: str) -> None:
    """Forget new keys of the meter SERIAL that no head end has made, which stand in the way of others.

    Keys that a head end has made stay: the meter may have taken them.
    """
    box = opened(data)
    from urja.apps.assets import meter_keys
    from urja.base.keystore import KeyNotOpenedError
    from urja.headend.new_keys import KeyGenerator
    from urja.headend.sealed_state import Seal

    found = meter_keys.unproven_keys_of(serial)
    if found is None:
        raise CommandError(
            Exit.FAILED, f"meter {serial} is not being given keys: urja keys change gives it some"
        )
    title, made = found
    try:
        KeyGenerator(box.keys, Seal(box.seal_key)).open(title, made)
    except KeyNotOpenedError as error:
        meter_keys.discard_new_keys(serial)
        click.echo(f"Forgotten: {error}.")
    else:
        raise CommandError(
            Exit.FAILED,
            f"a head end has made the keys that meter {serial} is being given, and it may have taken them: they stay until "
            "it has proven them (urja keys change sends them again)",
        )


@keys.command("rotate-master")
@data_option
@click.option(
    "--wait",
    "wait_s",
    type=click.IntRange(1),
    default=120,
    show_default=True,
    help="Seconds until the head ends must have all keys anew.",
)
def rotate_master(data: Path, wait_s: int) -> None:
    """Wrap the keys of all meters with a new key-encryption key, and retire the old one. Everything works on meanwhile.

    Started again it goes on where it was stopped. Load no keys of meters while it runs.
    """
    box = opened(data)
    from urja.site.cli.master_key import Rotation
    from urja.site.supervisor.secrets import Vault

    Rotation(Vault.open(box.data.secrets), box.clock.now, wait_s).run(click.echo)


_WORDS: Final = {"done": "proven"}
"""How a task's state is said of keys, where it has another word."""


def _job(job: "Progress") -> dict[str, Any]:
    return {
        "job": job.job_id,
        "asked_at": job.asked_at,
        "actor": job.actor,
        "reason": job.reason,
        "ended_at": job.ended_at,
        "states": {_WORDS.get(state, state): count for state, count in sorted(job.states.items())},
    }


def _meter(task: "TaskProgress") -> dict[str, Any]:
    from urja.base.sentences import from_plain

    return {
        "meter": task.named,
        "state": _WORDS.get(task.state, task.state),
        "step": task.progress.get("step", ""),
        "detail": str(from_plain(task.detail)) or task.trouble,
    }


def _sentences(told: dict[str, Any]) -> str:
    lines = [_line(one) for one in told.get("jobs", [told])]
    lines += [
        f"  {one['meter']:<20}  {one['state']:<9}  {one['detail']}".rstrip() for one in told.get("meters", [])
    ]
    if told.get("unproven"):
        lines.append(f"{told['unproven']} meters are yet to prove new keys: both pairs are good until then.")
    return "\n".join(lines) or "No keys were changed yet."


def _line(job: dict[str, Any]) -> str:
    states = ", ".join(f"{count} {state}" for state, count in job["states"].items())
    end = f"ended {job['ended_at']:%Y-%m-%d %H:%M}" if job["ended_at"] else "under way"
    return f"Job {job['job']} of {job['asked_at']:%Y-%m-%d %H:%M}, {end}: {states}. {job['reason']} ({job['actor']})"
