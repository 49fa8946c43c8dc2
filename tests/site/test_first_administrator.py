"""The first start makes the person whom `urja init` named administrator: once, and in an installation without staff."""

from datetime import timedelta

import pytest
from tests.apps.town import START

from urja.site.first_administrator import FirstAdministrator, employ_stored, store

MEERA = FirstAdministrator(name="Meera Rao", email="meera@neem.example")


@pytest.fixture
def start(database, tmp_path):
    """Runs a start with a person stored; the staff after it."""

    def run(person=None):
        from urja.apps.identity.queries.staff import staff_at

        path = tmp_path / "first_administrator.json"
        if person is not None:
            store(path, person)
        employ_stored(path, START)
        assert not path.exists()
        return [(one.email, one.role, one.area) for one in staff_at(None)]

    return run


def test_without_staff_the_person_is_employed_once(start):
    assert start(MEERA) == [("meera@neem.example", "administrator", "everywhere")]
    assert start() == [("meera@neem.example", "administrator", "everywhere")]


def test_where_anyone_was_ever_employed_it_is_not(start):
    from urja.usecases.operations import employ
    from urja.usecases.staff import dismiss

    employ("omi@neem.example", "Omi", "clerk", recorded_at=START, actor="test")
    dismiss("omi@neem.example", "clerk", recorded_at=START + timedelta(hours=1), actor="test")
    assert start(MEERA) == [("omi@neem.example", "clerk", "everywhere")]


def test_an_address_that_is_refused_ends_no_start(start):
    assert start(FirstAdministrator(name="", email="meera")) == []
