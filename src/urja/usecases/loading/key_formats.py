"""Formats of cells with bytes, keys and secrets; keys and secrets are stored wrapped."""

from dataclasses import dataclass

from urja.usecases.loading.cell_formats import (
    CellFormat,
    ColumnFormat,
    FieldValueError,
    Reader,
    Writer,
    cell_text,
)


@dataclass(frozen=True)
class Bytes(CellFormat):
    """A number of bytes in hexadecimal digits."""

    length: int

    def reader(self, ways: ColumnFormat) -> Reader:
        def read(cell: object) -> str | None:
            found = self._bytes(cell, ways)
            return None if found is None else found.hex()

        return read

    def value(self, text: str) -> bytes:
        return bytes.fromhex(text)

    def _bytes(self, cell: object, ways: ColumnFormat) -> bytes | None:
        text = cell_text(cell)
        if not text:
            return None
        try:
            found = bytes.fromhex(text)
        except ValueError:
            raise FieldValueError("it is not hexadecimal", f"write {self.expected(ways)}") from None
        if len(found) != self.length:
            raise FieldValueError(
                f"it has {len(found)} bytes, not {self.length}", f"write {self.expected(ways)}"
            )
        return found

    def writer(self, ways: ColumnFormat) -> Writer:  # noqa: ARG002 - the signature is shared
        return lambda value: bytes(value).hex()

    def expected(self, ways: ColumnFormat) -> str:  # noqa: ARG002 - the signature is shared
        return f"{2 * self.length} hexadecimal digits"


@dataclass(frozen=True)
class Key(Bytes):
    """A key: wrapped as soon as it is read, and in no message."""

    def reader(self, ways: ColumnFormat) -> Reader:
        keys = ways.keys
        assert keys is not None, "who reads keys has a key store"

        def read(cell: object) -> str | None:
            found = self._bytes(cell, ways)
            return None if found is None else keys.wrap(found).hex()

        return read

    def writer(self, ways: ColumnFormat) -> Writer:
        keys = ways.keys
        assert keys is not None, "who writes keys has a key store"
        return lambda value: keys.unwrap(bytes(value)).hex()


@dataclass(frozen=True)
class Secret(Key):
    """A secret of a number of bytes, which manufacturers also write as that many characters."""

    def _bytes(self, cell: object, ways: ColumnFormat) -> bytes | None:
        text = cell_text(cell)
        if len(text) == self.length and text.isascii():
            return text.encode()
        return super()._bytes(cell, ways)

    def expected(self, ways: ColumnFormat) -> str:
        return f"{super().expected(ways)}, or {self.length} characters"
