"""Every right of every database role and every broker user has a row in docs/rights.md, and every row a right."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from urja.laws import database_catalogue
from urja.stream.server import server_config
from urja.stream.subjects import User

TABLE = Path(__file__).parents[2] / "docs" / "rights.md"
HOLDER = re.compile(r"^## .*`(?P<name>[\w ]+)`")
ROW = re.compile(r"^\| (?P<rights>`.*) \| (?P<worst>[^|]+) \| (?P<limit>[^|]+) \|$")
SAID = re.compile(
    r"`(?P<rights>[A-Z, ]+|may become|publish|subscribe|allow_responses) (?:on )?(?P<things>[^`]+)`"
)
THING = re.compile(r"[^,(]+(?:\([^)]*\))?")

type Right = tuple[str, str, str]
"""A holder, what it may do, and to what."""


def written() -> Iterator[Right]:
    """The rights of the table's rows. A row says each of its rights by name."""
    holder = ""
    for line in TABLE.read_text().splitlines():
        if heading := HOLDER.match(line):
            holder = heading["name"]
        elif row := ROW.match(line):
            assert row["worst"].strip(), line
            assert row["limit"].strip(), line
            for said in SAID.finditer(row["rights"]):
                for right in said["rights"].split(","):
                    for thing in things(said["things"]):
                        yield holder, right.strip(), thing


def things(text: str) -> Iterator[str]:
    """`order (id, state)` is a right on two columns."""
    for found in THING.findall(text):
        name, _open, columns = found.strip().removesuffix(")").partition("(")
        yield from (
            (f"{name.strip()}({one.strip()})" for one in columns.split(",")) if columns else (name.strip(),)
        )


CALLED_BY_TRIGGERS = "SELECT proname FROM pg_proc WHERE prorettype = 'trigger'::regtype"
"""Nothing else can call them."""
RIGHT = re.compile(r"(?P<holder>\w+) may (?P<right>\w+) on (?P<thing>.*)")
MEMBER = re.compile(r"(?P<holder>\w+) is a member of (?P<role>\w+)(?P<how>.*)")


def of_roles(connection: psycopg.Connection) -> Iterator[Right]:
    """What PostgreSQL's catalogue says."""
    triggers = {f"function {name}" for (name,) in connection.execute(CALLED_BY_TRIGGERS)}
    for line in database_catalogue.read(connection):
        if found := RIGHT.fullmatch(line):
            thing = re.sub(r"^(function \w+)\(.*\)", r"\1", found["thing"])
            if not (found["holder"] == "everybody" and thing in triggers):
                yield found["holder"], found["right"], thing
        elif found := MEMBER.fullmatch(line):
            assert found["how"] == ", and may become it", line
            yield found["holder"], "may become", found["role"]


BLOCK = re.compile(r'user: "(?P<user>\w+)".*?permissions: \{(?P<rights>.*?)\n      \}', re.DOTALL)
SUBJECTS = re.compile(r"(?P<right>publish|subscribe): \{ allow: (?P<subjects>\[.*?\]) \}")
RESPONSES = re.compile(r"allow_responses: \{(?P<how>.*)\}")


def of_users() -> Iterator[Right]:
    """What the broker's configuration says."""
    config = server_config(port=1, store_dir=Path("/x"), passwords=dict.fromkeys(User, "x"))
    blocks = list(BLOCK.finditer(config))
    assert {block["user"] for block in blocks} == set(User)
    for block in blocks:
        left = block["rights"]
        for found in SUBJECTS.finditer(block["rights"]):
            left = left.replace(found[0], "")
            for subject in json.loads(found["subjects"]):
                yield block["user"], found["right"], subject
        if found := RESPONSES.search(left):
            left = left.replace(found[0], "")
            yield block["user"], "allow_responses", re.sub(r"\W+", " ", found["how"]).strip()
        assert not left.strip(), f"a right of {block['user']} that this test does not read: {left}"


@pytest.fixture
def given(database, postgres) -> set[Right]:
    from urja.site.database import create_database

    # A copy of a database is without the rights on the whole of it.
    create_database(postgres.conninfo(), database.name)
    with database.connect() as connection:
        return {*of_roles(connection), *of_users()}


def shown(rights: set[Right]) -> str:
    return "\n".join(f"  ## {holder}: `{right} on {thing}`" for holder, right, thing in sorted(rights))


def test_every_right_has_a_row(given):
    missing = given - set(written())
    assert not missing, (
        "rights without a row. Take them away, or add them to docs/rights.md under their holder, with the worst that "
        f"the holder can do by them and what limits it:\n{shown(missing)}"
    )


def test_every_row_has_a_right(given):
    stale = set(written()) - given
    assert not stale, f"rows of docs/rights.md whose right is gone:\n{shown(stale)}"


def test_a_new_right_is_seen(database):
    with database.connect() as connection:
        connection.execute("GRANT UPDATE (phone) ON people_person TO urja_web")
        rights = set(of_roles(connection))
    assert rights - set(written()) >= {("urja_web", "UPDATE", "people_person(phone)")}
