"""The agreement in force at a service point, and what it requires of the meter."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from urja.apps.assets.configuration import known_value
from urja.apps.assets.kinds import ConfigurationItem
from urja.apps.assets.models import Device
from urja.apps.contracts import meter_configuration
from urja.apps.contracts.kinds import MeteringMode
from urja.apps.contracts.models import Agreement
from urja.apps.journal.operation import Execution
from urja.apps.network.models import ServicePoint
from urja.base.sentences import say
from urja.usecases import side_effects
from urja.usecases.service_points import service_points_of

BILLING_DAY: Final = ConfigurationItem.BILLING_DAY


def agreement_at(service_point: ServicePoint, at: datetime) -> Agreement | None:
    """Return the agreement in force at a service point at an instant (UTC), or None."""
    found = (
        Agreement.objects.filter(service_point=service_point, valid_from__lte=at)
        .order_by("-valid_from")
        .first()
    )
    return found if found is not None and in_force_at(found, at) else None


def in_force_at(agreement: Agreement, at: datetime) -> bool:
    """Return whether an agreement is in force at an instant (UTC)."""
    return agreement.valid_from <= at and (agreement.valid_to is None or agreement.valid_to > at)


def newest_agreements_of(service_point_ids: list[int]) -> dict[int, Agreement]:
    """Return the newest agreement of each service point, ended or not, by the number of the service point."""
    found = Agreement.objects.filter(service_point_id__in=service_point_ids).select_related(
        "account", "customer"
    )
    return {agreement.service_point_id: agreement for agreement in found.order_by("valid_from")}


def find_ahead(execution: Execution, consumer_numbers: list[str]) -> None:
    """Look up the service points of many rows, and the newest agreement of each, by one query each."""
    execution.find_ahead(service_points_of, consumer_numbers)
    found = (execution.find(service_points_of, number) for number in consumer_numbers)
    execution.find_ahead(
        newest_agreements_of, [service_point.id for service_point in found if service_point is not None]
    )


def net_faults(device: Device, service_point: ServicePoint, metering_mode: str) -> Iterator[str]:
    """Yield why a meter cannot serve an agreement of a metering mode."""
    if metering_mode == MeteringMode.NET and device.forward_only:
        yield say(
            "meter {device} counts exported energy as imported: the agreement at {service_point} is net-metered and needs a bidirectional meter",
            device=device,
            service_point=service_point,
        )


def load_faults(device: Device, sanctioned_load_w: int) -> Iterator[str]:
    """Yield why a meter cannot carry a sanctioned load, in W."""
    if sanctioned_load_w > device.max_power_w:
        yield say(
            "meter {device} is rated for {max_power_w} W, less than the sanctioned load of {sanctioned_load_w} W: exchange the meter first",
            device=device,
            max_power_w=device.max_power_w,
            sanctioned_load_w=sanctioned_load_w,
        )


def configure_meter(execution: Execution, device_id: int, agreement: Agreement) -> None:
    """Request that a meter is configured as an agreement's terms say now; the stage `configure` carries it out."""
    terms = agreement.terms_at(execution.recorded_at)
    for item in meter_configuration.OF_TERMS:
        side_effects.desire(execution, device_id, item, meter_configuration.wanted_value(terms, item))
    day = meter_configuration.billing_day(agreement, execution.recorded_at)
    # A meter that was never configured closes its month on the first: that day needs no command.
    if day is not None and day != (known_value(device_id, BILLING_DAY) or "1"):
        side_effects.desire(execution, device_id, BILLING_DAY, day)
