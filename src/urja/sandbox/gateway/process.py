"""The gateway as a process."""

from urja.base.clock import Clock
from urja.base.settings import Settings
from urja.sandbox.arguments import parse
from urja.sandbox.gateway.arguments import GatewayArguments
from urja.sandbox.gateway.gateway import Gateway
from urja.sandbox.service import serve


async def run(settings: Settings, arguments: dict[str, object], clock: Clock) -> None:
    """Serve the gateway until SIGTERM. Raises ValueError for invalid arguments, OSError for a taken port."""
    given = parse(arguments, GatewayArguments)
    await serve(Gateway(given, settings.utility, clock), given)
