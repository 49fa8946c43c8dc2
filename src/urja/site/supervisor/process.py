"""`urja process NAME` (hidden): entry point of the supervisor's children.

The child reads its settings, secrets and data directory from an inherited pipe, sets up its log and calls the
process's function with `(settings, secrets, clock)`.
"""

import asyncio
import importlib
import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click
import msgspec
from msgspec import Struct

from urja.base import log
from urja.base.clock import AnchoredClock
from urja.base.garbage import no_collections
from urja.base.process_secrets import (
    AdminSecrets,
    ClosingSecrets,
    HeadendSecrets,
    NoSecrets,
    PipelineSecrets,
    WebSecrets,
)
from urja.base.settings import Settings
from urja.site.data_directory import DataDirectory


class Start(Struct, frozen=True, kw_only=True):
    """The payload of a child's pipe. `secrets` is the struct of its kind, or any JSON for a demonstration's child."""

    settings: Settings
    secrets: msgspec.Raw
    data: str
    demo: bool = False

    def __repr__(self) -> str:
        return "Start(***)"

    @property
    def data_directory(self) -> DataDirectory:
        return DataDirectory(Path(self.data))


class Known(Struct, frozen=True):
    """A process of the system: its function and the type of its secrets."""

    target: str
    secrets: type[Struct]
    wants_start: bool = False
    """Whether the function takes the whole `Start`, as those of `urja.site` do."""


KNOWN: Final = {
    "prepare": Known("urja.site.supervisor.prepare:run_prepare", AdminSecrets, wants_start=True),
    "headend": Known("urja.headend.process:run_headend", HeadendSecrets),
    "pipeline": Known(
        "urja.site.supervisor.pipeline_process:run_pipeline", PipelineSecrets, wants_start=True
    ),
    "closing": Known("urja.site.supervisor.pipeline_process:run_closing", ClosingSecrets, wants_start=True),
    "redirect": Known("urja.site.supervisor.redirect_process:run_redirect", NoSecrets),
    "web": Known("urja.site.supervisor.web_process:run_web", WebSecrets, wants_start=True),
}


@click.command()
@click.argument("name")
@click.option("--start-fd", type=int, required=True, help="Number of the inherited pipe.")
@click.option("--target", help="module:function of a process that is not one of the system's.")
def process(name: str, start_fd: int, target: str | None) -> None:
    """Run one process of the system; for the supervisor only."""
    with os.fdopen(start_fd, "rb") as pipe:
        start = msgspec.json.decode(pipe.read(), type=Start)
    log.configure(name, start.settings.log.level, json=start.settings.log.format == "json")
    # Processes of one kind are numbered, as in `closing-1`.
    known = Known(target, dict) if target else KNOWN[name.partition("-")[0]]  # type: ignore[arg-type]  # a test's process gets its start as plain JSON
    secrets = msgspec.json.decode(start.secrets, type=known.secrets)
    clock = AnchoredClock(start.data_directory.clock)
    call(known.target, start if known.wants_start else start.settings, secrets, clock)


def call(target: str, *arguments: object) -> None:
    """Import `module:function` and run it to its end, in an event loop if it is a coroutine function."""
    module, _, name = target.partition(":")
    with no_collections():
        function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    result = function(*arguments)
    if inspect.iscoroutine(result):
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(result)


def start_payload(settings: Settings, secrets: object, data: Path, *, demo: bool = False) -> bytes:
    """Return the payload of a child's pipe: a `Start` in JSON."""
    raw = msgspec.Raw(msgspec.json.encode(secrets))
    return msgspec.json.encode(Start(settings=settings, secrets=raw, data=str(data), demo=demo))
