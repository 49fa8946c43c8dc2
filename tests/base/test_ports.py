"""Ports that are chosen before their process starts: no two programs choose the same one."""

import asyncio
import socket
import subprocess
import sys

import pytest

from urja.base import ports

_CHOOSE = (
    "from urja.base import ports; ports._in_turn = iter({0!r}); print(ports.free_port(), flush=True); input()"
)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems cannot reserve a port for a server")
def test_a_port_that_another_program_has_chosen_is_not_chosen_before_its_server_listens():
    mine = ports.free_port()
    other = ports.free_port()
    with socket.socket() as freed:  # a port that nothing reserves
        freed.bind(("127.0.0.1", 0))
        unreserved = freed.getsockname()[1]
    command = [sys.executable, "-c", _CHOOSE.format([mine, other, unreserved])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout.readline() == f"{unreserved}\n"
        program.communicate("\n")


async def test_a_server_listens_on_a_chosen_port_and_comes_back_on_it():
    port = ports.free_port()
    for _ in range(2):
        server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", port)
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        await writer.wait_closed()
        with pytest.raises(OSError, match="in use"):
            await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", port)
        server.close()
        await server.wait_closed()


def test_reservations_are_bounded():
    chosen = [ports.free_port() for _ in range(200)]
    assert len(set(chosen)) == 200
    assert len(ports._reserved) <= 64
