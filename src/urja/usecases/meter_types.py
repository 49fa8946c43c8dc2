"""Loading of meter types, all of a set or none."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from urja.apps.meter_types import operations as meter_types
from urja.apps.meter_types.models import MeterTypeVersion
from urja.cosem.companion import TypeFiles


def load_types(sources: Iterable[TypeFiles], *, loaded_at: datetime, actor: str) -> list[MeterTypeVersion]:
    """Store files as versions of their types. Raises as `meter_types.operations.load_type`."""
    with transaction.atomic():
        return [meter_types.load_type(source, loaded_at=loaded_at, actor=actor) for source in sources]
