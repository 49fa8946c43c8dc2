"""An independent client against the meter: dlms-cosem 21.3.2 by HLS-GMAC, in an environment without Urja."""

import json
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.foreign.isolated import DLMS_COSEM, python_with

CLIENT = Path(__file__).with_name("foreign_client.py")
IST = timedelta(hours=5, minutes=30)


@contextmanager
def served_meter(*options):
    """A meter in a process of its own; gives what it has printed."""
    command = [
        sys.executable,
        "-m",
        "urja.site.cli.main",
        "meter",
        "serve",
        "--port",
        "0",
        "--json",
        *options,
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()
            assert process.wait(60) == 0


@pytest.fixture(scope="module")
def foreign():
    return python_with(DLMS_COSEM, "dlms_cosem")


def test_another_projects_client_reads_clock_and_block_load(foreign):
    with served_meter("--days", "10", "--seed", "3") as facts:
        child = subprocess.run(
            [*foreign, str(CLIENT), json.dumps(facts)], capture_output=True, text=True, timeout=120
        )
    assert child.returncode == 0, child.stderr[-2000:]
    read = json.loads(child.stdout.splitlines()[-1])
    now_local = datetime.now(UTC).replace(tzinfo=None) + IST
    clock = datetime.fromisoformat(read["clock_local"])
    assert abs(now_local - clock) < timedelta(minutes=2)
    assert read["scaler_unit"] == [0, 30]
    assert read["register_wh"] > 1_000_000
    assert read["columns"][:3] == ["0.0.1.0.0.255", "1.0.12.27.0.255", "1.0.1.29.0.255"]
    assert read["objects"] > 60
    # 00:00 closes yesterday's last block and is within the range asked for.
    half_hours = (clock.hour * 60 + clock.minute) // 30
    assert len(read["rows_today"]) in {half_hours + 1, half_hours + 2}
    assert read["rows_all"] in {480, 481}


def test_a_taken_port_is_said_so():
    with served_meter() as facts:
        command = [sys.executable, "-m", "urja.site.cli.main", "meter", "serve", "--port", str(facts["port"])]
        second = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert second.returncode == 71
    assert "choose another --port" in second.stderr
