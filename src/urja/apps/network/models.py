"""Utilities, premises and service points, and the two dated hierarchies of nodes above them."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from urja.apps.journal.periods import Period, Recorded, ends_after_it_begins, one_at_a_time, same
from urja.apps.network.kinds import LEVELS, Commodity, Level, PremiseKind, Purpose, Tree
from urja.base.ids import bucket_of


class Utility(Recorded):
    """The company that runs the supply."""

    id = models.BigIntegerField(primary_key=True)
    code = models.CharField(max_length=32, unique=True)
    name = models.CharField(max_length=200)

    def __str__(self) -> str:
        return self.code


class Licensee(Recorded):
    """The holder of the licence for one commodity; a utility has one for each that it supplies."""

    id = models.BigIntegerField(primary_key=True)
    utility = models.ForeignKey(Utility, on_delete=models.PROTECT, related_name="licensees")
    commodity = models.CharField(max_length=16, choices=Commodity)
    code = models.CharField(max_length=32, unique=True)
    name = models.CharField(max_length=200)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["utility", "commodity"], name="network_one_licensee"),
        ]

    def __str__(self) -> str:
        return self.code


class Premise(Recorded):
    """A place that is supplied. Its bucket is drawn once, and everything at the premise has the same."""

    id = models.BigIntegerField(primary_key=True)
    code = models.CharField(max_length=64, null=True, unique=True)  # noqa: DJ001 - none is not an empty code
    """The utility's name for it, such as a number in its consumer index; None where it has none."""
    kind = models.CharField(
        max_length=16, choices=PremiseKind, default=PremiseKind.HOUSE, db_default=PremiseKind.HOUSE
    )
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="parts")
    """The society, tower or complex that it is part of."""
    name = models.CharField(max_length=200)
    address = models.CharField(max_length=300, blank=True, default="", db_default="")
    pin_code = models.CharField(max_length=10, blank=True, default="", db_default="")
    latitude = models.DecimalField(max_digits=9, decimal_places=6, null=True)
    longitude = models.DecimalField(max_digits=9, decimal_places=6, null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(latitude=None, longitude=None)
                | Q(latitude__range=(-90, 90), longitude__range=(-180, 180)),
                name="network_premise_is_on_earth",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def bucket(self) -> int:
        return bucket_of(self.id)


class ServicePoint(Recorded):
    """The point at which a premise is supplied and metered.

    The consumer number belongs to it and not to the consumer, so it stays when they change.
    """

    id = models.BigIntegerField(primary_key=True)
    premise = models.ForeignKey(Premise, on_delete=models.PROTECT, related_name="service_points")
    licensee = models.ForeignKey(Licensee, on_delete=models.PROTECT, null=True, related_name="service_points")
    commodity = models.CharField(max_length=16, choices=Commodity, default=Commodity.ELECTRICITY)
    purpose = models.CharField(
        max_length=16, choices=Purpose, default=Purpose.CONSUMER, db_default=Purpose.CONSUMER
    )
    consumer_number = models.CharField(max_length=32, unique=True)
    disconnected_at = models.DateTimeField(null=True)
    """When it was permanently disconnected: since then no meter and no agreement is allowed there."""

    class Meta:
        db_table = "network_service_point"

    def __str__(self) -> str:
        return self.consumer_number


class Node(Recorded):
    """A place in one of the two hierarchies, such as a zone, a feeder or a transformer."""

    id = models.BigIntegerField(primary_key=True)
    tree = models.CharField(max_length=16, choices=Tree)
    level = models.CharField(max_length=16, choices=Level)
    code = models.CharField(max_length=32)
    name = models.CharField(max_length=200, blank=True, default="")
    licensee = models.ForeignKey(Licensee, on_delete=models.PROTECT, null=True, related_name="nodes")
    latitude = models.DecimalField(max_digits=9, decimal_places=6, null=True)
    longitude = models.DecimalField(max_digits=9, decimal_places=6, null=True)
    rating_va = models.IntegerField(null=True)
    """Rating of a transformer, in VA."""

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["level", "code"], name="network_one_node"),
            models.CheckConstraint(
                condition=models.Q(
                    *[
                        Q(tree=tree, level__in=[level.value for level in levels])
                        for tree, levels in LEVELS.items()
                    ],
                    _connector=Q.OR,
                ),
                name="network_level_of_its_tree",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.level} {self.code}"


class NodePeriod(Period):
    """The node above a node, for a period. A node without one is a root."""

    id = models.BigIntegerField(primary_key=True)
    node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="periods")
    parent = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="child_periods")

    class Meta:
        db_table = "network_node_period"
        constraints: ClassVar = [
            ends_after_it_begins("network_node_period"),
            models.CheckConstraint(condition=~Q(node=F("parent")), name="network_node_not_its_own_parent"),
            one_at_a_time("network_one_parent", same("node")),
        ]

    def __str__(self) -> str:
        return f"{self.node_id} under {self.parent_id} from {self.valid_from}"


class Placement(Period):
    """The node above a service point in one hierarchy, for a period.

    A section in the administration; in the grid a transformer or a pole, with the phase.
    """

    id = models.BigIntegerField(primary_key=True)
    service_point = models.ForeignKey(ServicePoint, on_delete=models.PROTECT, related_name="placements")
    tree = models.CharField(max_length=16, choices=Tree)
    node = models.ForeignKey(Node, on_delete=models.PROTECT, related_name="placements")
    phase = models.CharField(max_length=3, blank=True, default="")
    """`R`, `Y`, `B`, or `RYB` for three phases; empty where it is unknown, and in the administration."""

    class Meta:
        constraints: ClassVar = [
            ends_after_it_begins("network_placement"),
            models.CheckConstraint(condition=Q(phase__in=["", "R", "Y", "B", "RYB"]), name="network_phase"),
            one_at_a_time("network_one_placement", same("service_point"), same("tree_number", "int4range")),
        ]

    tree_number = models.GeneratedField(
        expression=models.Case(models.When(tree=Tree.GRID, then=models.Value(2)), default=models.Value(1)),
        output_field=models.IntegerField(),
        db_persist=True,
    )
    """The hierarchy as a number, which core GiST can index."""

    def __str__(self) -> str:
        return f"{self.service_point_id} at {self.node_id} from {self.valid_from}"
