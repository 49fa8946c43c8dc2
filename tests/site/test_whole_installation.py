"""The whole system under one `urja up`: no secret is seen, days are sealed, the laws are asked, and every process may die."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from tests.conftest import new_directory
from tests.site.commands import urja
from tests.site.test_up import URJA, environment, known_of, running, status_of, until

from urja.site.cli import status
from urja.site.command_errors import Exit
from urja.site.supervisor import health_probes

ANY_CLOSING = {"URJA_PIPELINE_CLOSING_STATUS_PORTS": "0"}


@pytest.fixture(scope="module")
def whole(prepared):
    """The data directory of a whole installation that runs; each test leaves it running and well."""
    place = new_directory()
    try:
        with running(prepared(place / "data"), "--config", os.devnull, **ANY_CLOSING) as installation:
            yield place / "data"
        assert installation.returncode == 0
    finally:
        shutil.rmtree(place, ignore_errors=True)


def verify(data, *options):
    """By a process, as it sets Django up; a second one for the laws takes a second of processor time to begin."""
    given = [*URJA, "verify", "--data", str(data), "--processes", "1", *options]
    return subprocess.run(given, capture_output=True, text=True, env=environment(), timeout=60)


def test_no_secret_in_arguments_environment_or_logs(whole):
    secrets = [
        value
        for file in (whole / "secrets").iterdir()
        for value in json.loads(file.read_text()).values()
        if value  # while no key is changed there is none of before
    ]
    assert len(secrets) >= 10
    for process in status_of(whole)["processes"].values():
        for kind in ("cmdline", "environ"):
            shown = Path(f"/proc/{process['pid']}/{kind}").read_bytes()
            assert not [secret for secret in secrets if secret.encode() in shown]
    logs = b"".join(file.read_bytes() for file in (whole / "logs").iterdir())
    assert logs
    assert not [secret for secret in secrets if secret.encode() in logs]


def test_heads_are_exported_and_the_database_is_held_to_them(whole, tmp_path):
    """The running installation seals its day, asks its laws, and is held to the heads that it has exported."""
    heads = whole / "proofs" / "heads"
    [head] = until(lambda: list(heads.glob("*.json")), within_s=120)
    kept = tmp_path / head.name
    kept.write_bytes(head.read_bytes())
    until(lambda: "laws hold" in status.render(known_of(whole)), within_s=120)
    assert "laws hold" in urja("status", "--data", whole).stdout
    said = verify(whole, "--against", str(kept), "--json")
    assert said.returncode == 0, said.stdout + said.stderr
    report = json.loads(said.stdout)
    assert {"roots", "catalogue", "accruals", "payments", "second_run"} <= set(report["laws"])
    # The daily run has proven the first head.
    assert json.loads(verify(whole, "--json").stdout)["proven"] in (0, 1)
    other = json.loads(kept.read_text())
    other["head"]["size"] = 7
    kept.write_text(json.dumps(other))
    said = verify(whole, "--against", str(kept))
    assert said.returncode == 1
    assert "has a wrong signature" in said.stdout


def test_every_process_may_die(whole):
    before = status_of(whole)
    assert before["code"] == Exit.OK, before
    pids = {name: process["pid"] for name, process in before["processes"].items()}
    assert list(pids) == ["postgres", "nats", "headend", "pipeline", "web", "closing-1"]
    assert list(before["processes"]["closing-1"]["detail"]["stages"]) == ["close"]
    assert before["processes"]["headend"]["detail"]["meters"] == 0
    assert {"ingest", "gaps", "project", "post"} <= set(before["processes"]["pipeline"]["detail"]["stages"])
    port = json.loads((whole / "run" / "settings.json").read_text())["web"]["port"]

    for pid in pids.values():
        os.kill(pid, signal.SIGKILL)
    after = until(
        lambda: (
            (report := known_of(whole))["well"]
            and all(report["processes"][name]["pid"] not in {None, pid} for name, pid in pids.items())
            and report
        ),
        within_s=60,
    )
    assert min(process["restarts"] for process in after["processes"].values()) == 1
    until(lambda: status_of(whole)["code"] == Exit.OK)
    for path in ("/healthz", "/readyz"):
        # On the port where it was.
        assert asyncio.run(health_probes.http_get(port, path))[0] == 200
    # As a process of its own, once.
    done = subprocess.run([*URJA, "status", "--data", str(whole)], capture_output=True, text=True)
    assert done.returncode == Exit.OK
    assert "READINGS/ingest: 0 undelivered, 0 in progress" in done.stdout
    assert "  ingest: runs " in done.stdout
    assert "no policy is loaded, so no consumer is warned, disconnected or reconnected" in done.stdout


def test_an_installation_with_a_broken_law_is_not_well():
    def well(**stages):
        process = {"state": "ready", "health": "ok", "detail": {"stages": stages}}
        return status._well(process)

    assert well(post={"ill": None}, prove={"ill": None})
    assert not well(post={"ill": None}, prove={"ill": True, "detail": "2026-03-03: BROKEN chains"})


def test_an_installation_whose_head_end_cannot_read_what_is_kept_for_it_is_not_well():
    process = {"state": "ready", "health": "ok", "detail": {"attention": []}}
    assert status._well(process)
    process["detail"]["attention"] = ["3 entries of the registry's projection cannot be read"]
    assert not status._well(process)
