"""Kinds of premises, service points and nodes, and the part of a service point that other apps use."""

from django.db.models import TextChoices


class Commodity(TextChoices):
    """What a service point supplies."""

    ELECTRICITY = "electricity"
    GAS = "gas"


class PremiseKind(TextChoices):
    """Kind of a premise. A society holds towers, a tower flats; a complex holds shops and offices."""

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
    """What is measured at a service point. Only a consumer's has agreements."""

    CONSUMER = "consumer"
    COMMON_AREA = "common_area"
    BULK = "bulk"
    """The one supply of a society or complex, upstream of its consumers' meters."""
    DG = "dg"
    """A diesel generator."""
    TRANSFORMER = "transformer"
    FEEDER = "feeder"
    BOUNDARY = "boundary"


class Tree(TextChoices):
    """The two hierarchies of nodes."""

    ADMINISTRATION = "administration"
    GRID = "grid"


class Level(TextChoices):
    """The levels of both hierarchies, from the root to the leaves."""

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
"""The levels of each hierarchy; a node's parent is of a level before its own."""
