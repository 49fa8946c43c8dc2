"""Ports that are chosen before their process starts.

A port from the kernel's own range (ask for 0, read it, let it go) is soon the local end of somebody's outgoing
connection, and the process that was to listen there finds it taken. So they are chosen below that range.
"""

import itertools
import random
import socket
from typing import Final

_BELOW_OUTGOING: Final = range(10_000, 32_000)
"""Linux takes outgoing connections' ports from 32768 up, other systems from 49152."""

_in_turn: Final = itertools.cycle(random.sample(_BELOW_OUTGOING, len(_BELOW_OUTGOING)))


def free_port() -> int:
    """A port that nobody listens on now, over TCP or UDP; never the same one twice in a row of calls."""
    for port in itertools.islice(_in_turn, len(_BELOW_OUTGOING)):
        if all(_is_free(port, kind) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)):
            return port
    raise OSError(f"no port from {_BELOW_OUTGOING.start} to {_BELOW_OUTGOING.stop - 1} is free")


def _is_free(port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
