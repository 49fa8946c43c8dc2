"""Heat values of gas are loaded, unless a zone is of an area that the network does not have."""

from datetime import datetime

from urja.apps.journal.errors import RegistryError
from urja.apps.network.queries import known_areas
from urja.apps.rulebook import operations as rulebook
from urja.core.heat_values import HeatValues, parse_heat_values


class UnknownAreaError(RegistryError):
    """Heat values for an area that is no node of the administration."""


def load_heat_values(text: str, *, recorded_at: datetime, actor: str) -> HeatValues:
    """Store a document as a version of the utility's heat values.

    Raises UnknownAreaError where a zone's area is no node of the network, and as `rulebook.operations.load_heat_values`.
    """
    wanted = [zone.area for zone in parse_heat_values(text).zones if zone.area]
    known = known_areas(wanted)
    if unknown := [area for area in wanted if area not in known]:
        raise UnknownAreaError(
            f"no node of the administration is {unknown[0]!r}: load the network first (urja import), or correct the area"
        )
    return rulebook.load_heat_values(text, recorded_at=recorded_at, actor=actor)
