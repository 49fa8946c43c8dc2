"""Path of the socket of the demonstration's control, for the supervisor and the web process."""

from pathlib import Path

from urja.site.data_directory import DataDirectory
from urja.site.supervisor.postgres import socket_directory


def town_socket(data: DataDirectory) -> Path:
    """Return the Unix socket of `urja.demo.town_control`."""
    return socket_directory(data.run) / "town.sock"
