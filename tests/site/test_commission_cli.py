"""`urja meter commission`, over a database of the test's own."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from tests.apps.town import START, adopt
from tests.usecases.life import answer

from urja.site.admin import Administration
from urja.site.cli.commission import commission
from urja.site.command_errors import CommandError

NOON = START + timedelta(hours=12)


@pytest.fixture(autouse=True)
def installation(database, monkeypatch):
    found = SimpleNamespace(setup_django=lambda: None, clock=SimpleNamespace(now=lambda: NOON))
    monkeypatch.setattr(Administration, "of", lambda _data: found)


def run(*arguments):
    done = CliRunner().invoke(commission, arguments)
    if isinstance(done.exception, CommandError):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def test_all_that_wait_are_called_once_and_pass():
    from urja.apps.assets.models import DevicePeriod
    from urja.apps.commissioning.models import Call
    from urja.pipeline import commission as stage

    adopt(1, called=False)
    adopt(2, called=False)
    adopt(3)
    assert run("--all") == "2 meters will be called\n"
    assert run("--all") == "0 meters will be called\n"
    while stage.run_once(NOON, 1).done:
        for number in (1, 2):
            answer(NOON, serial=f"URJ{number:08}", register_wh=10_000, only=f"URJ{number:08}")
    assert set(Call.objects.values_list("state", flat=True)) == {"passed"}
    assert not DevicePeriod.objects.filter(commissioned_at=None).exists()


def test_what_cannot_be_called_is_told_and_the_others_are():
    adopt(1, called=False)
    adopt(3)
    with pytest.raises(
        CommandError, match=r"(?s)1 meters will be called, but:.*URJ00000003: meter URJ00000003 is in service"
    ):
        run("URJ00000001", "URJ00000003")
    assert run("URJ00000003", "--again") == "1 meters will be called\n"
    with pytest.raises(CommandError, match="give serial numbers, or --all"):
        run()


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
