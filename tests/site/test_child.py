"""What a child of the supervisor is told, and how."""

import os
from pathlib import Path

import pytest

from urja.site.supervisor import child


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 1_000_000])
def test_a_child_reads_all_that_it_is_given_and_then_the_end(size):
    payload = os.urandom(size)
    reader = child.pipe_with(payload)
    with os.fdopen(reader, "rb") as pipe:
        assert pipe.read() == payload


def test_what_fits_no_pipe_is_refused_and_leaves_no_descriptor_open(monkeypatch):
    def refuse(*_):
        raise OSError(1, "no pipe so large")

    monkeypatch.setattr(child.fcntl, "fcntl", refuse)
    before = _open_files()
    with pytest.raises(OSError, match="no pipe so large"):
        child.pipe_with(bytes(1 << 20))
    assert _open_files() == before


def _open_files():
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())
