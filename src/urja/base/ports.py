"""Ports that are chosen before their process starts.

A port from the kernel's ephemeral range (bind to 0, read it, close it) may soon be the local end of an outgoing
connection, and the process that was to listen there finds it taken. So ports are chosen below that range.
"""

import itertools
import random
import socket
from typing import Final

_BELOW_OUTGOING: Final = range(10_000, 32_000)
"""Linux uses ports from 32768 up for outgoing connections, other systems from 49152."""

_in_turn: Final = itertools.cycle(random.sample(_BELOW_OUTGOING, len(_BELOW_OUTGOING)))


def free_port() -> int:
    """Return a port that is free now for TCP and UDP; never the same one twice in a row. Raises OSError where none is
    free.
    """
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
