"""Where supply is taken: utilities and their licensees, premises within premises, service points."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from urja.apps.registry.models.base import Recorded
from urja.base.ids import bucket_of


class Commodity(models.TextChoices):
    """What flows through a service point."""

    ELECTRICITY = "electricity"
    GAS = "gas"


class Utility(Recorded):
    """Who runs the supply."""

    id = models.BigIntegerField(primary_key=True)
    code = models.CharField(max_length=32, unique=True)
    name = models.CharField(max_length=200)

    class Meta:
        db_table = "registry_utility"

    def __str__(self) -> str:
        return self.code


class Licensee(Recorded):
    """Who holds the licence for one commodity; a utility has one for each that it supplies."""

    id = models.BigIntegerField(primary_key=True)
    utility = models.ForeignKey(Utility, on_delete=models.PROTECT, related_name="licensees")
    commodity = models.CharField(max_length=16, choices=Commodity)
    code = models.CharField(max_length=32, unique=True)
    name = models.CharField(max_length=200)

    class Meta:
        db_table = "registry_licensee"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["utility", "commodity"], name="registry_one_licensee"),
        ]

    def __str__(self) -> str:
        return self.code


class PremiseKind(models.TextChoices):
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


class Premise(Recorded):
    """A place that is supplied. Its bucket is drawn once and inherited by everything that hangs on it."""

    id = models.BigIntegerField(primary_key=True)
    code = models.CharField(max_length=64, null=True, unique=True)  # noqa: DJ001 - none is not an empty code
    """What the utility calls it, such as the number of its consumer index; none where it has no name for it."""
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
        db_table = "registry_premise"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(latitude=None, longitude=None)
                | Q(latitude__range=(-90, 90), longitude__range=(-180, 180)),
                name="registry_premise_is_on_earth",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def bucket(self) -> int:
        return bucket_of(self.id)


class Purpose(models.TextChoices):
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


class ServicePoint(Recorded):
    """A connection. The consumer number belongs to it, not to the person who lives behind it."""

    id = models.BigIntegerField(primary_key=True)
    premise = models.ForeignKey(Premise, on_delete=models.PROTECT, related_name="service_points")
    licensee = models.ForeignKey(Licensee, on_delete=models.PROTECT, null=True, related_name="service_points")
    commodity = models.CharField(max_length=16, choices=Commodity, default=Commodity.ELECTRICITY)
    purpose = models.CharField(
        max_length=16, choices=Purpose, default=Purpose.CONSUMER, db_default=Purpose.CONSUMER
    )
    consumer_number = models.CharField(max_length=32, unique=True)
    disconnected_at = models.DateTimeField(null=True)
    """Since when the connection is permanently disconnected: nothing is metered or agreed there any more."""

    class Meta:
        db_table = "registry_service_point"

    def __str__(self) -> str:
        return self.consumer_number
