"""The commands that a meter can be given: one module each, found by its name.

A module has `Arguments`, a msgspec Struct with the command's arguments, and `async def execute(context:
CommandContext, arguments: Arguments) -> CommandOutcome`. Every failure with the meter leaves it as
`SessionFailedError`, whose kind says whether and when the order is tried again. `execute` may be called again for the
same order after a crash or a lost answer, so a command names the wanted state and not a change of it.
"""

import importlib
import pkgutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from urja.headend.command_context import CommandContext, CommandOutcome
from urja.headend.failures import FailureKind, SessionFailedError


@dataclass(frozen=True, slots=True)
class _Command:
    arguments: type[msgspec.Struct]
    execute: Callable[[CommandContext, Any], Awaitable[CommandOutcome]]


def _find() -> dict[str, _Command]:
    names = [found.name for found in pkgutil.iter_modules(__path__) if not found.name.startswith("_")]
    modules = {name: importlib.import_module(f"{__name__}.{name}") for name in names}
    return {name: _Command(module.Arguments, module.execute) for name, module in modules.items()}


_COMMANDS: Final = _find()

KINDS: Final = tuple(sorted(_COMMANDS))
"""The names of all commands of this head end."""


async def execute(context: CommandContext) -> CommandOutcome:
    """Carry an order out. Raises SessionFailedError, and StreamError where records could not be published."""
    command = _COMMANDS.get(context.order.kind)
    if command is None:
        raise SessionFailedError(
            FailureKind.OURS, f"no command is called {context.order.kind!r}; there are {', '.join(KINDS)}"
        )
    try:
        arguments = msgspec.convert(context.order.arguments, command.arguments, strict=False)
    except msgspec.ValidationError as error:
        raise SessionFailedError(FailureKind.OURS, f"{context.order.kind}: {error}") from error
    return await command.execute(context, arguments)
