"""Entry point of the fleet as a child of an installation; it loads nothing but the meters."""

from pathlib import Path

from urja.base.clock import Clock
from urja.base.settings import Settings
from urja.base.untyped_values import JsonObject
from urja.meter.fleet import serve_fleet


async def run_fleet(_settings: Settings, arguments: JsonObject, _clock: Clock) -> None:
    """Serve the fleet until SIGTERM."""
    await serve_fleet(Path(arguments["fleet"]))
