"""Kinds of premises, service points and nodes, and what other apps see of a service point."""

from typing import Protocol

from django.db.models import TextChoices


class Commodity(TextChoices):
    """What flows through a service point."""

    ELECTRICITY = "electricity"
    GAS = "gas"


class PremiseKind(TextChoices):
    """What a premise is. A society holds towers, a tower flats; a complex holds shops and offices."""

    HOUSE = "house"
    FLAT = "flat"
    SHOP = "shop"
    OFFICE = "office"
    SOCIETY = "society"
    TOWER = "tower"
    COMPLEX = "complex"
    COMMON_AREA = "common_area"
    NETWORK = "network"
    """A place of the utility's own, such as a transformer's pole."""


class Purpose(TextChoices):
    """What is measured at a service point. Only a consumer's carries agreements."""

    CONSUMER = "consumer"
    COMMON_AREA = "common_area"
    BULK = "bulk"
    """The one supply of a society or complex, which its consumers' meters are behind."""
    DG = "dg"
    """A diesel generator."""
    TRANSFORMER = "transformer"
    FEEDER = "feeder"
    BOUNDARY = "boundary"


class Tree(TextChoices):
    ADMINISTRATION = "administration"
    GRID = "grid"


class Level(TextChoices):
    """The levels of both trees, from the root to the leaves."""

    ZONE = "zone"
    CIRCLE = "circle"
    DIVISION = "division"
    SUBDIVISION = "subdivision"
    SECTION = "section"
    SUBSTATION = "substation"
    FEEDER = "feeder"
    TRANSFORMER = "transformer"
    POLE = "pole"


LEVELS = {
    Tree.ADMINISTRATION: (Level.ZONE, Level.CIRCLE, Level.DIVISION, Level.SUBDIVISION, Level.SECTION),
    Tree.GRID: (Level.SUBSTATION, Level.FEEDER, Level.TRANSFORMER, Level.POLE),
}
"""The levels of each tree; a node's parent is of a level before its own."""


class ServicePoint(Protocol):
    """Where something is supplied or measured (`models.ServicePoint`)."""

    id: int
    consumer_number: str
