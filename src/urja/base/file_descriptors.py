"""Open files and sockets: how many the system allows this process."""

import resource
from typing import Final

import structlog

log = structlog.get_logger()

RESERVED: Final = 500
"""Files and sockets that a server needs besides its clients' connections."""


def connection_limit(connections: int) -> int:
    """Return how many connections this process can hold, after raising its limit of descriptors as far as it may."""
    needed = connections + RESERVED
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    room = max(1, min(connections, soft - RESERVED))
    if room < connections:
        log.warning(
            "fewer connections than were set: raise the limit of open files (LimitNOFILE, ulimit -n)",
            wanted=connections,
            possible=room,
            descriptors_needed=needed,
            descriptors_allowed=soft,
        )
    return room
