"""The broker for administrators' commands."""

import asyncio
from collections.abc import Callable, Coroutine

from urja.site.admin import Administration
from urja.site.command_errors import CommandError, Exit
from urja.stream.broker import Broker, connect
from urja.stream.errors import BrokerUnavailableError, StreamError


def with_broker[T](box: Administration, work: Callable[[Broker], Coroutine[object, object, T]]) -> T:
    """Run work with a connection to the broker of a running installation, and return its result.

    Raises CommandError where the broker does not answer or refuses.
    """
    access = box.secrets

    async def run() -> T:
        broker = await connect(
            access.broker_url, access.broker_user, access.broker_password, "administrator", 5.0
        )
        try:
            return await work(broker)
        finally:
            await broker.close()

    try:
        return asyncio.run(run())
    except BrokerUnavailableError as error:
        raise CommandError(Exit.UNAVAILABLE, f"{error}: is Urja running?") from None
    except StreamError as error:
        raise CommandError(Exit.FAILED, str(error)) from None
