"""A serial port as a transport: raw bytes, eight data bits, one stop bit, on the event loop.

Built on the standard library: pyserial has had no release since 2020, and the needed part of it is a page.
"""

import asyncio
import errno
import fcntl
import os
import termios
import tty
from typing import Final

from urja.base.meter_address import SerialLink

_READ_SIZE: Final = 4096
_LONGEST_UNSENT: Final = 1 << 16
"""Bytes waiting for the port: with more than this the port is stuck."""
_CFLAG: Final = 2
_PARITY_FLAGS: Final = {"none": 0, "even": termios.PARENB, "odd": termios.PARENB | termios.PARODD}


class SerialPort(asyncio.Transport):
    """An open port, and the protocol that receives its bytes."""

    def __init__(self, link: SerialLink, protocol: asyncio.Protocol) -> None:
        """Raises OSError: no such port, no permission, in use by another program, or not a serial port."""
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._protocol = protocol
        self._unsent = bytearray()
        self._fd = os.open(link.device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            _set_up(self._fd, link)
        except (OSError, termios.error) as error:
            os.close(self._fd)
            number, why = error.args[:2]
            raise OSError(number, why, link.device) from error
        self._loop.add_reader(self._fd, self._read)
        protocol.connection_made(self)

    def is_closing(self) -> bool:
        return self._fd < 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes; those that the port does not accept now are sent later. A port that accepts none any more is
        closed.
        """
        if self.is_closing():
            return
        idle = not self._unsent
        self._unsent += data
        if len(self._unsent) > _LONGEST_UNSENT:
            self._lose(OSError(errno.EIO, "the serial port takes no bytes"))
        elif idle:
            self._write()

    def close(self) -> None:
        """Close the port; closing twice is harmless."""
        self._lose(None)

    def _read(self) -> None:
        try:
            data = os.read(self._fd, _READ_SIZE)
        except BlockingIOError:
            return
        except OSError as error:
            # A USB adapter was unplugged.
            self._lose(error)
            return
        if not data:
            self._lose(OSError(errno.EIO, "the serial port is gone"))
            return
        self._protocol.data_received(data)

    def _write(self) -> None:
        try:
            written = os.write(self._fd, self._unsent)
        except BlockingIOError:
            written = 0
        except OSError as error:
            self._lose(error)
            return
        del self._unsent[:written]
        if self._unsent:
            self._loop.add_writer(self._fd, self._write)
        else:
            self._loop.remove_writer(self._fd)

    def _lose(self, error: OSError | None) -> None:
        if self.is_closing():
            return
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        fd, self._fd = self._fd, -1
        os.close(fd)
        self._unsent.clear()
        self._loop.call_soon(self._protocol.connection_lost, error)


def _set_up(fd: int, link: SerialLink) -> None:
    if not os.isatty(fd):
        # Checked before anything is written: another device file must not be touched.
        raise OSError(errno.ENOTTY, "no serial port")
    # Two programs on one HDLC bus would receive each other's answers.
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    tty.setraw(fd)
    settings = termios.tcgetattr(fd)
    speed = getattr(termios, f"B{link.baud}")
    settings[_CFLAG] &= ~(termios.PARENB | termios.PARODD | termios.CSTOPB | termios.CRTSCTS)
    settings[_CFLAG] |= termios.CS8 | termios.CREAD | termios.CLOCAL | _PARITY_FLAGS[link.parity]
    settings[4:6] = [speed, speed]
    termios.tcsetattr(fd, termios.TCSANOW, settings)
    termios.tcflush(fd, termios.TCIOFLUSH)
