"""The people, places and meters that the API's tests look at."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
from tests.apps import town
from tests.apps.town import HALF_HOUR, START, by_hand
from tests.web.house import NOW
from tests.web.town_cast import place_source

STAMP = {"recorded_at": START, "actor": "test"}
DAY = timedelta(days=1)

NORTH = ("clerk", "cashier", "field_engineer", "control_room", "revenue_officer", "auditor", "administrator")
"""Staff that is employed once in the section N1, and once everywhere."""


@dataclass
class Society:
    """Keys of the rows made."""

    flats: list
    """Two flats of tower A, in the section N1: Asha's and Bina's."""
    elsewhere: object
    """Chetan's house, in the section S1."""
    premises: dict
    common: object
    bulk: object
    stock_id: int
    people: dict = field(default_factory=dict)
    """Numbers of persons by name."""
    work_order: int = 0
    keys: dict = field(default_factory=dict)
    """Tokens of persons by who they are, with every scope."""


def build(connect):
    from urja.apps.network.models import Premise

    load_tariff()
    first = town.adopt(1, person_name="Asha Devi", email="asha@example.org", phone="98123 00001", credit_minor=50_000,
        premise_name="Flat 1", tariff_code="demo-domestic")  # fmt: skip
    second = town.adopt(
        2, person_name="Bina", email="bina@example.org", premise_name="Flat 2", tariff_code="demo-domestic"
    )
    third = town.adopt(3, person_name="Chetan", email="chetan@example.org", phone="98123 00003",
        premise_name="House 3", bucket=9, tariff_code="demo-domestic")  # fmt: skip
    spare = town.adopt(4, person_name="Dev", email="dev@example.org", premise_name="House 4", bucket=9,
        tariff_code="demo-domestic")  # fmt: skip
    town.remove(4, START + DAY)
    society = Premise.objects.create(id=901, kind="society", code="NEEM", name="Neem Society", **STAMP)
    tower = Premise.objects.create(
        id=902, kind="tower", code="NEEM-A", name="Tower A", parent=society, **STAMP
    )
    common, bulk = place_network(801, "common_area", tower), place_network(802, "bulk", society)
    with by_hand():
        Premise.objects.filter(id__in=[first.premise_id, second.premise_id]).update(parent=tower, kind="flat")
    place({"N1": [first, second], "S1": [third, spare]})
    member(first)
    with connect("urja_pipeline") as connection:
        read(connection, [first, second, third], common, bulk)
    staff()
    made = Society(
        [first, second], third, {"society": 901, "tower": 902}, common, bulk, spare.device_id, people()
    )
    made.work_order = order(first)
    made.keys = keys()
    return made


def load_tariff():
    from urja.apps.rulebook.operations import load_tariff
    from urja.apps.rulebook.queries.tariffs import bundled_tariffs

    load_tariff(bundled_tariffs()["demo-domestic.toml"], START)


def place_network(number, purpose, premise):
    from urja.apps.network.models import ServicePoint
    from urja.usecases.operations import add_transformer

    add_transformer("T1", feeder="F1", **STAMP)
    period = place_source(number, "T1")
    with by_hand():
        ServicePoint.objects.filter(id=period.service_point_id).update(purpose=purpose, premise=premise)
    return period


def place(sections):
    """A division with two sections; the service points of each."""
    from urja.apps.network.kinds import Tree
    from urja.apps.network.models import Node, NodePeriod, Placement

    def node(number, level, code):
        return Node.objects.create(id=number, tree=Tree.ADMINISTRATION, level=level, code=code, **STAMP)

    division = node(700, "division", "D")
    for number, (code, adopted) in enumerate(sections.items(), 701):
        section = node(number, "section", code)
        NodePeriod.objects.create(id=number, node=section, parent=division, valid_from=START, **STAMP)
        for one in adopted:
            Placement.objects.create(
                id=one.service_point_id + 10_000, service_point_id=one.service_point_id, tree=Tree.ADMINISTRATION,
                node=section, valid_from=START, **STAMP,
            )  # fmt: skip


def member(made):
    """Meena lives with Asha."""
    from django.contrib.auth import get_user_model

    from urja.apps.identity.models import AccountAccess
    from urja.apps.people.models import Person

    user = get_user_model().objects.create_user("meena@example.org", "meena@example.org")
    person = Person.objects.create(id=950, user=user, name="Meena", email=user.email, **STAMP)
    AccountAccess.objects.create(id=950, person=person, account_id=made.account_id, role="member", **STAMP)


def read(connection, adopted, common, bulk):
    """Two days of half-hours: 100 Wh each in flats and house, and what was posted for them."""
    from urja.pipeline import post

    starts = [START + HALF_HOUR * number for number in range(96)]
    rows = [town.blocks(one, *((start, 100) for start in starts)) for one in adopted]
    rows += [
        town.blocks(Place(one), *((start, wh) for start in starts)) for one, wh in ((common, 30), (bulk, 250))
    ]
    town.store_blocks(connection, np.concatenate(rows))
    for one in adopted:
        for days in (1, 2):
            town.store_registers(connection, town.registers(one, (START + DAY * days, 10_000 + 4800 * days)))
    post.run_once(START + DAY * 2 + timedelta(hours=3))


@dataclass(frozen=True)
class Place:
    period: object
    agreement_id: int = 0

    @property
    def service_point_id(self):
        return self.period.service_point_id

    @property
    def device_id(self):
        return self.period.device_id


def staff():
    from urja.usecases.operations import employ

    for role in NORTH:
        employ(f"{role}@utility.example", role, role, **STAMP)
        employ(f"{role}-n1@utility.example", role, role, "section N1", **STAMP)
    employ("secretary@utility.example", "Secretary", "secretary", "premise NEEM", **STAMP)


def people():
    from urja.apps.people.models import Person

    return {person.name: person.id for person in Person.objects.all()}


def order(made):
    from urja.apps.work.models import WorkOrder

    return WorkOrder.objects.create(
        id=1, kind="inspect", service_point_id=made.service_point_id, device_id=made.device_id, opened_at=NOW
    ).id


EMAILS = {"consumer": "asha@example.org", "member": "meena@example.org", "outsider": "chetan@example.org"}


def keys():
    """Tokens by whose they are. Their next uses are noted already: else each test would write one."""
    from django.db.models import F

    from urja.apps.identity.models import Token

    made = {who: key(who) for who in (*EMAILS, *NORTH, "secretary")}
    Token.objects.update(last_used_at=F("expires_at"))
    return made


def key(who, *, scopes=("read:*", "write:*"), per_minute=100_000, expires_at=None, area=None, role=None):
    """A token of a person (a role of the cast, or an address), or with `role` a program's."""
    from urja.apps.identity.queries.tokens import new_token
    from urja.usecases.operations import IssueToken, perform

    made = new_token()
    email = None if role else EMAILS.get(who, who if "@" in who else f"{who}@utility.example")
    issue = IssueToken(
        name=f"{who} {made.prefix}", prefix=made.prefix, digest=made.digest, scopes=list(scopes), per_minute=per_minute,
        expires_at=expires_at or datetime(2100, 1, 1, tzinfo=UTC), email=email, role=role, area=area or "",
    )  # fmt: skip
    perform(issue, recorded_at=NOW, actor="test")
    return made.text
