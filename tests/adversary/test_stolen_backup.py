"""A thief has the installation, or the place where backups lie, but not the recovery key."""

import itertools

import msgspec
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from tests.adversary.backups import sealed

from urja.site.backup import recovery_key, sealed_file
from urja.site.backup.sealed_file import BackupError, BackupKeys, RecoveryKey, SealedReader
from urja.site.cli.main import urja
from urja.site.command_errors import CommandError
from urja.site.data_directory import DataDirectory

CONTENT = b"a meter's key, in the clear " * 100_000
"""More than one chunk."""


@pytest.fixture
def key_and_keys():
    return RecoveryKey.new()


def read(path, key):
    with SealedReader(path, key) as reader:
        return reader.read(len(CONTENT) + 1)


def test_the_installation_keeps_nothing_that_opens_a_backup(tmp_path):
    """Every 32 bytes that lie in the directory are tried as the private key; so is what the key signs with."""
    (tmp_path / "secrets").mkdir()
    directory = DataDirectory(tmp_path)
    key = recovery_key.make(directory, replace=False)
    kept = msgspec.json.decode(recovery_key.keys_file(directory).read_bytes(), type=BackupKeys)
    path = sealed(tmp_path / "stolen", kept, CONTENT)
    assert read(path, key) == CONTENT
    assert CONTENT[:16] not in path.read_bytes()
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or key.private_key not in file.read_bytes()
    for private in (kept.signing_key, kept.recipient):
        with pytest.raises(BackupError, match="another recovery key"):
            read(path, RecoveryKey(private, key.signer))
    with pytest.raises(CommandError, match="was printed when it was made"):
        recovery_key.make(directory, replace=False)


@pytest.mark.parametrize("beside", ["key", "proofs/../secrets/key", "link/key"])
def test_the_key_is_not_written_to_the_installation(tmp_path, beside):
    data = tmp_path / "data"
    (data / "secrets").mkdir(parents=True)
    (data / "proofs").mkdir()
    (data / "link").symlink_to(data / "secrets")
    (data / "secrets" / "admin.json").write_text("{}")
    done = CliRunner().invoke(urja, ["backup", "key", "--data", str(data), "--to", str(data / beside)])
    assert "is in the data directory" in str(done.exception)
    assert not recovery_key.keys_file(DataDirectory(data)).exists()


def test_every_changed_byte_is_refused(tmp_path, key_and_keys):
    key, keys = key_and_keys
    path = sealed(tmp_path / "file", keys, CONTENT)
    whole = path.read_bytes()
    places = [*range(0, 600, 7), *range(600, len(whole), len(whole) // 40), len(whole) - 1]
    for at in places:
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(BackupError):
            read(path, key)


def test_a_file_that_was_cut_off_prolonged_or_put_in_another_order_is_refused(tmp_path, key_and_keys):
    key, keys = key_and_keys
    path = sealed(tmp_path / "file", keys, CONTENT)
    whole, chunk = path.read_bytes(), sealed_file._CHUNK_BYTES + sealed_file._TAG_BYTES
    start = len(whole) - (
        len(CONTENT) + sealed_file._TAG_BYTES * (len(CONTENT) // sealed_file._CHUNK_BYTES + 1)
    )
    chunks = [whole[at : at + chunk] for at in range(start, len(whole), chunk)]
    head, swapped = whole[:start], [chunks[1], chunks[0], *chunks[2:]]
    others = [head + b"".join(order) for order in (chunks[:-1], chunks[1:], swapped, [*chunks, chunks[-1]])]
    for content in [*others, whole[:10], whole[:-1], whole + b"\0", b""]:
        path.write_bytes(content)
        with pytest.raises(BackupError):
            read(path, key)


def test_a_backup_that_the_thief_made_with_the_public_key_is_refused(tmp_path, key_and_keys):
    """The public half is in each file; the installation's signature is what the thief cannot make."""
    key, keys = key_and_keys
    forged = BackupKeys(recipient=keys.recipient, signing_key=bytes(range(32)))
    with pytest.raises(BackupError, match="another machine wrote it"):
        read(sealed(tmp_path / "forged", forged, CONTENT), key)


def test_content_of_the_thiefs_under_a_genuine_header_is_refused(tmp_path, key_and_keys):
    key, keys = key_and_keys
    genuine = sealed(tmp_path / "genuine", keys, CONTENT).read_bytes()
    other = sealed(tmp_path / "other", keys, CONTENT[::-1]).read_bytes()
    start = genuine.index(b"}") + 1 + sealed_file._SIGNATURE_BYTES
    (tmp_path / "mixed").write_bytes(genuine[:start] + other[start:])
    with pytest.raises(BackupError, match="damaged"):
        read(tmp_path / "mixed", key)


def test_a_wrong_key_is_named_as_that(tmp_path, key_and_keys):
    _, keys = key_and_keys
    path = sealed(tmp_path / "file", keys, CONTENT)
    wrong = RecoveryKey(X25519PrivateKey.generate().private_bytes_raw(), bytes(32))
    for key in itertools.chain([wrong], [RecoveryKey.new()[0]]):
        with pytest.raises(BackupError, match="made for another recovery key"):
            read(path, key)


def test_a_drill_takes_no_key_that_lies_on_the_installation(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    for file in (data / "key", tmp_path / "backup"):
        file.write_text("")
    drill = [
        "restore",
        "--drill",
        str(tmp_path / "backup"),
        "--key",
        str(data / "key"),
        "--record",
        str(data),
    ]
    assert "is in the data directory" in str(CliRunner().invoke(urja, drill).exception)
