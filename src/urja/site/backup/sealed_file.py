"""The encrypted file of a backup: written with public keys, read with the recovery key alone.

    magic · length and JSON of the header · its signature · chunks

Each file has a key of its own: X25519 of a key drawn for the file with the recovery key's public half, through HKDF over
the header. Chunks are AES-256-GCM; the nonce counts them and marks the last, so that none can be changed, moved, left out or
cut off. The box signs the header (Ed25519). Only the box knew the file's drawn key, so the signature covers the chunks too: who
merely has the public key cannot make a file that passes as a backup of this box.
"""

import base64
import hashlib
import os
import secrets
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Literal, Self

import msgspec
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from urja.base.json_files import UNREADABLE

_MAGIC: Final = b"urja backup 1\n"
_CHUNK_BYTES: Final = 1 << 20
_TAG_BYTES: Final = 16
_SIGNATURE_BYTES: Final = 64
_HEADER_LIMIT: Final = 4096
_KEY_BYTES: Final = 32
_CHECK_BYTES: Final = 3
_PREFIX: Final = "URJA-RECOVERY-KEY"


class BackupError(Exception):
    """A backup cannot be read; the message says why and what to do."""


class BackupKeys(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a box stores to make backups with; it opens none of them."""

    recipient: bytes
    """Public half of the recovery key (X25519, 32 bytes)."""
    signing_key: bytes
    """Private key (Ed25519, 32 bytes) by which the box signs its backups."""

    def __repr__(self) -> str:
        return "BackupKeys(***)"


class RecoveryKey(msgspec.Struct, frozen=True):
    """What opens the backups of one box and tells them from forged ones; it is never stored on the box."""

    private_key: bytes
    """X25519, 32 bytes."""
    signer: bytes
    """Public key of the box that makes the backups (Ed25519, 32 bytes)."""

    def __repr__(self) -> str:
        return "RecoveryKey(***)"

    @classmethod
    def new(cls) -> tuple["RecoveryKey", BackupKeys]:
        """Return a new recovery key, and what the box stores of it."""
        private, signing = X25519PrivateKey.generate(), Ed25519PrivateKey.generate()
        return (
            cls(private.private_bytes_raw(), signing.public_key().public_bytes_raw()),
            BackupKeys(
                recipient=private.public_key().public_bytes_raw(), signing_key=signing.private_bytes_raw()
            ),
        )

    @property
    def text(self) -> str:
        """The key in groups of five letters and digits, to be printed; the last group checks the others."""
        content = self.private_key + self.signer
        letters = base64.b32encode(content + _check_sum(content)).decode("ascii").rstrip("=")
        groups = [letters[at : at + 5] for at in range(0, len(letters), 5)]
        return "\n".join([_PREFIX, *(" ".join(groups[at : at + 6]) for at in range(0, len(groups), 6))])

    @classmethod
    def parse(cls, text: str) -> "RecoveryKey":
        """Return the key that a text holds. Raises `BackupError` for a mistyped one."""
        letters = "".join(text.upper().replace(_PREFIX, "").replace("-", " ").split())
        try:
            content = base64.b32decode(letters + "=" * (-len(letters) % 8))
        except ValueError:
            content = b""
        body, check = content[: 2 * _KEY_BYTES], content[2 * _KEY_BYTES :]
        if len(body) != 2 * _KEY_BYTES or check != _check_sum(body):
            raise BackupError(
                "this is not a recovery key, or one of its letters is wrong: compare it with what "
                "`urja backup key` printed"
            )
        return cls(body[:_KEY_BYTES], body[_KEY_BYTES:])


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What a file says of itself without a key."""

    backup: str
    """Drawn at random; the two files of one backup have the same."""
    kind: Literal["data", "secrets", "wal"]
    taken_at: datetime
    """Business time at which the backup began: everything before it is in it. Of a part of the log: wall time."""
    version: str
    """Of the Urja that wrote it."""
    recipient: bytes
    """Public half of the recovery key that opens it."""
    drawn: bytes = b""
    """Public half of the key that was drawn for this file alone."""
    segment: str = ""
    """Of a part of PostgreSQL's log: its name, and the `backup` is the cluster's folder."""
    digest: bytes = b""
    """Of a part of the log: of its content, keyed, by which the box knows a second request to archive it."""


def _check_sum(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()[:_CHECK_BYTES]


def _file_key(shared: bytes, header: bytes) -> AESGCM:
    salt = hashlib.sha256(header).digest()
    return AESGCM(HKDF(SHA256(), _KEY_BYTES, salt, _MAGIC).derive(shared))


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


class SealedWriter:
    """Encrypts what is written to it into a new file, mode 0600, that gets its name only when it is whole."""

    def __init__(self, path: Path, header: Header, keys: BackupKeys) -> None:
        drawn = X25519PrivateKey.generate()
        header = msgspec.structs.replace(header, drawn=drawn.public_key().public_bytes_raw())
        text = msgspec.json.encode(header)
        self._path = path
        self._partial = path.with_name(path.name + ".partial")
        self._key = _file_key(drawn.exchange(X25519PublicKey.from_public_bytes(keys.recipient)), text)
        self._buffer, self._number = bytearray(), 0
        descriptor = os.open(self._partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        self._file = os.fdopen(descriptor, "wb")
        signature = Ed25519PrivateKey.from_private_bytes(keys.signing_key).sign(_MAGIC + text)
        self._file.write(_MAGIC + len(text).to_bytes(4, "big") + text + signature)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with self._file:
                if error is None:
                    self._seal(last=True)
                    self._file.flush()
                    os.fsync(self._file.fileno())
                    self._partial.rename(self._path)
        finally:
            # Also where the disk was full at the end.
            self._partial.unlink(missing_ok=True)

    def write(self, content: bytes) -> None:
        """Append bytes."""
        self._buffer += content
        # One chunk stays back: only the end says which is the last.
        while len(self._buffer) > _CHUNK_BYTES:
            self._seal(last=False)

    def _seal(self, *, last: bool) -> None:
        chunk = bytes(self._buffer[:_CHUNK_BYTES])
        del self._buffer[:_CHUNK_BYTES]
        self._file.write(self._key.encrypt(_nonce(self._number, last=last), chunk, None))
        self._number += 1


class SealedReader:
    """The content of an encrypted file, once its signature was verified; each chunk is verified before it is given."""

    def __init__(self, path: Path, key: RecoveryKey) -> None:
        """Raises `BackupError` for another file, a wrong key, or a file that this key's box did not write."""
        self._path = path
        self._file = path.open("rb")
        try:
            self.header, self._key = self._open(key)
        except BaseException:
            self._file.close()
            raise
        self._chunks = self._read_chunks()
        self._rest = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._file.close()

    def _open(self, key: RecoveryKey) -> tuple[Header, AESGCM]:
        text, signature = _read_header(self._file, self._path)
        try:
            header = msgspec.json.decode(text, type=Header)
        except UNREADABLE:
            raise self._damaged("its header cannot be read") from None
        private = X25519PrivateKey.from_private_bytes(key.private_key)
        if private.public_key().public_bytes_raw() != header.recipient:
            raise BackupError(
                f"{self._path} was made for another recovery key: use the one that `urja backup key` printed "
                "before the backup was made"
            )
        try:
            Ed25519PublicKey.from_public_bytes(key.signer).verify(signature, _MAGIC + text)
            shared = private.exchange(X25519PublicKey.from_public_bytes(header.drawn))
        except (InvalidSignature, ValueError):
            raise self._damaged("its header was changed, or another machine wrote it") from None
        return header, _file_key(shared, text)

    def _read_chunks(self) -> Iterator[bytes]:
        number, sealed = 0, self._file.read(_CHUNK_BYTES + _TAG_BYTES)
        while True:
            following = self._file.read(_CHUNK_BYTES + _TAG_BYTES)
            try:
                yield self._key.decrypt(_nonce(number, last=not following), sealed, None)
            except (InvalidTag, ValueError):
                raise self._damaged(f"its content is not what was written, from MiB {number} on") from None
            if not following:
                return
            number, sealed = number + 1, following

    def read(self, count: int) -> bytes:
        """Return `count` bytes, fewer only at the end. Raises `BackupError` where the file was changed or cut off."""
        parts, missing = [], count
        while missing:
            if not self._rest and not (rest := next(self._chunks, b"")):
                break
            self._rest = self._rest or rest
            parts.append(self._rest[:missing])
            self._rest = self._rest[missing:]
            missing -= len(parts[-1])
        return b"".join(parts)

    def exactly(self, count: int) -> bytes:
        """Return `count` bytes. Raises `BackupError` where there are fewer."""
        content = self.read(count)
        if len(content) != count:
            raise self._damaged("it ends too early")
        return content

    def _damaged(self, what: str) -> BackupError:
        return _damaged(self._path, what)


def _damaged(path: Path, what: str) -> BackupError:
    return BackupError(f"{path} is damaged ({what}): nothing was restored from it; use another copy of it")


def _read_header(file: BinaryIO, path: Path) -> tuple[bytes, bytes]:
    if file.read(len(_MAGIC)) != _MAGIC:
        raise BackupError(f"{path} is not a backup of Urja's: give a file that `urja backup` wrote")
    length = int.from_bytes(file.read(4), "big")
    if length > _HEADER_LIMIT:
        raise _damaged(path, "its header cannot be read")
    return file.read(length), file.read(_SIGNATURE_BYTES)


def read_header(path: Path) -> Header:
    """Return the header without its proof: the file may have been written by anyone. Raises `BackupError`."""
    with path.open("rb") as file:
        text, _ = _read_header(file, path)
    try:
        return msgspec.json.decode(text, type=Header)
    except UNREADABLE:
        raise _damaged(path, "its header cannot be read") from None


def new_backup_id() -> str:
    """Return an id that no other backup has."""
    return secrets.token_hex(8)
