"""The sandbox payment gateway beside an installation: in a demonstration, and with `urja up --sandbox-gateway`.

It credits what anyone pays with a test card. So beside an installation of people it runs only where it can be reached
from this machine alone, and where no real money is in the books.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import msgspec
import psycopg
import structlog

from urja.apps.books.kinds import MAINTENANCE, RECHARGE_KINDS
from urja.base.ip_networks import is_this_machine
from urja.base.ports import free_port
from urja.base.settings import GatewaySettings, Settings
from urja.base.untyped_values import JsonObject
from urja.site.command_errors import CommandError, Exit
from urja.site.supervisor.extra_child import ExtraChild

log = structlog.get_logger()

NAME: Final = "urja-sandbox"
"""Its name in the settings of `urja up --sandbox-gateway`, and so in every row and in the keys of its credits."""
PROCESS: Final = "gateway"
"""Its name among the processes."""
_CURRENCY: Final = "INR"
_STOP_RANK: Final = 25
"""After the web server, whose pages lead here."""
_CHECK_EVERY_S: Final = 5.0
"""Seconds between two looks at the books: for so long a test card may still pay beside real money."""
_ELSEWHERE: Final = (
    "try payments in an installation of its own: urja init --config trial.toml --data trial, "
    "then urja up --config trial.toml --data trial --sandbox-gateway"
)


def settings_of(port: int, key_id: str) -> GatewaySettings:
    """Return how the settings name a sandbox gateway on a port of this machine."""
    return GatewaySettings(
        provider="razorpay", options={"base_url": f"http://127.0.0.1:{port}", "key_id": key_id}
    )


def child_of(
    name: str, settings: Settings, secrets: dict[str, str], folder: Path, **behaviour: object
) -> ExtraChild:
    """Return the process of the gateway that `settings` have under a name, with its book in `folder`.

    `behaviour`: seed and faults, as `urja.sandbox.gateway.arguments` has them; without any it has no faults.
    """
    host = f"[{settings.web.host}]" if ":" in settings.web.host else settings.web.host
    options: JsonObject = settings.payments.gateways[name].options
    ready_port = free_port()
    arguments: JsonObject = {
        "port": int(options["base_url"].rpartition(":")[2]),
        "ready_port": ready_port,
        "database": str(folder / "gateway.sqlite"),
        "webhook_url": f"http://{host}:{settings.web.port}/hooks/payments/{name}/",
        "key_id": options["key_id"],
        **secrets,
        **behaviour,
    }
    return ExtraChild(
        PROCESS,
        "urja.sandbox.gateway.process:run",
        arguments,
        ready_port=ready_port,
        stop_rank=_STOP_RANK,
    )


def with_sandbox(settings: Settings) -> Settings:
    """Return the settings of an installation with the sandbox as its only gateway, on a free port.

    Raises `CommandError` where others could pay there, or where a gateway is configured.
    """
    web, gateways = settings.web, settings.payments.gateways
    if gateways:
        raise _refused(f"the gateway {min(gateways)} is configured: {_ELSEWHERE}")
    if settings.utility.currency != _CURRENCY:
        raise _refused(f"it takes {_CURRENCY} alone, and utility.currency is {settings.utility.currency}")
    reached = [name for name in (web.host, *web.hosts) if not is_this_machine(name)]
    if web.public_url or reached:
        raise _refused(
            f"others can reach the portal ({web.public_url or reached[0]}), and a test card pays there: leave "
            "web.host, web.hosts and web.public_url at their defaults"
        )
    sandbox = {NAME: settings_of(free_port(), "rzp_test_sandbox")}
    return msgspec.structs.replace(
        settings, payments=msgspec.structs.replace(settings.payments, gateways=sandbox)
    )


def without_sandbox(settings: Settings) -> Settings:
    """Return the settings as a file and the environment gave them, before `with_sandbox`."""
    configured = {name: one for name, one in settings.payments.gateways.items() if name != NAME}
    return msgspec.structs.replace(
        settings, payments=msgspec.structs.replace(settings.payments, gateways=configured)
    )


def check_books(conninfo: str) -> None:
    """Raise `CommandError` where the books have a payment that did not come by the sandbox."""
    with psycopg.connect(conninfo) as connection:
        found = connection.execute(
            "SELECT count(*) FROM books.credit_request WHERE kind = ANY(%s) AND NOT starts_with(idempotency_key, %s)",
            [[*RECHARGE_KINDS, MAINTENANCE], f"{NAME}:"],
        ).fetchone()
    if found is not None and found[0]:
        raise _refused(f"the books have real payments ({found[0]}): {_ELSEWHERE}")


async def stop_beside_real_money(conninfo: str, stop: Callable[[], Awaitable[None]]) -> None:
    """Stop the gateway as soon as the books have a payment that did not come by it, and return then."""
    refused: CommandError | None = None
    while refused is None:
        await asyncio.sleep(_CHECK_EVERY_S)
        try:
            await asyncio.to_thread(check_books, conninfo)
        except psycopg.OperationalError as error:
            # Without its database the installation records no payment; the supervisor reports and restarts it.
            log.warning("the books cannot be checked for real payments", why=str(error))
        except CommandError as error:
            refused = error
    log.error("the sandbox gateway is stopped", why=str(refused))
    await stop()


def _refused(why: str) -> CommandError:
    return CommandError(Exit.USAGE, f"the sandbox gateway does not run here: {why}")
