"""The examples of docs/api.md, as they stand there, against a live server."""

import json
import os
import re
import shutil
import subprocess
import threading
from pathlib import Path
from wsgiref.simple_server import make_server

import pytest
from tests.browser.conftest import _Quiet, _Server
from tests.web.api.cast import key
from tests.web.api.conftest import answering, as_owner

PAGE = Path(__file__).parents[3] / "docs" / "api.md"
EXAMPLES = re.findall(r"```sh\n(.*?)```\n+```json\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


@pytest.fixture
def environment(api, society):
    """A live server in the rights of the web, a clerk's key, and the numbers that the examples name."""
    from urja.site.django.wsgi import application

    flat = society.flats[0]
    with make_server("127.0.0.1", 0, application, _Server, _Quiet) as server, answering():
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield {
            "PATH": os.environ["PATH"],
            "URJA": f"http://127.0.0.1:{server.server_port}/api/v1",
            "KEY": as_owner(lambda: key("clerk")),
            "AGREEMENT": str(flat.agreement_id),
            "ACCOUNT": str(flat.account_id),
            "PERSON": str(society.people["Bina"]),
            "PREMISE": str(society.premises["society"]),
        }
        server.shutdown()
        thread.join()


def test_there_are_examples_and_each_says_what_comes():
    assert len(EXAMPLES) == PAGE.read_text("utf-8").count("```sh")
    assert len(EXAMPLES) > 10


@pytest.mark.skipif(shutil.which("curl") is None, reason="the examples are curl's")
def test_the_examples(environment):
    for command, sample in EXAMPLES:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        differs = list(differences(json.loads(sample), json.loads(done.stdout)))
        assert not differs, f"{command}\n{done.stdout}\n{differs}"


WORDS = {"state", "type", "status", "dry_run", "remedy", "faults", "detail", "month", "kind", "currency"}
"""What a sample says of these comes so; of all else the kind of value is compared."""


def differences(sample, answer, at="$"):
    """Where an answer has not the shape of its sample."""
    if isinstance(sample, dict):
        for name, value in sample.items():
            if not isinstance(answer, dict) or name not in answer:
                yield f"{at}.{name} is not there"
            elif name in {"detail", "remedy"}:
                if not str(answer[name]).startswith(value):
                    yield f"{at}.{name} is {answer[name]!r}"
            else:
                yield from differences(value, answer[name], f"{at}.{name}")
    elif isinstance(sample, list):
        if not answer:
            yield f"{at} is empty"
        for value in sample[:1]:
            yield from differences(value, answer[0], f"{at}[0]")
    elif type(sample) is not type(answer) or (at.rpartition(".")[2] in WORDS and sample != answer):
        yield f"{at} is {answer!r}, not {sample!r}"
