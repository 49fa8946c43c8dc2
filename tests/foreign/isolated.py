"""Other people's packages, each in an environment of its own: Urja cannot be imported there, nor they here."""

import json
import os
import re
import select
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tests.made_once import made_once

HERE = Path(__file__).parent

DLMS_COSEM = "dlms-cosem==21.3.2"
"""MIT; the last release under that licence."""
GURUX = "gurux-dlms==1.0.203"
"""GPL-2.0: run in a process of its own for these tests, never imported by Urja, never shipped with it."""
PYDLMS = "pydlms-client[crypto]==0.1.0"
"""GPL-3.0: likewise."""
PYDLMS_SERIAL = "pydlms-client[crypto,serial]==0.1.0"
"""With pyserial for its serial transport."""

ANSWER_S = 20


@cache
def python_with(requirement: str, imported: str) -> list[str]:
    """The command of a Python that has `requirement`, in an environment that is made once a run.

    Where the environment cannot be made the tests are skipped with the reason; in CI they fail.
    """
    if shutil.which("uv") is None:
        _cannot("uv is not there to make the environment")

    def make(environment: Path) -> None:
        python = str(environment / "bin" / "python")
        for command in (
            ["uv", "venv", "--quiet", "--relocatable", str(environment)],
            ["uv", "pip", "install", "--quiet", "--python", python, requirement],
            [python, "-c", f"import {imported}"],
        ):
            made = subprocess.run(command, capture_output=True, text=True, timeout=180)
            if made.returncode:
                _cannot(f"the environment of {requirement} cannot be made: {made.stderr[-300:]}")

    name = re.sub(r"\W+", "-", requirement)
    return [str(made_once(name, make) / "bin" / "python")]


def _cannot(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


class Child:
    """A foreign process that answers one JSON line with one JSON line."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, **question: Any) -> Any:
        """The answer; AssertionError where the child has died, ForeignError where it refuses."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer = self.line()
        if "error" in answer:
            raise ForeignError(answer["error"])
        return answer["answer"]

    def line(self) -> Any:
        """The next line it prints; AssertionError where none comes."""
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], ANSWER_S)
        assert ready, f"the foreign process says nothing for {ANSWER_S} s"
        line = self._process.stdout.readline()
        assert line, f"the foreign process ended with {self._process.wait(10)}"
        return json.loads(line)


class ForeignError(Exception):
    """The other implementation raised this."""


@contextmanager
def started(python: Sequence[str], script: str, *arguments: str) -> Iterator[Child]:
    """One of the scripts beside this file, running; it ends when its standard input does."""
    with subprocess.Popen(
        [*python, str(HERE / script), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield Child(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(3)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
