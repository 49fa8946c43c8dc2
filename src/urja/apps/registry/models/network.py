"""Two trees that cross, both dated: who administers a place, and what feeds it."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from urja.apps.registry.models.base import Period, Recorded, ends_after_it_begins, one_at_a_time, same
from urja.apps.registry.models.places import Licensee, ServicePoint


class Tree(models.TextChoices):
    ADMINISTRATION = "administration"
    GRID = "grid"


class Level(models.TextChoices):
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


class Node(Recorded):
    """A zone, a feeder, a transformer ...: a place in one of the trees."""

    id = models.BigIntegerField(primary_key=True)
    tree = models.CharField(max_length=16, choices=Tree)
    level = models.CharField(max_length=16, choices=Level)
    code = models.CharField(max_length=32)
    name = models.CharField(max_length=200, blank=True, default="")
    licensee = models.ForeignKey(Licensee, on_delete=models.PROTECT, null=True, related_name="nodes")
    latitude = models.DecimalField(max_digits=9, decimal_places=6, null=True)
    longitude = models.DecimalField(max_digits=9, decimal_places=6, null=True)
    rating_va = models.IntegerField(null=True)
    """What a transformer can carry."""

    class Meta:
        db_table = "registry_node"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["level", "code"], name="registry_one_node"),
            models.CheckConstraint(
                condition=models.Q(
                    *[
                        Q(tree=tree, level__in=[level.value for level in levels])
                        for tree, levels in LEVELS.items()
                    ],
                    _connector=Q.OR,
                ),
                name="registry_level_of_its_tree",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.level} {self.code}"


class NodePeriod(Period):
    """What a node hangs on, for a time. Without one it is a root."""

    id = models.BigIntegerField(primary_key=True)
    node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="periods")
    parent = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="child_periods")

    class Meta:
        db_table = "registry_node_period"
        constraints: ClassVar = [
            ends_after_it_begins("registry_node_period"),
            models.CheckConstraint(condition=~Q(node=F("parent")), name="registry_node_not_its_own_parent"),
            one_at_a_time("registry_one_parent", same("node")),
        ]

    def __str__(self) -> str:
        return f"{self.node_id} under {self.parent_id} from {self.valid_from}"


class Placement(Period):
    """Where a service point hangs in a tree, for a time: a section; a transformer or a pole, and the phase."""

    id = models.BigIntegerField(primary_key=True)
    service_point = models.ForeignKey(ServicePoint, on_delete=models.PROTECT, related_name="placements")
    tree = models.CharField(max_length=16, choices=Tree)
    node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="placements")
    phase = models.CharField(max_length=3, blank=True, default="")
    """`R`, `Y`, `B`, or `RYB` for three phases; empty where nobody knows, and in the administration."""

    class Meta:
        db_table = "registry_placement"
        constraints: ClassVar = [
            ends_after_it_begins("registry_placement"),
            models.CheckConstraint(condition=Q(phase__in=["", "R", "Y", "B", "RYB"]), name="registry_phase"),
            one_at_a_time("registry_one_placement", same("service_point"), same("tree_number", "int4range")),
        ]

    tree_number = models.GeneratedField(
        expression=models.Case(models.When(tree=Tree.GRID, then=models.Value(2)), default=models.Value(1)),
        output_field=models.IntegerField(),
        db_persist=True,
    )
    """The tree as a number, which core GiST can index."""

    def __str__(self) -> str:
        return f"{self.service_point_id} at {self.node_id} from {self.valid_from}"
