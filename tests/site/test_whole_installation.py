"""The whole system under `urja up`: every process is killed once and all is well again."""

import os
import signal
import subprocess

from tests.site.test_up import URJA, known_of, running, status_of, until

from urja.site.command_errors import Exit

EVERYTHING = ("--config", os.devnull)


def test_every_process_may_die(installation_dir, prepared):
    data = prepared(installation_dir / "whole")
    with running(data, *EVERYTHING, URJA_PIPELINE_CLOSING_STATUS_PORTS="0") as installation:
        before = status_of(data)
        assert before["code"] == Exit.OK, before
        pids = {name: process["pid"] for name, process in before["processes"].items()}
        assert list(pids) == ["postgres", "nats", "headend", "pipeline", "web", "closing-1"]
        assert list(before["processes"]["closing-1"]["detail"]["stages"]) == ["close"]
        assert before["processes"]["headend"]["detail"]["meters"] == 0
        assert {"ingest", "gaps", "project", "post"} <= set(
            before["processes"]["pipeline"]["detail"]["stages"]
        )

        for pid in pids.values():
            os.kill(pid, signal.SIGKILL)
        after = until(
            lambda: (
                (report := known_of(data))["well"]
                and all(report["processes"][name]["pid"] not in {None, pid} for name, pid in pids.items())
                and report
            ),
            within_s=60,
        )
        assert min(process["restarts"] for process in after["processes"].values()) == 1
        until(lambda: status_of(data)["code"] == Exit.OK)
        shown = subprocess.run([*URJA, "status", "--data", str(data)], capture_output=True, text=True).stdout
        assert "READINGS/ingest: 0 undelivered, 0 in progress" in shown
        assert "  ingest: runs " in shown
        assert "no policy is loaded, so no consumer is warned, disconnected or reconnected" in shown
    assert installation.returncode == 0
