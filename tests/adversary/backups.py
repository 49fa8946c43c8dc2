"""Backup files for tests that change, forge and steal them."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from urja.site.backup.sealed_file import BackupKeys, Header, SealedWriter

HEADER = Header(
    backup="0123456789abcdef",
    kind="data",
    taken_at=datetime(2026, 3, 2, 3, 30, tzinfo=UTC),
    version="1",
    recipient=b"",
)


def sealed(path: Path, keys: BackupKeys, content: bytes) -> Path:
    """Write a file of this content."""
    with SealedWriter(path, msgspec.structs.replace(HEADER, recipient=keys.recipient), keys) as writer:
        writer.write(content)
    return path
