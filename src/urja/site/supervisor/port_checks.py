"""The TCP and UDP ports of an installation: free ones in place of 0, and a check of the others before the start."""

import errno
import socket
from collections.abc import Sequence
from itertools import product
from typing import Final

import msgspec

from urja.base.ports import free_port
from urja.base.settings import Settings
from urja.site.command_errors import CommandError, Exit

_PORTS: Final = (
    ("broker", "port"),
    ("broker", "monitor_port"),
    ("headend", "port"),
    ("headend", "status_port"),
    ("pipeline", "status_port"),
    ("pipeline", "closing_status_ports"),
    ("web", "port"),
    ("web", "redirect_port"),
)


type Given = int | tuple[int, ...] | None
"""The value of such a setting; None where nothing listens."""


def resolve_ports(settings: Settings) -> Settings:
    """Return the settings with a free port in place of each 0.

    The port is chosen here and not by the kernel, because a restarted child has to come back on the same port.
    """
    for section, name in _PORTS:
        part = getattr(settings, section)
        chosen = msgspec.structs.replace(part, **{name: _resolved(getattr(part, name))})
        settings = msgspec.structs.replace(settings, **{section: chosen})
    return settings


def _resolved(given: Given) -> Given:
    if isinstance(given, tuple):
        return tuple(port or free_port() for port in given)
    return free_port() if given == 0 else given


def is_free(host: str, port: int) -> bool:
    """Return whether a TCP port is free."""
    try:
        _check_port(host, port, socket.SOCK_STREAM, "")
    except CommandError:
        return False
    return True


def check_ports(settings: Settings, processes: Sequence[str]) -> None:
    """Raise `CommandError` for a port in use, with the setting that changes it."""
    for section, name in _PORTS:
        if section not in {"broker", *processes}:
            continue
        part = getattr(settings, section)
        given = getattr(part, name)
        ports = given if isinstance(given, tuple) else () if given is None else (given,)
        loopback = name.startswith(("status_", "closing_status_"))
        hosts = ["127.0.0.1"] if loopback else getattr(part, "hosts" if section == "headend" else "host")
        for host, port in product([hosts] if isinstance(hosts, str) else hosts, ports):
            kinds = [socket.SOCK_STREAM]
            if section == "headend" and not loopback and settings.headend.udp:
                kinds.append(socket.SOCK_DGRAM)
            for kind in kinds:
                _check_port(host, port, kind, f"{section}.{name}")


def _check_port(host: str, port: int, kind: socket.SocketKind, key: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, kind) as probe:
            if kind == socket.SOCK_STREAM:
                # Our own port of a moment ago is in TIME_WAIT: SO_REUSEADDR allows to bind it again.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind((host, port))
    except OSError as error:
        variable = "URJA_" + key.replace(".", "_").upper()
        if error.errno == errno.EADDRINUSE:
            raise CommandError(
                Exit.OS_ERROR,
                f"port {port} on {host} is taken by another program: stop that one, or choose another "
                f"with {key} in urja.toml or {variable}",
            ) from None
        if error.errno in {errno.EACCES, errno.EPERM}:
            raise CommandError(
                Exit.NO_PERMISSION,
                f"this user may not listen on port {port}: choose one above 1023 with {key} or {variable}",
            ) from None
        if error.errno in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
            # Without IPv6 on this machine there is nothing to check; the head end logs the addresses it listens on.
            return
        raise
