"""The SMS service as a process."""

from urja.base.clock import Clock
from urja.base.settings import Settings
from urja.sandbox.arguments import parse
from urja.sandbox.service import serve
from urja.sandbox.sms.arguments import SmsArguments
from urja.sandbox.sms.service import SmsService


async def run(settings: Settings, arguments: dict[str, object], clock: Clock) -> None:
    """Serve the SMS service until SIGTERM. Raises ValueError for invalid arguments, OSError for a taken port."""
    given = parse(arguments, SmsArguments)
    await serve(SmsService(given, settings.utility, clock), given)
