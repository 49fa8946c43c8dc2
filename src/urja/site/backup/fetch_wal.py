"""PostgreSQL's `restore_command`: decrypts one segment of its log from the archive, with the recovery key.

python -m urja.site.backup.fetch_wal KEYFILE FOLDER NAME TARGET
"""

import shlex
import sys
import zlib
from pathlib import Path
from typing import Final

from urja.base.wal_archive import SUFFIX, is_segment
from urja.site.backup.sealed_file import BackupError, RecoveryKey, SealedReader

_LARGEST_BYTES: Final = 64 << 20
"""More than a segment has, which are 16 MiB."""


def command(key_file: Path, folder: Path) -> str:
    """Return the value of PostgreSQL's setting `restore_command`."""
    program = [sys.executable, "-P", "-m", "urja.site.backup.fetch_wal", str(key_file.absolute()), str(folder.absolute())]  # fmt: skip
    return shlex.join(program).replace("%", "%%") + " %f %p"


def segment(file: Path, key: RecoveryKey) -> bytes:
    """Return the content of an archived segment. Raises `BackupError` for a damaged, forged, moved or renamed file."""
    with SealedReader(file, key) as reader:
        header = reader.header
        if (header.kind, header.backup, header.segment) != (
            "wal",
            file.parent.name,
            file.name.removesuffix(SUFFIX),
        ):
            raise BackupError(
                f"{file} is another file of the archive under this name: put the genuine one back"
            )
        unpacked = zlib.decompressobj()
        content = unpacked.decompress(reader.read(_LARGEST_BYTES), _LARGEST_BYTES)
    if not unpacked.eof:
        raise BackupError(f"{file} holds more than a segment of the log")
    return content


def main(key_file: str, folder: str, name: str, target: str) -> int:
    """Write one segment to the place that PostgreSQL names; return the exit code, 1 where there is none."""
    file = Path(folder, f"{name}{SUFFIX}")
    if not is_segment(name) or not file.exists():
        return 1
    try:
        content = segment(file, RecoveryKey.parse(Path(key_file).read_text("utf-8-sig")))
    except BackupError as error:
        sys.stderr.write(f"urja: FATAL: {error}\n")
        # Above 125 PostgreSQL ends the recovery, instead of taking this for the end of the log.
        return 126
    Path(target).write_bytes(content)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
