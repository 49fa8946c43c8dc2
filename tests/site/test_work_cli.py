"""`urja work`, over a database of the test's own."""

import json
from datetime import timedelta
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from tests.apps.town import START, adopt
from tests.apps.work.test_work import JPEG

from urja.base.settings import Settings
from urja.site.admin import Administration
from urja.site.cli.work import work
from urja.site.command_errors import CommandError

NOON = START + timedelta(hours=12)


@pytest.fixture
def number(database, monkeypatch):
    """A suspected weld with its work order."""
    from urja.apps.work.operations import report_weld

    installation = SimpleNamespace(
        setup_django=lambda: None, clock=SimpleNamespace(now=lambda: NOON), settings=Settings()
    )
    monkeypatch.setattr(Administration, "of", lambda _data: installation)
    home = adopt(1)
    return report_weld(
        device_id=home.device_id, service_point_id=home.service_point_id, opened_at=START, asked={"wh": 5}
    ).id


def run(*arguments):
    done = CliRunner().invoke(work, arguments)
    if isinstance(done.exception, CommandError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def test_it_is_listed_given_and_closed(number, tmp_path):
    from urja.usecases.operations import employ

    (line,) = run("list").splitlines()
    assert line.split()[:5] == [str(number), "weld_or_bypass", "open", "URJ00000001", "URJ00000001"]
    assert run("list", "--kind", "install") == "There are no open work orders.\n"
    with pytest.raises(CommandError, match=r"'wled' is unknown: give one of .*weld_or_bypass"):
        run("list", "--kind", "wled")
    employ("anil@utility.example", "Anil", "field_engineer", recorded_at=START, actor="test")
    assert run("assign", str(number), "anil@utility.example") == (
        f"work order {number} is assigned to anil@utility.example\n"
    )
    photo = tmp_path / "weld.jpg"
    photo.write_bytes(JPEG)
    told = run(
        "close",
        str(number),
        "--note",
        "a wire",
        "--register-wh",
        "10007",
        "--seal",
        "S-1",
        "--photo",
        str(photo),
    )
    assert told == f"work order {number} is closed\n"
    assert run("list") == "There are no open work orders.\n"
    (row,) = json.loads(run("list", "--all", "--json"))["work_orders"]
    assert (row["state"], row["assignee"], row["asked"]) == ("done", "anil@utility.example", {"wh": 5})
    assert (row["result"]["note"], row["result"]["register_wh"], len(row["result"]["photos"])) == (
        "a wire",
        10_007,
        1,
    )


def test_what_is_refused_leaves_nothing(number, tmp_path):
    from urja.apps.work.models import Photo

    page = tmp_path / "page.jpg"
    page.write_bytes(b"<html>")
    photo = tmp_path / "weld.jpg"
    photo.write_bytes(JPEG)
    with pytest.raises(CommandError, match="a JPEG or a PNG image"):
        run("close", str(number), "--note", "x", "--photo", str(page))
    with pytest.raises(CommandError, match="cannot be read: No such file"):
        run("close", str(number), "--note", "x", "--photo", str(tmp_path / "none.jpg"))
    with pytest.raises(CommandError, match=r"nothing was done:\n  meter URJ00000001 read 10000 Wh"):
        run("close", str(number), "--note", "x", "--register-wh", "5", "--photo", str(photo))
    with pytest.raises(CommandError, match="is in the future"):
        run("close", str(number), "--note", "x", "--at", "2030-01-01T00:00")
    assert not Photo.objects.exists()
    with pytest.raises(CommandError, match="there is no work order 7"):
        run("close", "7", "--note", "x")
