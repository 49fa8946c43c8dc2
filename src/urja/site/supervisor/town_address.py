"""Where the demonstration's control listens: the supervisor and the web process find it by the same rule."""

from pathlib import Path

from urja.site.data_directory import DataDirectory
from urja.site.supervisor.postgres import socket_directory


def town_socket(data: DataDirectory) -> Path:
    """The Unix socket of `urja.demo.town_control`."""
    return socket_directory(data.run) / "town.sock"
