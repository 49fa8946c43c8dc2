"""A fictional society of 200 flats: its directory, its commands, its clock and its rules."""

import contextlib
import csv
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import openpyxl
import pytest

import urja.core.policy
from urja.base.clock import read_anchor, write_anchor

FLATS = 200
METERED = 10
CREDITED = 4
"""The flat that has paid ahead."""
URJA = [sys.executable, "-m", "urja.site.cli.main"]
TARIFF = """
format = 1
code = "neem"
version = "1"
title = "Neem Residents"
currency = "INR"
valid_from = 2026-03-01

[[line]]
name = "energy"
title = "Energy charge"
accrues = "slabs"
prorate = "month-fraction"
round_width = { to = "1", mode = "half-up" }
round = { to = "0.01", mode = "half-up", each = "line" }
slabs = [{ from = 0, rate = "8.00" }]

[[line]]
name = "fixed"
title = "Fixed charge"
accrues = "per-day"
rate = "30.00"
"""
POLICY = (
    (Path(urja.core.policy.__file__).parent / "documents" / "plain.toml")
    .read_text()
    .replace("letter_days = 7", "letter_days = 1")
    .replace("grace_days_after_conversion = 7", "grace_days_after_conversion = 0")
)
"""The plain policy without a week of grace; a letter serves a notice a day after it was posted."""


def until[T](condition: Callable[[], T], within_s: float = 90.0) -> T:
    deadline = time.monotonic() + within_s
    while not (value := condition()):
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.2)
    return value


def flat_of(flat: int) -> str:
    """Return the number of a flat in its tower: ten floors of ten flats."""
    floor, place = divmod((flat - 1) % 100, 10)
    return f"{floor + 1}{place + 1:02}"


def number_of(flat: int) -> str:
    """Return the consumer number of a flat, 1 to 200, in the towers A and B."""
    return f"NR-{'AB'[flat > 100]}-{flat_of(flat)}"


def serial_of(flat: int) -> str:
    return f"{flat:08}"


def write_members(path: Path) -> None:
    """The list of flats as a society keeps it: titles, a merged heading in two rows, every kind of cell, a total."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["NEEM RESIDENTS"])
    sheet.append(["List of members as on 07.03.2026"])
    sheet.append([])
    sheet.append(
        ["Sr. No.", "Flat No", "Resident Details", None, None, "Sanctioned Load (KW)", "Opening Bal"]
    )
    sheet.append([None, None, "Owner/Tenant Name", "Mob No", "E-mail ID", None, None])
    sheet.merge_cells("C4:E4")
    for flat in range(1, FLATS + 1):
        if flat in {1, 101}:
            sheet.append([f"Tower {'AB'[flat > 100]}"])
        phone: object = 9_800_000_000.0 + flat if flat % 3 else f"98000 {flat:05}"
        name = f"निवासी {flat}" if flat % 5 == 0 else f"Resident {flat}"
        balance = "₹ 500.00 Cr" if flat == CREDITED else ("NA", "-", None, "nil")[flat % 4]
        load: object = "5" if flat % 2 else 5
        sheet.append([flat, flat_of(flat), name, phone, f"flat{flat}@neem.example", load, balance])
        if flat % 60 == 0:
            sheet.append([])
    sheet.append(["Total", None, None, None, None, 1000, "500.00 Cr"])
    book.save(path)


def write_rows(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def command_of(words: Iterable[str]) -> str:
    """Return the words of a command line up to its first argument: `stock receive`, `meter commission`."""
    return " ".join(
        itertools.takewhile(lambda word: re.fullmatch(r"[a-z-]+", word) and word[0] != "-", words)
    )


@dataclass(frozen=True)
class Society:
    """A directory in which a manager types commands."""

    folder: Path
    environment: Mapping[str, str]
    ran: list[str] = field(default_factory=list)
    """The commands that were run, without their arguments."""

    def urja(self, *arguments: object, code: int = 0) -> str:
        """Run a command; return its output, then its messages. Fails where its exit code is not `code`."""
        self.ran.append(command_of(map(str, arguments)))
        done = subprocess.run(
            [*URJA, *map(str, arguments)],
            cwd=self.folder,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=180,
        )
        assert done.returncode == code, f"urja {arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    @contextlib.contextmanager
    def running(self, *arguments: object) -> Iterator[str]:
        """A command that runs until it is stopped: its first line of output."""
        self.ran.append(command_of(map(str, arguments)))
        process = subprocess.Popen(
            [*URJA, *map(str, arguments)],
            cwd=self.folder,
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            if not (line := process.stdout.readline()):
                pytest.fail(process.communicate()[1])
            yield line
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                raise

    @property
    def data(self) -> Path:
        return self.folder / "urja-data"

    @property
    def web_url(self) -> str:
        """The address of its pages; passkeys need the name `localhost`."""
        port = json.loads((self.data / "run" / "settings.json").read_text())["web"]["port"]
        return f"http://localhost:{port}"

    @property
    def clock_file(self) -> Path:
        return self.data / "clock.json"

    def run_to(self, then: datetime) -> None:
        """Let the business clock run two hours a second until `then`, and a minute a second from there.

        The meters follow the same file, and are read meanwhile.
        """
        self._run(7200.0)
        until(lambda: read_anchor(self.clock_file).business_at(time.time()) >= then.timestamp())
        self._run(60.0)

    def _run(self, speed: float) -> None:
        write_anchor(self.clock_file, read_anchor(self.clock_file).moved_to(time.time(), speed=speed))

    def at_real_speed(self) -> None:
        """Let the business clock run at real speed, for what people do."""
        self._run(1.0)
