"""The encrypted file of a backup: whole and from its own installation, or refused."""

import msgspec
import pytest
from tests.adversary.backups import HEADER, sealed

from urja.site.backup import sealed_file, sections
from urja.site.backup.sealed_file import BackupError, RecoveryKey, SealedReader, SealedWriter

CHUNK = sealed_file._CHUNK_BYTES


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_what_was_written_is_read(tmp_path, size):
    key, keys = RecoveryKey.new()
    content = bytes(range(251)) * (size // 251 + 1)
    path = sealed(tmp_path / "file", keys, content[:size])
    with SealedReader(path, key) as reader:
        assert (reader.header.kind, reader.header.backup) == ("data", HEADER.backup)
        assert reader.read(size + 1) == content[:size]


def test_sections_are_read_as_they_were_written(tmp_path):
    key, keys = RecoveryKey.new()
    given = {"settings": b"{}", "file:empty": b"", "postgres": b"x" * (sections.BLOCK_BYTES + 5)}
    header = msgspec.structs.replace(HEADER, recipient=keys.recipient)
    with SealedWriter(tmp_path / "file", header, keys) as writer:
        for name, content in given.items():
            sections.write_section(writer, name, content)
    with SealedReader(tmp_path / "file", key) as reader:
        assert {name: b"".join(content) for name, content in sections.sections(reader)} == given


def test_a_file_that_was_not_finished_does_not_appear(tmp_path):
    _, keys = RecoveryKey.new()
    with (
        pytest.raises(RuntimeError),
        SealedWriter(tmp_path / "file", msgspec.structs.replace(HEADER, recipient=keys.recipient), keys),
    ):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_the_recovery_key_is_read_as_it_was_printed_and_mistakes_are_named():
    key, _ = RecoveryKey.new()
    assert RecoveryKey.parse(key.text) == key
    assert RecoveryKey.parse(key.text.lower().replace(" ", "-") + "\n") == key
    letter = key.text.splitlines()[1][0]
    for wrong in (key.text.replace(letter, "A" if letter != "A" else "B"), "", key.text[:-3], "ключ", "0189"):
        with pytest.raises(BackupError, match="not a recovery key"):
            RecoveryKey.parse(wrong)
    assert key.text[20:30] not in repr(key)
