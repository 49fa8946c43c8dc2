"""Ciphered D1 block pushes to columns, per CPU-second: Urja's push path beside dlms-cosem 21.3.2.

Each run takes one new push of each of N meters (distinct keys), in the head end's batches: parse, find the
meter, replay window, decipher, authenticate, decode, clock to UTC, commit of the window. The peer reaches the
same columns by its own means; "bare" is the peer without replay check, clock and columns. Frames and keys are
made before the clock starts; the clock is `time.process_time`. The share of the limit is the time that AES-GCM alone
takes for the same bytes, measured in turn with the runs, over the time of the run.

    uv run python bench/decode.py [--meters 10000] [--batch 2000] [--repeats 5] [--no-peer]
"""

import argparse
import gc
import json
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aes_gcm import Ciphers
from urja.cosem import axdr
from urja.cosem.axdr import Data, Tag
from urja.cosem.companion import load_device_type
from urja.cosem.layout import LayoutSet
from urja.cosem.obis import Obis
from urja.cosem.push_batch import decode_pushes
from urja.cosem.push_meters import PushMeters
from urja.cosem.security import AUTHENTICATED_ENCRYPTED, SuiteKeys, seal
from urja.cosem.time import CosemDateTime

PEER = "dlms-cosem==21.3.2"
FIRST = datetime(2026, 8, 24, tzinfo=UTC)
BAR_RATIO, GOAL_PER_CPU_S, GOAL_SHARE = 15, 400_000, 0.6
WARM_UP = 3
"""Warm-up rounds of both sides, not counted: allocators and caches reach a steady state."""


class Fleet:
    """Meters of type urja-d1, with their keys and pushes."""

    def __init__(self, meters: int, seed: int) -> None:
        self.random = random.Random(seed)
        self.type = load_device_type("urja-d1")
        self.push = self.type.pushes["block"]
        self.titles = [b"URJ" + number.to_bytes(5) for number in range(meters)]
        self.keys = [SuiteKeys(self.random.randbytes(16), self.random.randbytes(16)) for _ in self.titles]

    def push_meters(self) -> PushMeters:
        layouts = LayoutSet.of(self.type)
        meters = PushMeters(0x9E3779B97F4A7C15)
        for number, (title, keys) in enumerate(zip(self.titles, self.keys, strict=True)):
            meters.put(title, keys, layouts, number)
        return meters

    def plaintext(self, number: int, interval: int) -> bytes:
        at = FIRST + timedelta(seconds=self.type.interval_s * interval)
        clock = CosemDateTime.from_utc(at, deviation_min=330, sign=self.type.deviation_sign)
        head = (
            axdr.octets(b"URJ%08d" % number),
            axdr.octets(bytes(Obis.parse(self.push.obis))),
            axdr.octets(clock.to_bytes()),
        )
        values = [Data(Tag(column.tag), self.random.randrange(100)) for column in self.push.columns]
        return b"\x0f" + number.to_bytes(4) + b"\0" + axdr.encode(axdr.structure(*head, *values))

    def frames(self, interval: int) -> list[bytes]:
        """Return one push of each meter, in random order."""
        made = []
        for number, (title, keys) in enumerate(zip(self.titles, self.keys, strict=True)):
            sealed = seal(
                keys, title, interval + 1, AUTHENTICATED_ENCRYPTED, self.plaintext(number, interval)
            )
            content = bytes([AUTHENTICATED_ENCRYPTED.to_byte()]) + (interval + 1).to_bytes(4) + sealed
            made.append(b"\xdb\x08" + title + axdr.encode_length(len(content)) + content)
        self.random.shuffle(made)
        return made


def measure_urja(fleet: Fleet, runs: list[list[bytes]], batch: int) -> tuple[list[float], list[float]]:
    """Return pushes per CPU-second and the share of AES-GCM of each run, without the warm-up rounds."""
    meters = fleet.push_meters()
    ciphers = Ciphers({t: (k.guek, k.gak or b"") for t, k in zip(fleet.titles, fleet.keys, strict=True)})
    rates, shares = [], []
    for frames in runs:
        gc.collect()
        rows = 0
        start = time.process_time()
        for at in range(0, len(frames), batch):
            done = decode_pushes(frames[at : at + batch], meters)
            done.commit()
            rows += sum(int(group.decoded.fast.sum()) for group in done.groups)
        took_s = time.process_time() - start
        rates.append(len(frames) / took_s)
        shares.append(ciphers.cpu_s(frames, batch) / took_s)
        assert rows == len(frames), "every push must have been decoded on the fast path"
    replayed = decode_pushes(runs[-1][:100], meters)
    assert len(replayed.rejected) == 100, "the replay windows must know what they have seen"
    return rates[WARM_UP:], shares[WARM_UP:]


# The peer reaches the same result with its own functions: APDU, key, replay check, plaintext, values, UTC, columns.
# `bare` leaves out what Urja adds: replay check, clock and columns.
PEER_SCRIPT = """
import gc, json, sys, time
from datetime import timedelta
from dlms_cosem.protocol.xdlms import DataNotification, GeneralGlobalCipher
from dlms_cosem.time import datetime_from_bytes
from dlms_cosem.utils import parse_as_dlms_data
job = json.load(open(sys.argv[1]))
keys = {bytes.fromhex(t): (bytes.fromhex(e), bytes.fromhex(a)) for t, e, a in job["keys"]}
runs = [[bytes.fromhex(f) for f in run] for run in job["runs"]]

def values_of(frame):
    sealed = GeneralGlobalCipher.from_bytes(frame)
    guek, gak = keys[bytes(sealed.system_title)]
    notification = DataNotification.from_bytes(sealed.to_plain_apdu(guek, gak))
    return sealed, parse_as_dlms_data(notification.body)

def bare(frames, seen):
    for frame in frames:
        _, body = values_of(frame)
        assert len(body) == job["columns"]

def whole(frames, seen):
    columns = [[] for _ in range(job["columns"] - 2)]
    for frame in frames:
        sealed, body = values_of(frame)
        title = bytes(sealed.system_title)
        counters = seen.setdefault(title, set())
        assert sealed.invocation_counter not in counters
        counters.add(sealed.invocation_counter)
        local, _ = datetime_from_bytes(body[2])
        # Its clock reads the deviation as the standard defines it; an Indian meter uses the opposite sign.
        body[2] = int((local.replace(tzinfo=None) - timedelta(minutes=330) - EPOCH).total_seconds())
        for column, value in zip(columns, body[2:]):
            column.append(value)
    return columns

from datetime import datetime
EPOCH = datetime(1970, 1, 1)
report = {}
for work in (bare, whole):
    rates, seen = [], {}
    for frames in runs:
        gc.collect()
        start = time.process_time()
        work(frames, seen)
        rates.append(len(frames) / (time.process_time() - start))
    report[work.__name__] = rates[job["warm_up"]:]
print(json.dumps(report))
"""


def measure_peer(fleet: Fleet, runs: list[list[bytes]]) -> dict[str, list[float]]:
    """Decode the same frames with the peer, in a separate environment with this interpreter."""
    job = {
        "keys": [
            (t.hex(), k.guek.hex(), (k.gak or b"").hex())
            for t, k in zip(fleet.titles, fleet.keys, strict=True)
        ],
        "runs": [[frame.hex() for frame in frames] for frames in runs],
        "columns": len(fleet.push.columns) + 3,
        "warm_up": WARM_UP,
    }
    with tempfile.TemporaryDirectory() as folder:
        script, data = Path(folder, "peer.py"), Path(folder, "job.json")
        script.write_text(PEER_SCRIPT)
        data.write_text(json.dumps(job))
        command = ["uv", "run", "--no-project", "--isolated", "--python", sys.executable, "--with", PEER]
        done = subprocess.run(
            [*command, "python", str(script), str(data)], capture_output=True, text=True, check=False
        )
    if done.returncode:
        sys.exit(f"the peer did not run: {done.stderr.strip()[-500:]}")
    rates: dict[str, list[float]] = json.loads(done.stdout)
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--meters", type=int, default=10_000)
    parser.add_argument("--batch", type=int, default=2_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--no-peer", action="store_true")
    options = parser.parse_args()
    fleet = Fleet(options.meters, options.seed)
    runs = [fleet.frames(interval) for interval in range(options.repeats + WARM_UP)]
    ours, shares = measure_urja(fleet, runs, options.batch)
    rate, share = statistics.median(ours), statistics.median(shares)
    values = len(fleet.push.columns) + 1
    report = {
        "benchmark": "decode",
        "what": "ciphered D1 block pushes, replay check, window commit and clock conversion included",
        "meters": options.meters,
        "batch": options.batch,
        "repeats": options.repeats,
        "frame_bytes": len(runs[0][0]),
        "values_per_push": values,
        "pushes_per_cpu_s": round(rate),
        "values_per_cpu_s": round(rate * values),
        "pushes_per_cpu_s_runs": [round(one) for one in ours],
        "goal_pushes_per_cpu_s": GOAL_PER_CPU_S,
        "share_of_limit": round(share, 3),
        "share_of_limit_runs": [round(one, 3) for one in shares],
        "goal_share_of_limit": GOAL_SHARE,
        "goal_share_met": share >= GOAL_SHARE,
        "python": platform.python_version(),
    }
    if not options.no_peer:
        theirs = measure_peer(fleet, runs)
        peer_rate, bare_rate = statistics.median(theirs["whole"]), statistics.median(theirs["bare"])
        report |= {
            "peer": PEER,
            "peer_pushes_per_cpu_s": round(peer_rate),
            "peer_pushes_per_cpu_s_runs": [round(one) for one in theirs["whole"]],
            "peer_bare_pushes_per_cpu_s": round(bare_rate),
            "ratio_to_bare": round(rate / bare_rate, 1),
            "ratio": round(rate / peer_rate, 1),
            "bar_ratio": BAR_RATIO,
            "bar_met": rate / peer_rate >= BAR_RATIO,
        }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
