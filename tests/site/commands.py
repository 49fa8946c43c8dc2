"""The command line in the test's own process: a process for each command takes half a second of processor time and more.

For commands that configure neither Django nor the log. Signals, another user and what a process may import need a process.
"""

import contextlib
import io
import sys
from subprocess import CompletedProcess
from unittest.mock import patch

import pytest

from urja.site.cli.main import main


def urja(*arguments: object) -> CompletedProcess[str]:
    """What `urja ARGUMENTS` prints, and its exit code."""
    given = ["urja", *map(str, arguments)]
    out, err = io.StringIO(), io.StringIO()
    with (
        patch.object(sys, "argv", given),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    return CompletedProcess(given, int(ended.value.code or 0), out.getvalue(), err.getvalue())
