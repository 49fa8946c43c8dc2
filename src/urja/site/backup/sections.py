"""The plain content of a backup: named sections in order, each of any number of blocks."""

from collections.abc import Iterator
from typing import Final

from urja.site.backup.sealed_file import SealedReader, SealedWriter

_LENGTH_BYTES: Final = 4
BLOCK_BYTES: Final = 1 << 20

SETTINGS: Final = "settings"
"""Section of the settings of the box, JSON."""
CLOCK: Final = "clock"
"""Section of the business time at which the backup was whole, an anchor, JSON."""
FILE: Final = "file:"
"""Prefix of the section of a small file; its path within the data directory follows."""
STREAM: Final = "stream:"
"""Prefix of the section of a stream; its name follows, its first block is its `StreamHead`."""
ARCHIVE: Final = "archive"
"""Section of the cluster's folder in the archive of the log, where the log was archived."""
POSTGRES: Final = "postgres"
"""Section of the base backup of the database, a compressed tar."""


def write_block(writer: SealedWriter, block: bytes) -> None:
    """Append a block; an empty one ends its section."""
    writer.write(len(block).to_bytes(_LENGTH_BYTES, "big") + block)


def write_section(writer: SealedWriter, name: str, content: bytes) -> None:
    """Append a section whose content is at hand."""
    write_block(writer, name.encode())
    for at in range(0, len(content), BLOCK_BYTES):
        write_block(writer, content[at : at + BLOCK_BYTES])
    write_block(writer, b"")


def blocks(reader: SealedReader) -> Iterator[bytes]:
    """Yield the blocks up to the end of the section. Raises `BackupError` where the file ends before."""
    while block := reader.exactly(int.from_bytes(reader.exactly(_LENGTH_BYTES), "big")):
        yield block


def sections(reader: SealedReader) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Yield each section's name and blocks; the blocks must be read before the next section is."""
    while length := reader.read(_LENGTH_BYTES):
        yield reader.exactly(int.from_bytes(length, "big")).decode(), blocks(reader)
