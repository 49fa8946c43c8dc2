"""Ports that are chosen before their process starts.

A port from the kernel's ephemeral range (bind to 0, read it, close it) may soon be the local end of an outgoing
connection, and the process that was to listen there finds it taken. So ports are chosen below that range, and each
stays reserved until its server listens: two programs that start side by side do not choose the same one.
"""

import itertools
import os
import random
import socket
import sys
from collections import deque
from typing import Final

_BELOW_OUTGOING: Final = range(10_000, 32_000)
"""Linux uses ports from 32768 up for outgoing connections, other systems from 49152."""

_in_turn: Final = itertools.cycle(random.sample(_BELOW_OUTGOING, len(_BELOW_OUTGOING)))

_RESERVED_AT_MOST: Final = 64
"""A process chooses fewer ports than this between choosing one and listening on it."""

_reserved: Final[deque[int]] = deque()
"""Descriptors of the sockets that hold the latest ports of this process, the oldest first."""


def free_port() -> int:
    """Return a port that is free now for TCP and UDP; never the same one twice in a row. Raises OSError where none is
    free.
    """
    for port in itertools.islice(_in_turn, len(_BELOW_OUTGOING)):
        if _is_free_for_datagrams(port) and _reserve(port):
            return port
    raise OSError(f"no port from {_BELOW_OUTGOING.start} to {_BELOW_OUTGOING.stop - 1} is free")


def _is_free_for_datagrams(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _reserve(port: int) -> bool:
    """Bind a TCP socket to the port that does not listen; return whether nothing else was bound to it."""
    reservation = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        reservation.bind(("127.0.0.1", port))
    except OSError:
        reservation.close()
        return False
    if sys.platform == "linux":
        # Set after the bind, which alone decides. Linux lets a server with SO_REUSEADDR, as all of ours and the broker
        # have it, bind beside a socket that has it too and does not listen; other systems do not.
        reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _reserved.append(reservation.detach())
        if len(_reserved) > _RESERVED_AT_MOST:
            os.close(_reserved.popleft())
    else:
        reservation.close()
    return True
