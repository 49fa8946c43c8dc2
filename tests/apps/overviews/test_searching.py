"""A flat is found by its society's name, also with a typing error, and never outside of the searcher's area."""

import pytest
from tests.apps.town import START
from tests.conftest import begun_with
from tests.usecases.life import connect

from urja.apps.identity.queries.roles import Role


def two_societies(database):
    """Two societies with a tower and two flats each, a complex with a shop, and a section of the first society's."""
    from urja.apps.network.models import Node

    Node.objects.create(
        id=900, tree="administration", level="section", code="S1", recorded_at=START, actor="test"
    )
    for code, name, section in (("NH", "Neem Heights", "section S1"), ("PR", "Palash Residency", "")):
        connect(f"{code}-0", premise_name=name, premise_code=code, premise_kind="society", purpose="bulk")
        connect(
            f"{code}-B", premise_name="Tower B", premise_code=f"{code}/B", premise_kind="tower", part_of=code,
            purpose="common_area",
        )  # fmt: skip
        for flat in ("101", "102"):
            connect(
                f"{code}-{flat}", premise_name=f"Flat {flat}", premise_code=f"{code}/B/{flat}", premise_kind="flat",
                part_of=f"{code}/B", administration=section,
            )  # fmt: skip
    connect("CM-0", premise_name="Canal Market", premise_code="CM", premise_kind="complex", purpose="bulk")
    connect("CM-7", premise_name="Shop 7", premise_code="CM/7", premise_kind="shop", part_of="CM")


database, societies = begun_with(two_societies)


def found(text, limit=20, **area):
    from urja.apps.identity.queries.access import Area, Caller
    from urja.apps.overviews.queries.searching import search

    caller = Caller(1, grants=((Role.CLERK, Area(**(area or {"everywhere": True}))),))
    hits = search(text, caller, START, limit)
    return hits.nearly, [hit.found.consumer_number for hit in hits.connections]


@pytest.mark.parametrize(
    ("asked", "numbers"),
    [
        ("Neem Heights 101", ["NH-101"]),
        ("101 neem heights", ["NH-101"]),
        ("heights tower b 102", ["NH-102"]),
        ("b-102 Palash", ["PR-102"]),
        ("Canal Market shop", ["CM-7"]),
        ("neem hei", ["NH-0", "NH-101", "NH-102", "NH-B"]),
        ("flat 101", ["NH-101", "PR-101"]),
        ("Neem Heights 103", []),
        ("Neem Residency", []),
    ],
)
def test_by_the_name_of_the_whole(societies, asked, numbers):
    assert sorted(found(asked)[1]) == numbers


@pytest.mark.parametrize(
    ("asked", "numbers"),
    [("Neem Hieghts 101", ["NH-101"]), ("palsh residancy 102", ["PR-102"]), ("Canl Market 7", ["CM-7"])],
)
def test_with_a_typing_error(societies, asked, numbers):
    assert found(asked) == (True, numbers)


def test_in_ones_own_area_alone(societies):
    nearly, numbers = found("neem heights", nodes=frozenset({900}))
    assert (nearly, sorted(numbers)) == (False, ["NH-101", "NH-102"])
    assert found("palash 101", nodes=frozenset({900}))[1] == []
    from urja.apps.network.models import Premise

    society = frozenset({Premise.objects.get(code="PR").id})
    assert found("palash 101", premises=society) == (False, ["PR-101"])
    assert found("neem 101", premises=society)[1] == []


def test_no_more_than_are_shown(societies):
    assert len(found("neem heights", limit=2)[1]) == 2


def test_a_misspelt_word_beside_one_that_another_has(societies):
    """A name is taken as it is typed first, and may be another's that was misspelt."""
    connect("H-1", premise_name="Kadm House", premise_code="H1")
    connect("H-2", premise_name="Kadam House", premise_code="H2", address="Fort Street")
    assert found("kadm house")[1] == ["H-1"]
    assert found("kadm house fotr") == (True, ["H-2"])
