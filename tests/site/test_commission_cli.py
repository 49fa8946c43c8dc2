"""`urja meter commission`, over a database of the test's own."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from tests.apps.town import START, adopt
from tests.usecases.life import answer

from urja.site.admin import Administration
from urja.site.cli.commission import commission
from urja.site.command_errors import CommandError, Exit

NOON = START + timedelta(hours=12)


@pytest.fixture(autouse=True)
def installation(database, monkeypatch):
    found = SimpleNamespace(
        setup_django=lambda: None,
        clock=SimpleNamespace(now=lambda: NOON),
        settings=SimpleNamespace(utility=SimpleNamespace(timezone="Asia/Kolkata")),
    )
    monkeypatch.setattr(Administration, "of", lambda _data: found)


def run(*arguments, code=0):
    done = CliRunner().invoke(commission, arguments)
    if isinstance(done.exception, CommandError):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.stdout


def test_all_that_wait_are_called_once_and_pass():
    from urja.apps.assets.models import DevicePeriod
    from urja.apps.commissioning.models import Call
    from urja.pipeline import commission as stage

    adopt(1, called=False)
    adopt(2, called=False)
    adopt(3)
    assert run("--status") == "URJ00000001: not called yet\nURJ00000002: not called yet\n"
    assert run("--all") == "2 meters will be called; their results: urja meter commission --status\n"
    assert run("--all").startswith("0 meters will be called")
    assert run("--status").splitlines()[0] == "URJ00000001 at URJ00000001: being called"
    while stage.run_once(NOON, 1).done:
        for number in (1, 2):
            answer(NOON, serial=f"URJ{number:08}", register_wh=10_000, only=f"URJ{number:08}")
    assert set(Call.objects.values_list("state", flat=True)) == {"passed"}
    assert not DevicePeriod.objects.filter(commissioned_at=None).exists()
    assert run("--status") == "every installed billing meter has passed\n"


def test_a_meter_that_has_failed_is_listed_with_what_to_do():
    from urja.pipeline import commission as stage

    adopt(1, called=False)
    run("--all")
    while stage.run_once(NOON, 1).done:
        answer(NOON, serial="URJ00000001", register_wh=1)
    failed, says = run("--status", code=Exit.FAILED).splitlines()
    assert failed == "URJ00000001 at URJ00000001: failed on 2026-03-02 at 12:00"
    assert "the register shows 1 Wh" in says
    run("--all")
    assert "being called" in run("--status"), "the newest call counts"


def test_what_cannot_be_called_is_told_and_the_others_are():
    adopt(1, called=False)
    adopt(3)
    with pytest.raises(
        CommandError, match=r"(?s)1 meters will be called, but:.*URJ00000003: meter URJ00000003 is in service"
    ):
        run("URJ00000001", "URJ00000003")
    assert run("URJ00000003", "--again").startswith("1 meters will be called;")
    for wrong in ((), ("--all", "--status"), ("--status", "--again")):
        with pytest.raises(CommandError, match="give serial numbers, or --all, or --status"):
            run(*wrong)


def test_so_many_at_once(monkeypatch):
    """The others wait their turn; the time of their commands begins when it comes."""
    from urja.apps.commands.models import Command
    from urja.apps.commissioning.models import Call
    from urja.pipeline import commission as stage

    monkeypatch.setattr(stage, "UNDER_WAY", 2)
    monkeypatch.setattr(stage, "BEGUN_AT_ONCE", 1)
    for number in (1, 2, 3):
        adopt(number, called=False)
    run("--all")
    assert [stage.run_once(NOON, 1).done for _ in range(4)] == [1, 1, 0, 0]
    assert Call.objects.filter(state="calling").count() == 2
    answer(NOON, serial="URJ00000001", register_wh=10_000, only="URJ00000001")
    assert stage.run_once(NOON, 1).done == 1
    later = NOON + timedelta(hours=1)
    assert stage.run_once(later, 1).done == 1
    assert Command.objects.latest("issued_at").issued_at == later
