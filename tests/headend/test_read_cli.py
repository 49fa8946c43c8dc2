"""`urja headend read` against the simulated meter, `urja quarantine` against a broker."""

import asyncio
import json
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import timedelta

import pytest
from click.testing import CliRunner

from urja.base.clock import WallClock
from urja.base.ports import free_port
from urja.meter.faults import FaultPlan
from urja.meter.identity import Identity, seeded_identity
from urja.meter.meter import Meter
from urja.meter.serve import serve_bus_until
from urja.meter.station import Station
from urja.site.cli.headend import headend
from urja.site.command_errors import CommandError, Exit


@contextmanager
def listening(identity: Identity, port: int) -> Iterator[None]:
    """A meter that listens, with two days of history, in a thread of its own."""
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    stopping = asyncio.Event()

    async def serve() -> None:
        clock = WallClock()
        simulated = Meter(identity, clock.now() - timedelta(days=2))
        simulated.run_without_pushing(clock.now())
        station = Station(
            simulated, now=clock.now, entropy=lambda size: bytes(range(size)), plan=FaultPlan("1")
        )
        server = await station.listen("127.0.0.1", port)
        ready.set()
        await stopping.wait()
        server.close()
        station.drop_link()
        await server.wait_closed()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    ready.wait()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join()
        loop.close()


@pytest.fixture(scope="module")
def meter() -> Iterator[Identity]:
    port = free_port()
    identity = seeded_identity("00000001", "urja-d1-listen", 3, start_wh=5000, listen=f"127.0.0.1:{port}")
    with listening(identity, port):
        yield identity


@pytest.fixture(scope="module")
def line() -> Iterator[dict[str, object]]:
    """Two meters behind one line of HDLC, in a thread of their own."""
    identities = {
        17 + n: seeded_identity(f"{n + 1:08}", "urja-d1-listen", 3, listen="127.0.0.1:0") for n in range(2)
    }
    told: Future[dict[str, object]] = Future()
    loop = asyncio.new_event_loop()
    stopping = asyncio.Event()
    serving = serve_bus_until(
        identities,
        "127.0.0.1",
        0,
        pty=True,
        days=2,
        clock=WallClock(),
        announce=told.set_result,
        stopping=stopping,
    )
    thread = threading.Thread(target=lambda: loop.run_until_complete(serving))
    thread.start()
    yield told.result(30)
    loop.call_soon_threadsafe(stopping.set)
    thread.join()
    loop.close()


def run(meter: Identity, *arguments: str, keys: bool = True):
    host, port = meter.listen.split(":")
    secrets = ["--guek", meter.guek, "--gak", meter.gak] if keys else []
    return CliRunner().invoke(headend, ["read", "--host", host, "--port", port, *secrets, *arguments])


def refusal(result) -> CommandError:
    assert isinstance(result.exception, CommandError), result.output
    return result.exception


def test_a_register_with_its_unit(meter):
    result = run(meter, "--obis", "1.0.1.8.0.255")
    assert result.exit_code == 0, result.output
    assert "Active energy import" in result.output
    assert result.output.rstrip().endswith(" Wh")


def test_json_carries_plain_and_scaled_values(meter):
    voltage = json.loads(run(meter, "--obis", "1.0.12.7.0", "--json").output)
    assert voltage["unit"] == "V"
    assert voltage["value"] == pytest.approx(voltage["raw"] / 100)
    assert 200 < voltage["value"] < 260


def test_a_profile_is_a_table_in_the_meters_own_order(meter):
    day = (WallClock().now() + timedelta(minutes=330)).date()
    window = ("--from", f"{day - timedelta(days=1)}T10:00", "--to", f"{day - timedelta(days=1)}T12:00")
    table = json.loads(run(meter, "--obis", "1.0.99.1.0.255", *window, "--json").output)
    assert table["columns"][0]["obis"] == "0.0.1.0.0.255"
    assert [row[0][11:16] for row in table["rows"]] == ["10:00", "10:30", "11:00", "11:30", "12:00"]
    text = run(meter, "--obis", "1.0.99.1.0.255", *window).output
    assert "5 rows" in text
    assert "[Wh]" in text


def test_without_keys_the_public_client_reads_the_clock(meter):
    result = run(meter, "--obis", "0.0.1.0.0.255", keys=False)
    assert result.exit_code == 0
    assert "Clock" in result.output


def test_the_reader_reads_by_password(meter):
    secret = bytes.fromhex(meter.lls_secret).decode()
    result = run(meter, "--obis", "0.0.42.0.0.255", "--client", "32", "--secret", secret)
    assert result.exit_code == 0, result.output
    assert "URJ00000001" in result.output


def test_a_type_of_hls_mechanism_2_at_a_sap_of_its_own_is_read_by_its_secret():
    identity, port = seeded_identity("00000001", "urja-d1-aes", 3, start_wh=5000), free_port()
    assert identity.type.associations.utility_sap != 48

    def ask(*more: str):
        keys = ["--guek", identity.guek, "--gak", identity.gak, "--type", "urja-d1-aes"]
        where = ["--host", "127.0.0.1", "--port", str(port), "--obis", "1.0.1.8.0.255"]
        return CliRunner().invoke(headend, ["read", *where, *keys, *more])

    with listening(identity, port):
        told = ask("--secret", identity.hls_secret)
        other = refusal(ask("--secret", "another secret.."))
        missing = refusal(ask())
    assert told.exit_code == 0, told.output
    assert told.output.rstrip().endswith(" Wh")
    assert "wrong key" in str(other)
    assert "give --secret, 16 characters, or 32 hexadecimal digits" in str(missing)


def test_the_class_of_a_strange_object_is_asked_of_the_meter(meter):
    result = run(meter, "--obis", "0.0.94.91.14.255", "--attribute", "1", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["raw"] == "h:00005e5b0eff"


class TestRefusals:
    def test_refused(self, meter):
        found = refusal(run(meter, "--obis", "1.0.1.8.0.255", "--class", "3", keys=False))
        assert found.code == Exit.FAILED
        assert str(found).startswith("refused: 1.0.1.8.0.255 attribute 2")

    def test_no_such_object(self, meter):
        assert "no object 9.9.9.9.9.255" in str(refusal(run(meter, "--obis", "9.9.9.9.9")))

    def test_wrong_key(self, meter):
        zeros = "0" * 32
        found = refusal(run(meter, "--obis", "1.0.1.8.0", "--guek", zeros, "--gak", zeros, keys=False))
        assert str(found).startswith("wrong key:")

    def test_another_meter(self, meter):
        found = refusal(run(meter, "--obis", "1.0.1.8.0", "--system-title", "0" * 16))
        assert "another meter answers" in str(found)

    def test_no_process_listens(self, meter):
        port = str(free_port())
        result = CliRunner().invoke(
            headend, ["read", "--host", "127.0.0.1", "--port", port, "--obis", "0.0.1.0.0"]
        )
        assert refusal(result).code == Exit.UNAVAILABLE
        assert str(result.exception).startswith("unreachable:")

    @pytest.mark.parametrize(("close_at_once", "kind"), [(True, "cut"), (False, "timeout")])
    def test_disconnection_and_no_answer(self, close_at_once, kind):
        import socket

        with socket.create_server(("127.0.0.1", 0)) as server:

            def answer() -> None:
                connection, _ = server.accept()
                with connection:
                    connection.recv(100)
                    if not close_at_once:
                        connection.recv(100)

            thread = threading.Thread(target=answer)
            thread.start()
            port = str(server.getsockname()[1])
            result = CliRunner().invoke(
                headend,
                ["read", "--host", "127.0.0.1", "--port", port, "--obis", "0.0.1.0.0", "--timeout", "0.3"],
            )
            thread.join()
        assert str(refusal(result)).startswith(f"{kind}:")

    @pytest.mark.parametrize(
        "arguments",
        [
            ["--obis", "1.0.1.8.0", "--from", "2026-03-02", "--to", "2026-03-03"],
            ["--obis", "1.0.99.1.0", "--from", "2026-03-02"],
            ["--obis", "1.0.99.1.0", "--from", "2026-03-03", "--to", "2026-03-02"],
            ["--obis", "1.0.1.8.0", "--client", "32"],
        ],
    )
    def test_what_makes_no_sense_is_said(self, meter, arguments):
        assert refusal(run(meter, *arguments)).code == Exit.USAGE

    @pytest.mark.parametrize(
        "arguments",
        [
            ["--obis", "energy"],
            ["--obis", "1.0.1.8.0", "--guek", "12"],
            ["--obis", "1.0.1.8.0", "--from", "today"],
        ],
    )
    def test_a_wrong_argument_is_explained(self, meter, arguments):
        result = run(meter, *arguments)
        assert result.exit_code == Exit.USAGE
        assert "Invalid value" in result.output


class TestBehindALine:
    def read(self, link: str, physical: int, *options: str):
        where = ["--link", link, "--address", str(physical)]
        return CliRunner().invoke(headend, ["read", *where, *options])

    @pytest.mark.parametrize("way", ["gateway", "serial port"])
    def test_each_meter_is_read_by_its_physical_address(self, line, way):
        link = f"tcp://127.0.0.1:{line['port']}" if way == "gateway" else f"serial:{line['pty']}?baud=19200"
        for meter in line["meters"]:
            secrets = ["--guek", meter["guek"], "--gak", meter["gak"]]
            result = self.read(link, meter["physical_address"], "--obis", "0.0.96.1.0.255", *secrets)
            assert result.exit_code == 0, result.output
            assert meter["serial"] in result.output

    def test_a_profile_in_segments(self, line):
        meter = line["meters"][1]
        secrets = ["--guek", meter["guek"], "--gak", meter["gak"], "--json"]
        result = self.read(f"tcp://127.0.0.1:{line['port']}", 18, "--obis", "1.0.99.1.0.255", *secrets)
        assert len(json.loads(result.output)["rows"]) in {96, 97}

    def test_an_address_that_no_meter_has_is_a_time_out(self, line):
        where = f"tcp://127.0.0.1:{line['port']}"
        said = refusal(self.read(where, 99, "--obis", "0.0.96.1.0.255", "--timeout", "0.3"))
        assert said.code == Exit.UNAVAILABLE
        assert "timeout: no answer to a request for a link, sent 3 times" in str(said)

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ([], "--host, or --link"),
            (["--host", "127.0.0.1", "--link", "tcp://127.0.0.1:4060"], "--host, or --link"),
            (["--host", "127.0.0.1", "--address", "17"], "behind a --link"),
            (["--link", "tcp://127.0.0.1:4060"], "physical address"),
            (["--link", "127.0.0.1:4060", "--address", "17"], "no link"),
        ],
    )
    def test_where_the_meter_is_has_to_be_said_once(self, arguments, said):
        result = CliRunner().invoke(headend, ["read", "--obis", "0.0.96.1.0.255", *arguments])
        assert refusal(result).code == Exit.USAGE
        assert said in str(result.exception)
