"""A manufacturer's key file: the meters of a delivery with their keys, as CSV, plain or in a PKCS#7 envelope.

The envelope is CMS EnvelopedData (RFC 5652), DER or PEM, encrypted for the utility's certificate; it is decrypted in
memory and its content is written nowhere. No error message contains a byte of it.
"""

import base64
import binascii
import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, pkcs7
from cryptography.x509 import Certificate, load_pem_x509_certificate

from urja.base.keystore import KeyStore
from urja.base.untyped_values import JsonObject
from urja.cosem.companion import DeviceType
from urja.usecases.kinds.stock import Delivered
from urja.usecases.loading import Map
from urja.usecases.loading.cell_formats import DEFAULT_MAX_POWER_W, FieldValueError, cell_text

_PEM: Final = re.compile(rb"-----BEGIN (PKCS7|CMS)-----(.*?)-----END \1-----", re.DOTALL)
_NEEDED: Final = ("serial", "system_title", "type", "guek", "gak")
_TAKEN: Final = frozenset(
    {*_NEEDED, "hls_secret", "master_key", "max_power_w", "interval_s", "load_switch", "forward_only", "address", "sim", "firmware",
     "manufacturer", "year", "rating", "category"}
)  # fmt: skip
"""Fields of a file of devices that a key file may have; the manufacturer does not say where a meter is installed."""
_NAMEPLATE: Final = ("manufacturer", "year", "rating", "category")


class KeyFileError(Exception):
    """A key file that cannot be used; `faults` has a sentence for each fault."""

    def __init__(self, *faults: str) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class EnvelopeKey:
    """The utility's certificate and the private key that decrypts its envelopes."""

    certificate: Certificate
    private_key: RSAPrivateKey

    @classmethod
    def of(cls, certificate: bytes, private_key: bytes, passphrase: bytes | None = None) -> "EnvelopeKey":
        """Return the pair from PEM. Raises KeyFileError where one cannot be read, or where they do not belong
        together.
        """
        try:
            read = load_pem_x509_certificate(certificate)
        except ValueError:
            raise KeyFileError("the certificate is not a certificate in PEM form") from None
        try:
            key = load_pem_private_key(private_key, passphrase)
        except TypeError:
            raise KeyFileError(
                "the private key has no passphrase, but one is given: leave it out"
                if passphrase is not None
                else "the private key is protected by a passphrase: give it"
            ) from None
        except (ValueError, UnsupportedAlgorithm):
            raise KeyFileError(
                "the private key cannot be read: it is not PEM, or the passphrase is wrong"
            ) from None
        if not isinstance(key, RSAPrivateKey):
            raise KeyFileError("the private key is not an RSA key: envelopes are encrypted for RSA keys")
        if key.public_key() != read.public_key():
            raise KeyFileError("the private key does not belong to the certificate")
        return cls(read, key)


def is_envelope(content: bytes) -> bool:
    """Return whether a file is PKCS#7 (PEM, or DER: an ASN.1 SEQUENCE with a long length) and not text."""
    return _PEM.search(content) is not None or (content[:1] == b"\x30" and content[1:2] >= b"\x80")


def decrypted(content: bytes, opener: EnvelopeKey | None) -> bytes:
    """Return the CSV of a file, decrypted where it is an envelope. Raises KeyFileError."""
    if not is_envelope(content):
        return content
    if opener is None:
        raise KeyFileError(
            "the file is a PKCS#7 envelope: give the certificate and the private key that decrypt it"
        )
    match = _PEM.search(content)
    try:
        der = content if match is None else base64.b64decode(b"".join(match[2].split()), validate=True)
    except binascii.Error:
        raise KeyFileError("the envelope is damaged: its body is not base64") from None
    try:
        found = pkcs7.pkcs7_decrypt_der(der, opener.certificate, opener.private_key, [])
    except UnsupportedAlgorithm:
        raise KeyFileError(
            "the envelope is encrypted by an algorithm that is not supported: ask for RSA with AES-128 or AES-256 in CBC mode"
        ) from None
    except ValueError as error:
        raise KeyFileError(_why(str(error))) from None
    if found[:1] == b"\x30" and found[1:2] >= b"\x80":
        raise KeyFileError(
            "the envelope contains a signed message, not a CSV: ask for the CSV itself in the envelope"
        )
    return found


def _why(said: str) -> str:
    """Return a library's message as a sentence for the operator."""
    if "recipient" in said.lower():
        return "the envelope is encrypted for another certificate: ask the manufacturer to encrypt it for this one"
    if "enveloped" in said.lower():
        return "the file is PKCS#7 but no envelope: ask for EnvelopedData"
    return "the envelope cannot be decrypted: it is damaged, or the private key is wrong"


def column_names(content: bytes) -> list[str]:
    """Return the column names of a key file that comes without a map. Raises KeyFileError where it is not UTF-8."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise KeyFileError("the content is not a CSV in utf-8: give a map that says its encoding") from None
    return [cell_text(cell) for cell in next(csv.reader(text.splitlines()), [])]


def delivered_meters(
    content: bytes, the_map: Map, keys: KeyStore, types: Mapping[str, DeviceType]
) -> list[Delivered]:
    """Return the meters of a decrypted key file, of known types, with their keys wrapped at once.

    Raises KeyFileError with every fault; no row is used then.
    """
    foreign = sorted(the_map.covered - _TAKEN)
    if foreign:
        raise KeyFileError(f"a key file cannot have {', '.join(foreign)}: leave that out of the map")
    missing = [name for name in _NEEDED if name not in the_map.covered]
    if missing:
        raise KeyFileError(f"the map does not name the columns of {', '.join(missing)}")
    faults: list[str] = []
    found: list[Delivered] = []
    for number, values in _rows(content, the_map, keys, faults):
        kind = values["type"]
        if kind not in types:
            faults.append(
                f"row {number}: there is no meter type {kind!r}; there are {', '.join(types)}, or load it: "
                "urja meter-type load"
            )
        elif types[kind].associations.needs_secret and values.get("hls_secret") is None:
            faults.append(
                f"row {number}: hls_secret: it is empty, and meters of type {kind} need it for their association"
            )
        elif values.get("load_switch") and not types[kind].relay:
            faults.append(
                f"row {number}: load_switch: meters of type {kind} have no relay: say no, or leave it out"
            )
        else:
            found.append(_meter(values, types[kind]))
    if faults:
        raise KeyFileError(*faults)
    if not found:
        raise KeyFileError("the file has no meters")
    return found


def _meter(values: JsonObject, known: DeviceType) -> Delivered:
    def said(name: str, otherwise: Any) -> Any:
        value = values.get(name)
        return otherwise if value is None else value

    return Delivered(
        serial=values["serial"],
        system_title=values["system_title"],
        device_type=values["type"],
        wrapped_guek=values["guek"],
        wrapped_gak=values["gak"],
        wrapped_hls_secret=values.get("hls_secret"),
        wrapped_master=values.get("master_key"),
        interval_s=said("interval_s", known.interval_s),
        clock_offset_s=known.clock_offset_s,
        max_power_w=said("max_power_w", DEFAULT_MAX_POWER_W),
        load_switch=said("load_switch", known.relay),
        forward_only=said("forward_only", False),
        address=values.get("address"),
        sim=values.get("sim"),
        firmware=said("firmware", ""),
        nameplate={name: values[name] for name in _NAMEPLATE if values.get(name) is not None},
    )


def _rows(
    content: bytes, the_map: Map, keys: KeyStore, faults: list[str]
) -> Iterator[tuple[int, JsonObject]]:
    """Yield each row's number and values by field; faults of a row go to `faults`, and that row is left out."""
    try:
        text = content.decode("utf-8-sig" if the_map.encoding == "utf-8" else the_map.encoding)
        rows = list(csv.reader(io.StringIO(text), delimiter=the_map.delimiter, strict=True))
    except (UnicodeDecodeError, csv.Error):
        # No cause is kept: their messages quote the content, which is key material.
        raise KeyFileError(f"the content is not a CSV in {the_map.encoding}") from None
    heading = [cell_text(cell) for cell in rows[the_map.header - 1]] if len(rows) >= the_map.header else []
    lacking = [s.column for s in the_map.sources if s.column is not None and s.column not in heading]
    if lacking:
        raise KeyFileError(f"the content has no column {', '.join(map(repr, lacking))}")
    # Only instants need a zone, and a key file has none.
    readers = [(source, source.reader(ZoneInfo("UTC"), keys)) for source in the_map.sources]
    for number, cells in enumerate(rows[the_map.header :], the_map.header + 1):
        if not any(cells):
            continue
        values: JsonObject = {}
        for source, read in readers:
            place = None if source.column is None else heading.index(source.column)
            cell = source.value if place is None else cells[place] if place < len(cells) else ""
            try:
                text_of = read(cell)
            except FieldValueError as bad:
                faults.append(f"row {number}: {source.field.name}: {bad.sentence}; {bad.remedy}")
                break
            if text_of is None and source.field.name in _NEEDED:
                faults.append(f"row {number}: {source.field.name}: it is empty")
                break
            values[source.field.name] = None if text_of is None else source.field.form.value(text_of)
        else:
            yield number, values
