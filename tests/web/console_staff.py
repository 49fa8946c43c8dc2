"""Colleagues of every role for the console's tests, in the town of `town_cast`: North is a section of three houses."""

from dataclasses import dataclass, field

from tests.apps.town import START, by_hand
from tests.web import town_cast

NORTH = "NORTH"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c6368000000820081dd436af40000000049454e44ae426082"
)
"""The smallest picture there is."""
ROLES = ("clerk", "field_engineer", "control_room", "revenue_officer", "auditor", "administrator")


@dataclass
class Staff:
    """Users by what they are; `clerk_north` is a clerk of the section of the first three houses alone."""

    users: dict[str, int] = field(default_factory=dict)

    def __getitem__(self, name):
        return self.users[name]


def hire(cast) -> Staff:
    """Employ them, as the owner of the database."""
    from urja.usecases.operations import employ

    staff = Staff()
    _sections(cast)
    stamp = {"recorded_at": START, "actor": "test"}
    for role in ROLES:
        staff.users[role] = employ(f"{role}@urja.example", role.title(), role, **stamp).pk
    north = employ("north@urja.example", "Clerk of North", "clerk", f"section {NORTH}", **stamp)
    staff.users["clerk_north"] = north.pk
    fitter = employ("fitter@urja.example", "Fitter of North", "field_engineer", f"section {NORTH}", **stamp)
    staff.users["fitter_north"] = fitter.pk
    return staff


def _sections(cast) -> None:
    from urja.apps.journal.operation import next_number
    from urja.apps.network.models import Node, Placement, Premise
    from urja.apps.people.models import Person

    stamp = {"recorded_at": START, "actor": "test"}
    division = Node.objects.create(
        id=next_number(), tree="administration", level="division", code="CITY", name="City", **stamp
    )
    nodes = {}
    for code, name in ((NORTH, "Section North"), ("SOUTH", "Section South")):
        node = Node.objects.create(
            id=next_number(), tree="administration", level="section", code=code, name=name, **stamp
        )
        node.periods.create(id=next_number(), parent=division, valid_from=START, **stamp)
        nodes[code] = node
    for number, house in enumerate(cast.adopted, 1):
        Placement.objects.create(
            id=next_number(),
            service_point_id=house.service_point_id,
            tree="administration",
            node=nodes[NORTH if number <= 3 else "SOUTH"],
            valid_from=START,
            **stamp,
        )
    with by_hand():
        for number, name in enumerate(town_cast.HOUSES, 1):
            Premise.objects.filter(name=name).update(
                address=f"{number} Gulmohar Street, Jhotwara",
                pin_code="302012",
                latitude="26.9",
                longitude="75.8",
            )
        for number, name in enumerate(
            ("Ramesh Kumar", "Sunita Devi", "लता मीणा", "Imran Qureshi", "Ram Kumari"), 1
        ):
            house = cast.adopted[number - 1]
            Person.objects.filter(accesses__account_id=house.account_id).update(
                name=name, phone=f"+9198290{number:05}"
            )


def answer_requests(role="urja_pipeline") -> int:
    """Let the stage `register` answer what was asked for."""
    from urja.pipeline.register import run_once as answer

    return as_pipeline(lambda: answer(town_cast.NOW), role).done


def as_pipeline(work, role="urja_pipeline"):
    """Do something in the rights of the pipeline; Django's connection goes on as the web's."""
    from django.db import connection

    settings = connection.settings_dict
    connection.close()
    before, settings["USER"] = settings["USER"], role
    try:
        return work()
    finally:
        connection.close()
        settings["USER"] = before
