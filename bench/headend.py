"""From sockets to the broker's acknowledgement, per CPU-second of the head-end process.

2,000 TCP connections; each round, every meter sends one ciphered D1 block push, and the next round begins when
all of this one have been read, so that each read brings one push; the last is over when the broker has
acknowledged everything. Load generator, broker and server
are processes of their own; only the server's CPU (user and system) counts. Three servers, one after the other,
`--repeats` times each:

  urja    the head end as it ships, with replay windows, quarantine, back-pressure and windows at rest
  peer    the same head end with dlms-cosem 21.3.2 as its decoder, in an environment of its own
  empty   uvloop, the same connections, a callback that counts

and the memory of the head end per idle connection (resident set, kernel buffers apart). The share of the limit is what
the head end cannot go below: its own system time, and AES-GCM alone on the same bytes (measured in this run), over all of
its time; beside it the same with the empty server's whole time in the place of the kernel's.

    uv run python bench/headend.py [--connections 2000] [--rounds 20] [--repeats 5] [--no-peer]
"""

import argparse
import asyncio
import datetime as dt
import json
import mmap
import os
import pickle
import platform
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from aes_gcm import Ciphers

PEER = "dlms-cosem==21.3.2"
BAR_PEER, BAR_EMPTY, GOAL_IDLE_BYTES, GOAL_SHARE = 5.0, 0.5, 20_000, 0.5
WARM_UP_ROUNDS = 4
WRAPPER = 8
KEK = bytes(range(16))
SIGNING_KEY = bytes(range(32))
FIRST = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
PASSWORD = "bench"
STREAM_MB = 2048
ROOT = Path(__file__).resolve().parent.parent
RUNTIME = ["numpy", "msgspec", "nats-py", "uvloop", "structlog", "prometheus-client", "cryptography"]
"""Packages that the head end imports, for the peer's environment, at the versions of this one."""


# --- shared between the processes -----------------------------------------------------------------------------


class Tally:
    """Two counters in a mapped file, written by the server and read by the load generator."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("r+b")
        self._map = mmap.mmap(self._file.fileno(), 16)

    def write(self, received: int, acknowledged: int) -> None:
        self._map[:16] = received.to_bytes(8) + acknowledged.to_bytes(8)

    def received(self) -> int:
        return int.from_bytes(self._map[:8])

    def acknowledged(self) -> int:
        return int.from_bytes(self._map[8:16])


async def keep(tally: Tally, counts) -> None:
    """Report progress to the load generator, in the same way in every server."""
    while True:
        await asyncio.sleep(0.005)
        tally.write(*counts())


def title_of(number: int) -> bytes:
    return b"URJ" + number.to_bytes(5)


def keys_of(number: int):
    from urja.cosem.security import SuiteKeys

    return SuiteKeys(number.to_bytes(16), (number + 1_000_000).to_bytes(16))


# --- servers ----------------------------------------------------------------------------------------------------


def serve_empty(tally: Tally, frame_size: int) -> None:
    import uvloop

    class Empty(asyncio.Protocol):
        seen = 0

        def data_received(self, data: bytes) -> None:
            Empty.seen += len(data)

    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(Empty, "127.0.0.1", 0, backlog=2048)
        print(server.sockets[0].getsockname()[1], flush=True)
        await keep(tally, lambda: (Empty.seen // frame_size, Empty.seen // frame_size))

    uvloop.run(main())


def serve_headend(tally: Tally, url: str, *, peer: bool) -> None:
    import uvloop
    from prometheus_client import CollectorRegistry

    from urja.base import log
    from urja.base.clock import WallClock
    from urja.base.process_secrets import HeadendSecrets
    from urja.base.settings import HeadendSettings, Settings
    from urja.headend import intake, process
    from urja.stream.signing import public_key

    log.configure("headend")
    if peer:
        intake.Intake._carry = peer_carry

    async def main() -> None:
        secrets = HeadendSecrets(
            broker_url=url,
            broker_user="headend",
            broker_password=PASSWORD,
            kek=KEK,
            orders_key=public_key(SIGNING_KEY),
        )
        settings = Settings(headend=HeadendSettings(hosts=("127.0.0.1",), port=0, udp=False))
        async with process.HeadEnd.running(settings, secrets, WallClock(), CollectorRegistry()) as headend:
            print(headend.wrapper_port.port, flush=True)
            taken, first = headend.intake, headend.intake._next_offset
            accepted = headend.metrics.accepted._value
            await keep(tally, lambda: (taken._next_offset - first + len(taken.frames), int(accepted.get())))

    uvloop.run(main())


class PeerBatch:
    """The part of a batch that `Intake._store` needs: the counters to commit."""

    groups = ()
    rejected = ()

    def __init__(self) -> None:
        self.pending = {}

    def commit(self, pushes):
        for push in pushes:
            window, counter = self.pending.pop(push)
            window.commit(counter)

    def rollback(self, pushes=None):
        for push in list(self.pending) if pushes is None else pushes:
            window, counter = self.pending.pop(push)
            window.rollback(counter)


async def peer_carry(self, gathered) -> None:
    """`Intake._carry` with the peer's decoder: APDU, key, replay window, plaintext, values, UTC, records."""
    import numpy as np
    from dlms_cosem.protocol.xdlms import DataNotification, GeneralGlobalCipher
    from dlms_cosem.time import datetime_from_bytes
    from dlms_cosem.utils import parse_as_dlms_data

    from urja.cosem.replay_window import ReplayWindow
    from urja.headend import record_conversion
    from urja.stream.records import BLOCK, Source
    from urja.stream.subjects import Kind

    # Window objects are the fastest for a decoder that handles push by push.
    windows = self.__dict__.setdefault("peer_windows", {})
    batch = PeerBatch()
    index, slots, rows = [], [], []
    epoch, deviation = dt.datetime(1970, 1, 1), dt.timedelta(minutes=330)  # noqa: DTZ001 - local, as read
    for push, frame in enumerate(gathered.frames):
        sealed = GeneralGlobalCipher.from_bytes(frame[8:])
        title = bytes(sealed.system_title)
        meter = self._roster.meters[title]
        window = windows.get(title) or windows.setdefault(title, ReplayWindow())
        window.reserve(sealed.invocation_counter)
        notification = DataNotification.from_bytes(sealed.to_plain_apdu(meter.keys.guek, meter.keys.gak))
        body = parse_as_dlms_data(notification.body)
        local, _ = datetime_from_bytes(body[2])
        end_at = int((local.replace(tzinfo=None) - deviation - epoch).total_seconds())
        batch.pending[push] = (window, sealed.invocation_counter)
        index.append(push)
        slots.append(meter.slot)
        _, _, _, voltage, import_wh, import_vah, export_wh, export_vah, current, health = body
        energy = (import_wh, import_vah, export_wh, export_vah)
        rows.append((0, end_at - 1800, 1800, 0, (*energy, voltage, current, health), 0, 0, 0))
    records = np.array(rows, BLOCK)
    refs = np.array(slots, np.int64)
    records["device_id"] = self._roster.device_ids[refs]
    placed = np.array(index, np.int64)
    received_at_ms = int(gathered.began_at.timestamp() * 1000)
    record_conversion.set_provenance(records, Source.PUSH, gathered.correlations(placed), received_at_ms)
    try:
        messages = self._records.messages(Kind.BLOCK, [(placed, refs, records)])
        await asyncio.gather(*(self._store(gathered, batch, message, {}) for message in messages))
    finally:
        self._waiting_bytes -= gathered.size
        self._reconsider()


# --- load generator ---------------------------------------------------------------------------------------------


def generate(port: int, frames_file: Path, tally: Tally, rounds: int) -> None:
    """Connect, report it, and play rounds on request: `warm` rounds first, then the counted ones."""
    frames = pickle.loads(frames_file.read_bytes())
    lines = [socket.create_connection(("127.0.0.1", port)) for _ in frames[0]]
    for line in lines:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    total = 0
    # `idle` is reported before the first push; `warm` after the rounds that are not counted.
    for said, first, last in (("idle", 0, WARM_UP_ROUNDS), ("warm", WARM_UP_ROUNDS, rounds)):
        print(said, flush=True)
        sys.stdin.readline()
        for round_ in range(first, last):
            for line, frame in zip(lines, frames[round_], strict=True):
                line.send(frame)
            total += len(lines)
            # A meter's next push is sent when its last one has been read: one push per read.
            wait_for(tally.received, total)
        wait_for(tally.acknowledged, total)
    print("done", flush=True)
    sys.stdin.readline()


def wait_for(count, total: int) -> None:
    while count() < total:
        time.sleep(0.001)


# --- the bench --------------------------------------------------------------------------------------------------


def make_frames(connections: int, rounds: int) -> list[list[bytes]]:
    from urja.cosem import axdr
    from urja.cosem.companion import load_device_type
    from urja.cosem.obis import Obis
    from urja.cosem.security import AUTHENTICATED_ENCRYPTED, seal
    from urja.cosem.time import CosemDateTime
    from urja.cosem.wrapper import Frame

    device_type = load_device_type("urja-d1")
    push = device_type.pushes["block"]
    made = []
    for round_ in range(rounds):
        at = FIRST + dt.timedelta(seconds=1800 * round_)
        clock = CosemDateTime.from_utc(at, deviation_min=330, sign=device_type.deviation_sign)
        wire = []
        for number in range(connections):
            values = [axdr.Data(axdr.Tag(column.tag), (number + round_) % 250) for column in push.columns]
            body = axdr.structure(
                axdr.octets(b"URJ%08d" % number),
                axdr.octets(bytes(Obis.parse(push.obis))),
                axdr.octets(clock.to_bytes()),
                *values,
            )
            plaintext = b"\x0f" + number.to_bytes(4) + b"\0" + axdr.encode(body)
            sealed = seal(keys_of(number), title_of(number), round_ + 1, AUTHENTICATED_ENCRYPTED, plaintext)
            content = bytes([AUTHENTICATED_ENCRYPTED.to_byte()]) + (round_ + 1).to_bytes(4) + sealed
            apdu = b"\xdb\x08" + title_of(number) + axdr.encode_length(len(content)) + content
            wire.append(Frame(1, 64, apdu).encode())
        made.append(wire)
    return made


class Bench:
    """Broker, frames and environments of the bench; `run` measures one server once."""

    def __init__(self, folder: Path, connections: int, rounds: int) -> None:
        self.folder = folder
        self.connections = connections
        self.rounds = rounds
        self.frames_file = folder / "frames"
        frames = make_frames(connections, rounds)
        self.frame_size = len(frames[0][0])
        assert {len(frame) for round_ in frames for frame in round_} == {self.frame_size}
        self.frames_file.write_bytes(pickle.dumps(frames))
        keys = {title_of(number): keys_of(number) for number in range(connections)}
        self.ciphers = Ciphers({title: (pair.guek, pair.gak or b"") for title, pair in keys.items()})
        self._peer_python: list[str] | None = None

    def start_broker(self) -> tuple[subprocess.Popen, str]:
        """Start a new broker with every meter in the projection."""
        from urja.base.ports import free_port
        from urja.stream.server import server_config
        from urja.stream.subjects import StreamSizes, User

        sizes = StreamSizes(readings=STREAM_MB << 20)
        port = free_port()
        store = Path(tempfile.mkdtemp(dir=self.folder))
        config = store / "nats.conf"
        passwords = dict.fromkeys(User, PASSWORD)
        config.write_text(server_config(port=port, store_dir=store, passwords=passwords, sizes=sizes))
        binary = Path(sys.executable).with_name("nats-server")
        process = subprocess.Popen(
            [binary, "-c", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        url = f"nats://127.0.0.1:{port}"
        asyncio.run(self._prepare(url, sizes))
        return process, url

    async def _prepare(self, url: str, sizes) -> None:
        from urja.base.ids import BUCKETS, compose_id
        from urja.cosem.security import wrap_key
        from urja.stream.broker import connect
        from urja.stream.definitions import ensure_streams
        from urja.stream.devices import SignedDevice
        from urja.stream.messages import DeviceEntry
        from urja.stream.subjects import User

        admin = await connect(url, User.ADMIN, PASSWORD, "bench")
        await ensure_streams(admin, sizes)
        for number in range(self.connections):
            bucket, keys = number % BUCKETS, keys_of(number)
            entry = DeviceEntry(
                device_id=compose_id(bucket, number + 1),
                bucket=bucket,
                system_title=title_of(number),
                serial=f"URJ{number:08}",
                device_type="urja-d1",
                wrapped_guek=wrap_key(KEK, keys.guek),
                wrapped_gak=wrap_key(KEK, keys.gak),
            )
            await admin.put_device(entry.key, SignedDevice.of(entry, SIGNING_KEY))
        await admin.close()

    def aes_gcm_s(self) -> float:
        """Return the CPU seconds of AES-GCM alone for the counted pushes."""
        rounds = pickle.loads(self.frames_file.read_bytes())[WARM_UP_ROUNDS:]
        return sum(
            self.ciphers.cpu_s((frame[WRAPPER:] for frame in frames), self.connections) for frames in rounds
        )

    def python(self, server: str) -> list[str]:
        if server != "peer":
            return [sys.executable]
        if self._peer_python is None:
            self._peer_python = [str(make_peer_environment(self.folder / "peer"))]
        return self._peer_python

    def run(self, server: str) -> dict[str, float]:
        """Return pushes per CPU-second of one server, and its memory per idle connection."""
        tally_file = self.folder / "tally"
        tally_file.write_bytes(bytes(16))
        broker, url = self.start_broker() if server != "empty" else (None, "-")
        environment = dict(os.environ, PYTHONPATH=str(ROOT / "src"))
        me = str(Path(__file__).resolve())
        serving = subprocess.Popen(
            [*self.python(server), me, "--serve", server, str(tally_file), url, str(self.frame_size)],
            stdout=subprocess.PIPE,
            stderr=(self.folder / "server.log").open("ab"),
            env=environment,
            text=True,
        )
        loading: subprocess.Popen | None = None
        try:
            port = serving.stdout.readline().strip()
            if not port:
                raise RuntimeError((self.folder / "server.log").read_text()[-2000:])
            before = resident_bytes(serving.pid)
            loading = subprocess.Popen(
                [
                    sys.executable,
                    me,
                    "--load",
                    port,
                    str(self.frames_file),
                    str(tally_file),
                    str(self.rounds),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment,
                text=True,
            )
            expect(loading, "idle")
            time.sleep(0.5)  # the last connections are being accepted
            idle = (resident_bytes(serving.pid) - before) / self.connections
            tell(loading)
            expect(loading, "warm")
            (user, system), wall = cpu_s(serving.pid), time.monotonic()
            tell(loading)
            expect(loading, "done")
            user_then, system_then = user, system
            (user, system), wall = cpu_s(serving.pid), time.monotonic() - wall
            cpu, kernel = user + system - user_then - system_then, system - system_then
            tell(loading)
            loading.wait()
            pushes = self.connections * (self.rounds - WARM_UP_ROUNDS)
            found = {"per_cpu_s": pushes / cpu, "per_s": pushes / wall, "idle_bytes": idle}
            return found | {"cpu_s": cpu, "kernel_s": kernel}
        finally:
            for process in (loading, serving, broker):
                if process is not None:
                    process.kill()
                    process.wait()


def make_peer_environment(path: Path) -> Path:
    """Create a separate environment with the peer's decoder and the head end's packages."""
    from importlib.metadata import version

    pinned = [f"{name}=={version(name)}" for name in RUNTIME]
    python = path / "bin" / "python"
    for command in (
        ["venv", "--python", sys.executable, str(path)],
        ["pip", "install", "--python", str(python), PEER, *pinned],
    ):
        subprocess.run(["uv", *command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return python


def expect(process: subprocess.Popen, word: str) -> None:
    said = process.stdout.readline().strip()
    if said != word:
        raise RuntimeError(f"the load generator said {said!r}, not {word!r}")


def tell(process: subprocess.Popen) -> None:
    process.stdin.write("go\n")
    process.stdin.flush()


def resident_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def cpu_s(pid: int) -> tuple[float, float]:
    """Return user and system seconds of a process with all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    ticks_per_s = os.sysconf("SC_CLK_TCK")
    return int(fields[11]) / ticks_per_s, int(fields[12]) / ticks_per_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--connections", type=int, default=2_000)
    parser.add_argument(
        "--rounds", type=int, default=204, help="of one push per connection, warm-up included"
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--serve", nargs=4, help=argparse.SUPPRESS)
    parser.add_argument("--load", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    from urja.base import log

    log.configure("bench", "error", json=True)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < options.connections + 200:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, options.connections + 1000), hard))
    if options.serve:
        server, tally, url, frame_size = options.serve
        if server == "empty":
            serve_empty(Tally(Path(tally)), int(frame_size))
        else:
            serve_headend(Tally(Path(tally)), url, peer=server == "peer")
        return
    if options.load:
        port, frames, tally, rounds = options.load
        generate(int(port), Path(frames), Tally(Path(tally)), int(rounds))
        return
    servers = ["urja", "empty"] if options.no_peer else ["urja", "empty", "peer"]
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), options.connections, options.rounds)
        runs = {server: [] for server in servers}
        for _ in range(options.repeats):
            for server in servers:
                runs[server].append(bench.run(server))
            # Directly after the run that it is compared with, because the machine's speed varies.
            runs["urja"][-1]["aes_gcm_s"] = bench.aes_gcm_s()
    print(json.dumps(report(options, runs)))


def report(options: argparse.Namespace, runs: dict[str, list[dict[str, float]]]) -> dict[str, object]:
    def median(server: str, key: str) -> float:
        return statistics.median(run[key] for run in runs[server])

    rate, empty = median("urja", "per_cpu_s"), median("empty", "per_cpu_s")
    idle = median("urja", "idle_bytes")
    shares = [(run["kernel_s"] + run["aes_gcm_s"]) / run["cpu_s"] for run in runs["urja"]]
    share = statistics.median(shares)
    least_s = median("empty", "cpu_s") + median("urja", "aes_gcm_s")
    values = 8
    found: dict[str, object] = {
        "benchmark": "headend",
        "what": "ciphered D1 block pushes from TCP sockets to acknowledged by the broker, one push per read",
        "connections": options.connections,
        "pushes_per_run": options.connections * (options.rounds - WARM_UP_ROUNDS),
        "repeats": options.repeats,
        "values_per_push": values,
        "pushes_per_cpu_s": round(rate),
        "values_per_cpu_s": round(rate * values),
        "pushes_per_s": round(median("urja", "per_s")),
        "pushes_per_cpu_s_runs": [round(run["per_cpu_s"]) for run in runs["urja"]],
        "empty_reads_per_cpu_s": round(empty),
        "empty_reads_per_cpu_s_runs": [round(run["per_cpu_s"]) for run in runs["empty"]],
        "ratio_to_empty": round(rate / empty, 2),
        "bar_ratio_to_empty": BAR_EMPTY,
        "share_of_limit": round(share, 3),
        "share_of_limit_runs": [round(one, 3) for one in shares],
        "share_of_kernel": round(median("urja", "kernel_s") / median("urja", "cpu_s"), 3),
        "share_of_aes_gcm": round(median("urja", "aes_gcm_s") / median("urja", "cpu_s"), 3),
        "share_of_empty_and_aes_gcm": round(least_s / median("urja", "cpu_s"), 3),
        "goal_share_of_limit": GOAL_SHARE,
        "goal_share_met": share >= GOAL_SHARE,
        "bytes_per_idle_connection": round(idle),
        "goal_bytes_per_idle_connection": GOAL_IDLE_BYTES,
        "python": platform.python_version(),
    }
    met = rate / empty >= BAR_EMPTY
    if "peer" in runs:
        peer = median("peer", "per_cpu_s")
        found |= {
            "peer": PEER,
            "peer_pushes_per_cpu_s": round(peer),
            "peer_pushes_per_cpu_s_runs": [round(run["per_cpu_s"]) for run in runs["peer"]],
            "ratio_to_peer": round(rate / peer, 1),
            "bar_ratio_to_peer": BAR_PEER,
        }
        met = met and rate / peer >= BAR_PEER
    return found | {"bars_met": met}


if __name__ == "__main__":
    main()
