"""Fuzzing: any bytes raise typed errors only, in bounded time and memory.

Two kinds of cases. *Frames*: real frames with bytes changed, of which nearly all fail at a checksum or an
authentication tag. *Sealed*: plaintexts changed and sealed again under the right key, so that they reach the
A-XDR decoder behind all checks; at least half of all cases must. Each failing case is printed as hex, for
`urja decode`.
"""

import json
import random
import time
import tracemalloc
from pathlib import Path

import pytest
from tests.cosem.pushes import ALERT, BLOCK, CLOCK, INSTANTANEOUS, PUSHES, ciphered, plaintext

from urja.cosem import axdr, hdlc, mbus, wrapper
from urja.cosem.apdu import decode_apdu
from urja.cosem.capture import CaptureReader, Keys
from urja.cosem.describe import describe
from urja.cosem.errors import CosemError
from urja.cosem.layout import decode_general
from urja.cosem.push_batch import decode_pushes
from urja.cosem.push_meters import PushMeters
from urja.cosem.readings import find_readings
from urja.cosem.security import SuiteKeys
from urja.site.cli.decode import as_document, as_tree

GUEK, GAK = bytes(range(16)), bytes(range(0xD0, 0xE0))
KEYS = SuiteKeys(GUEK, GAK)
TITLE = b"URJ\0\0\0\0\1"

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "dlms.json").read_text())["vectors"]
FIELD = [bytes.fromhex(vector["plain_apdu"]) for vector in VECTORS if "plain_apdu" in vector]
CAPTURED = [bytes.fromhex(vector["hex"]) for vector in VECTORS if "hex" in vector]
"""As they came from meters in the field, link framing and all."""
PLAIN = [
    *(
        plaintext(layout, n, date_time=CLOCK * (n % 2))
        for layout in (BLOCK, INSTANTANEOUS, ALERT)
        for n in range(4)
    ),
    *(apdu for apdu in FIELD if apdu[0] == 0x0F),
]
INTERESTING = bytes([0, 1, 2, 4, 9, 10, 12, 15, 18, 19, 25, 28, 0x7F, 0x80, 0x81, 0x82, 0x84, 0xFE, 0xFF])


def frames():
    yield from CAPTURED
    carried = [*PLAIN, *FIELD, *(ciphered(KEYS, TITLE, n + 1, plain) for n, plain in enumerate(PLAIN))]
    for apdu in carried:
        yield apdu
        yield wrapper.Frame(1, 64, apdu).encode()
        parts = hdlc.segment(apdu, llc=hdlc.LLC_RESPONSE, max_information=60)
        yield b"".join(
            hdlc.HdlcFrame(
                hdlc.Address(16),
                hdlc.Address(1),
                hdlc.Control(hdlc.Kind.UNNUMBERED_INFORMATION),
                part,
                part is not parts[-1],
            ).encode()
            for part in parts
        )
        yield b"".join(telegram.encode() for telegram in mbus.split(apdu))


FRAMES = list(frames())


class Mutator:
    """Seeded changes: bits, bytes with a meaning, truncations, repetitions, wrong lengths."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def __call__(self, raw, start=0):
        buffer = bytearray(raw)
        for _ in range(self.random.choice((1, 1, 2, 3, 6))):
            self._once(buffer, start)
        return bytes(buffer)

    def _once(self, buffer, start):
        if len(buffer) <= start:
            buffer += self.random.randbytes(3)
            return
        at = self.random.randrange(start, len(buffer))
        action = self.random.randrange(8)
        if action == 0:
            buffer[at] ^= 1 << self.random.randrange(8)
        elif action == 1:
            buffer[at] = self.random.choice(INTERESTING)
        elif action == 2:
            buffer[at] = self.random.randrange(256)
        elif action == 3:
            del buffer[at : at + self.random.choice((1, 1, 2, 7))]
        elif action == 4:
            buffer[at:at] = self.random.randbytes(self.random.choice((1, 2, 7)))
        elif action == 5:
            other = self.random.choice(PLAIN)
            begin = self.random.randrange(len(other))
            buffer[at:at] = other[begin : begin + self.random.randrange(30)]
        elif action == 6:
            buffer[at : at + 1] = self.random.choice(
                (
                    b"\x84\xff\xff\xff\xff",
                    b"\x81\x80",
                    b"\x82\x01\0",
                    b"\x02\x02\x02\x02",
                    b"\x13\x02\x01\x11\x05",
                    b"\x01\x81\xff",
                )
            )
        else:
            del buffer[at:]


def reaches_axdr(plain):
    """Whether a notification's header is sound, so that the A-XDR decoder decides about its body."""
    return len(plain) > 6 and plain[0] == 0x0F and (plain[5] == 0 or (plain[5] == 12 and len(plain) > 18))


def shown(frame, opener):
    """Run everything that `urja decode` runs."""
    for opened in opener.open(frame):
        assert opened.error is None or isinstance(opened.error, CosemError)
        as_document(opened)
        list(as_tree(opened))


def check_frame(frame):
    began = time.process_time()
    try:
        # With and without a title: what is missing, and what is refused before it is missed, are ways of their own.
        shown(frame, CaptureReader(Keys(GUEK, GAK, TITLE if len(frame) % 2 else None)))
        for codec in (hdlc.Splitter(),):
            codec.feed(frame)
        wrapper.Splitter().feed(frame)
    except CosemError:
        pass
    except Exception as error:
        error.add_note(f"frame: {frame.hex()}")
        raise
    assert time.process_time() - began < 5, f"too slow: {frame.hex()}"


def check_plain(plain):
    began = time.process_time()
    try:
        apdu = decode_apdu(plain)
        describe(apdu)
        if hasattr(apdu, "body"):
            find_readings(apdu.body)
            axdr.encode(apdu.body)
        decode_general(plain, BLOCK)
    except CosemError:
        pass
    except Exception as error:
        error.add_note(f"plaintext: {plain.hex()}")
        raise
    assert time.process_time() - began < 5, f"too slow: {plain.hex()}"


def fuzz(seed, cases):
    """Run the cases and return the share that reached the A-XDR decoder."""
    mutate = Mutator(seed)
    reached = 0
    for _ in range(cases // 4):
        check_frame(mutate(mutate.random.choice(FRAMES)))
    sealed = []
    for counter in range(cases - cases // 4):
        # Mostly behind the notification's header, else most mutants would die in it.
        plain = mutate(mutate.random.choice(PLAIN), 0 if mutate.random.random() < 0.1 else 6)
        reached += reaches_axdr(plain)
        check_plain(plain)
        sealed.append(ciphered(KEYS, TITLE, counter, plain))
        if len(sealed) == 500:
            check_batch(sealed)
            sealed.clear()
    check_batch(sealed)
    return reached / cases


def check_batch(sealed):
    """Check that every push sealed under the right key is authentic: decoded, or reported as undecodable."""
    meters = PushMeters(0x9E3779B97F4A7C15)
    meters.put(TITLE, KEYS, PUSHES, 1)
    batch = decode_pushes(sealed, meters)
    placed = [index for group in batch.groups for index in group.index.tolist()]
    assert sorted([*placed, *(rejected.index for rejected in batch.rejected)]) == list(range(len(sealed)))
    assert {rejected.reason.value for rejected in batch.rejected} <= {"undecodable"}


@pytest.mark.parametrize("seed", range(10))
def test_fuzz_100_000(seed):
    assert fuzz(seed, 10_000) >= 0.5


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("seed", range(100, 120))
def test_fuzz_millions(seed):
    assert fuzz(seed, 100_000) >= 0.5


def test_memory_stays_bounded():
    mutate = Mutator(4242)
    tracemalloc.start()
    try:
        for _ in range(1500):
            check_frame(mutate(mutate.random.choice(FRAMES)))
            check_plain(mutate(mutate.random.choice(PLAIN), 6))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 32 << 20


@pytest.mark.parametrize(
    "body",
    [
        b"\x01\x84\xff\xff\xff\xff",
        b"\x02\x01" * 5000,
        b"\x09\x84\xff\xff\xff\xff" + bytes(100),
        b"\x13" + b"\x02\x01" * 400,
        b"\x13\x01\xff\xff\x01\xff\xff\x01\xff\xff\x00\x01\x00",
        b"\x13\x02\x00\x82\xff\xff" + bytes(1000),
    ],
    ids=[
        "count of 4 G",
        "5,000 levels",
        "string of 4 G",
        "deep type",
        "compact array of 2^48",
        "elements of nothing",
    ],
)
def test_bombs_are_refused_quickly(body):
    began = time.process_time()
    with pytest.raises(CosemError):
        decode_apdu(b"\x0f\0\0\0\1\0" + body)
    assert time.process_time() - began < 2
