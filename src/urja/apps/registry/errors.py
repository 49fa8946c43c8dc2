"""What the registry refuses, by type. Every message is a sentence for the person who asked."""

# ruff: noqa: N818  (these names say what happened; that they are errors their base class says)

from django.db import DatabaseError

from urja.base.sentences import say


class RegistryError(Exception):
    """The caller asked for something that the registry does not do."""


class Refused(RegistryError):
    """An operation that a guard refuses: every fault in a sentence of its own."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


_SENTENCES = {
    "registry_one_device_per_role": say("another device hangs there in this role at that time"),
    "registry_device_in_one_place": say("the device hangs somewhere else at that time"),
    "registry_one_agreement": say("another agreement holds there at that time"),
    "registry_terms_one_at_a_time": say("other terms hold at that time"),
    "registry_terms_cover": say("the terms do not cover the agreement from its beginning to its end"),
    "registry_terms_load": say("a sanctioned load is more than 0 W"),
    "registry_person_phone_is_a_number": say(
        "a telephone number has 8 to 15 digits, with a plus before them or not"
    ),
    "registry_consumers_only": say("the service point is not a consumer's: it carries no agreement"),
    "registry_one_placement": say("the service point hangs somewhere else in that tree at that time"),
    "registry_one_parent": say("it hangs on something else at that time"),
    "registry_stock_agrees": say("a device is installed exactly while it hangs somewhere"),
    "registry_trees_grow_down": say("a node hangs on one of a level above its own, in its own tree"),
}


_FOREIGN_KEY = "23503"
"""SQLSTATE of a row that another one stands on."""


def sentence_of(error: DatabaseError) -> str:
    """What a constraint has refused, for a person; the database's own words where nobody has found better ones."""
    diagnosis = getattr(error.__cause__, "diag", None)
    name = getattr(diagnosis, "constraint_name", None) or ""
    if getattr(diagnosis, "sqlstate", None) == _FOREIGN_KEY:
        return say("rows of {table} stand on what would go", table=getattr(diagnosis, "table_name", None))
    return _SENTENCES.get(name, str(error).strip())


class AlreadyAdopted(RegistryError):
    """The same meter, with the same system title, is there already: nothing was changed."""


class MeterConflict(RegistryError):
    """Another meter has this serial number or this system title."""


class TransformerConflict(RegistryError):
    """No transformer has this code, or one on another feeder has it."""
