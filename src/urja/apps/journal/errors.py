"""Errors of operations, as sentences for the person who requested them."""

import re
from collections.abc import Sequence
from typing import Any

from django.db import DatabaseError

from urja.base.sentences import say


class RegistryError(Exception):
    """A request that the registry does not carry out."""


class RefusedError(RegistryError):
    """An operation that a guard refuses; `faults` has a sentence for each reason."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = list(faults)


_SENTENCES = {
    "assets_one_device_per_role": say("another device is installed there in this role at that time"),
    "assets_device_in_one_place": say("the device is installed at another service point at that time"),
    "contracts_one_agreement": say("another agreement is in force there at that time"),
    "contracts_terms_one_at_a_time": say("other terms hold at that time"),
    "billing_one_instalment_plan": say("another instalment plan is in force at that time"),
    "contracts_terms_cover": say("the terms do not cover the agreement from its beginning to its end"),
    "contracts_terms_load": say("a sanctioned load is more than 0 W"),
    "people_person_phone_is_a_number": say(
        "a telephone number has 8 to 15 digits, with a plus before them or not"
    ),
    "assets_meter_commodity": say("the meter measures another commodity than the service point supplies"),
    "contracts_tariff_commodity": say("the tariff is for another commodity than the service point supplies"),
    "contracts_consumers_only": say("the service point is not a consumer's: it carries no agreement"),
    "network_one_placement": say("the service point is under another node of that hierarchy at that time"),
    "network_one_parent": say("the node is under another node at that time"),
    "assets_stock_agrees": say(
        "the stock state of a device is installed exactly while the device is installed at a service point"
    ),
    "network_trees_grow_down": say("a node is placed under one of a higher level in its own hierarchy"),
}


def sentence_of(error: DatabaseError) -> str:
    """Return what a database constraint has refused, as a sentence for a person; else the database's own message."""
    diagnosis = getattr(error.__cause__, "diag", None)
    said = _SENTENCES.get(getattr(diagnosis, "constraint_name", None) or "")
    return said or _by_state(diagnosis) or str(error).strip()


def _by_state(diagnosis: Any) -> str | None:
    """Return a sentence for an SQLSTATE that any table can report, or None."""
    match getattr(diagnosis, "sqlstate", None):
        case "23503":  # foreign_key_violation
            return say("it cannot be deleted: rows of {table} refer to it", table=diagnosis.table_name)
        case "23505":  # unique_violation
            key = re.fullmatch(
                r"Key \((.+)\)=\((.*)\) (?:already exists|is duplicated)\.", diagnosis.message_detail or ""
            )
            return (
                say("there is another with {columns} {values}", columns=key[1], values=key[2])
                if key
                else None
            )
        case "22001":  # string_data_right_truncation
            most = re.search(r"\((\d+)\)", diagnosis.message_primary or "")
            return (
                say("a text is longer than the {most} characters that can be stored", most=most[1])
                if most
                else None
            )
        case "22003":  # numeric_value_out_of_range
            return say("a number is too large to be stored")
        case _:
            return None
