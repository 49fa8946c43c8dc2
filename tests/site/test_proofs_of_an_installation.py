"""A running installation seals its day, asks its laws, and is held to the heads that it has exported."""

import json
import subprocess
import time

from tests.site.test_up import URJA, environment, known_of, running

from urja.site.cli import status

PATIENCE_S = 120


def urja(*arguments):
    return subprocess.run([*URJA, *arguments], capture_output=True, text=True, env=environment(), timeout=60)


def until(question):
    """What a question answers once it answers something."""
    end_s = time.monotonic() + PATIENCE_S
    while not (answer := question()):
        assert time.monotonic() < end_s, "the installation took too long"
        time.sleep(0.2)
    return answer


def test_heads_are_exported_and_the_database_is_held_to_them(installation_dir, tmp_path, prepared):
    data = prepared(installation_dir / "data")
    heads = data / "proofs" / "heads"
    with running(data, "--without", "headend", "--without", "web"):
        [head] = until(lambda: list(heads.glob("*.json")))
        kept = tmp_path / head.name
        kept.write_bytes(head.read_bytes())
        until(lambda: "laws hold" in status.render(known_of(data)))
        assert "laws hold" in urja("status", "--data", str(data)).stdout
        said = urja("verify", "--data", str(data), "--against", str(kept), "--json")
        assert said.returncode == 0, said.stdout + said.stderr
        report = json.loads(said.stdout)
        assert {"roots", "catalogue", "accruals", "payments", "second_run"} <= set(report["laws"])
        # The daily run has proven the first head.
        assert json.loads(urja("verify", "--data", str(data), "--json").stdout)["proven"] in (0, 1)
        other = json.loads(kept.read_text())
        other["head"]["size"] = 7
        kept.write_text(json.dumps(other))
        said = urja("verify", "--data", str(data), "--against", str(kept))
        assert said.returncode == 1
        assert "has a wrong signature" in said.stdout


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
