"""`urja status`: each process with its pid, its health and how far behind each stage is.

The supervisor's state is in DATA/run/status.json, the state of a process at its `/status`, and the broker's queues at
the monitoring address of NATS. All are on the loopback interface and need no secret.
"""

import asyncio
import json
import time
from pathlib import Path

import click
import msgspec

from urja.base.disk_space import Level, disk_spaces
from urja.base.json_files import DamagedFileError, read_json
from urja.base.settings import Settings
from urja.base.untyped_values import JsonObject
from urja.site.admin import RESTART
from urja.site.cli.options import data_option
from urja.site.command_errors import CommandError, Exit
from urja.site.data_directory import DataDirectory
from urja.site.supervisor import health_probes


class _Known(msgspec.Struct, frozen=True):
    """Contents of status.json: the supervisor and its children."""

    pid: int
    processes: dict[str, JsonObject]


@click.command()
@data_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def status(data: Path, as_json: bool) -> None:
    """Show each process with its health, and each stage's lag.

    Exit code 0: all processes are healthy; 1: one is not, or there is an alarm; 75: Urja does not run on this data directory.
    """
    report = asyncio.run(gather(DataDirectory(data)))
    click.echo(json.dumps(report, indent=2) if as_json else render(report))
    if not report["well"]:
        raise SystemExit(Exit.FAILED)


async def gather(data: DataDirectory) -> JsonObject:
    """Return the state of a running installation as JSON values. Raises `CommandError` where none runs."""
    holder = data.holder()
    if holder is None:
        raise CommandError(
            Exit.ALREADY_RUNNING, f"no Urja runs on {data.path}: start one with urja up --data {data.path}"
        )
    try:
        known = read_json(data.status_file, _Known, RESTART)
        settings = read_json(data.settings_file, Settings, RESTART)
    except FileNotFoundError:
        raise CommandError(
            Exit.ALREADY_RUNNING,
            f"Urja (process {holder}) is still starting on {data.path}: try again in a few seconds",
        ) from None
    except DamagedFileError as error:
        raise CommandError(Exit.USAGE, str(error)) from None
    processes = known.processes
    statuses, broker = await asyncio.gather(
        _statuses(processes), health_probes.broker_backlog(settings.broker.host, settings.broker.monitor_port)
    )
    for name, process in processes.items():
        process["detail"] = statuses.get(name)
        started_at_s = process.pop("started_at_s")
        process["up_s"] = round(time.time() - started_at_s) if process["pid"] and started_at_s else None
        del process["status_port"]
    # Read from the file systems: where a disk is full, no process can record that it is.
    disks = disk_spaces(data.places, settings.disk)
    return {
        "supervisor_pid": known.pid,
        "data": str(data.path),
        "processes": processes,
        "backlog": broker,
        "disks": msgspec.to_builtins(disks),
        "well": broker is not None
        and all(_well(process) for process in processes.values())
        and not any(disk.level is Level.CRITICAL for disk in disks),
    }


async def _statuses(processes: JsonObject) -> dict[str, JsonObject | None]:
    asked = {name: process["status_port"] for name, process in processes.items() if process["status_port"]}
    answers = await asyncio.gather(*(health_probes.http_json(port, "/status") for port in asked.values()))
    return dict(zip(asked, answers, strict=True))


def _well(process: JsonObject) -> bool:
    detail = process.get("detail") or {}
    ill = detail.get("attention") or any(stage.get("ill") for stage in detail.get("stages", {}).values())
    return bool(process["state"] == "ready" and process["health"] == "ok" and not ill)


def render(report: JsonObject) -> str:
    """Return the report as text for a terminal."""
    head = ("PROCESS", "PID", "STATE", "HEALTH", "RESTARTS", "UP")
    rows = [head, *(_row(name, process) for name, process in report["processes"].items())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    lines += [process["failing"] for process in report["processes"].values() if process["failing"]]
    lines.append("")
    lines += [_disk(disk) for disk in report["disks"]]
    if report["backlog"] is None:
        lines.append("The broker does not answer: its queues are unknown.")
    else:
        lines.append("Queued in the broker:")
        lines += [
            f"  {name}: {waiting['pending']} undelivered, {waiting['unacknowledged']} in progress"
            for name, waiting in sorted(report["backlog"].items())
        ]
    for name, process in report["processes"].items():
        if process["detail"]:
            lines.append(f"{name}:")
            lines += _details(process["detail"])
    return "\n".join(lines)


def _disk(disk: JsonObject) -> str:
    line = f"Disk of {disk['path']}: {disk['free_bytes'] >> 20} MB free"
    return (
        line
        if disk["level"] == Level.OK
        else f"{line}, {disk['level']} below {disk['limit_mb']} MB: free some space"
    )


def _row(name: str, process: JsonObject) -> tuple[str, ...]:
    up_s = process["up_s"]
    return (
        name,
        str(process["pid"] or "-"),
        process["state"],
        process["health"],
        str(process["restarts"]),
        "-" if up_s is None else _duration(up_s),
    )


def _duration(seconds: int) -> str:
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {seconds:02} s"


def _details(detail: dict[str, object]) -> list[str]:
    """Return one line for each figure; a figure with parts (a pipeline's stages) has one line for each part."""
    lines = []
    for key, value in detail.items():
        if isinstance(value, dict) and any(isinstance(part, dict) for part in value.values()):
            lines += [f"  {name}: {_flat(part)}" for name, part in value.items()]
        else:
            lines.append(f"  {key}: {_flat(value)}")
    return lines


def _flat(value: object) -> str:
    if isinstance(value, dict):
        known = {key: item for key, item in value.items() if item is not None}
        return ", ".join(f"{key} {_flat(item)}" for key, item in known.items())
    return str(value)
