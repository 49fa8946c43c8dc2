"""Click types of options that name a meter type: a shipped type, or a folder."""

from pathlib import Path

import click

from urja.cosem.companion import CompanionError, DeviceType, device_types
from urja.meter.device_types import find_device_type


class TypePlace(click.ParamType[str]):
    """A click type: the name of a shipped meter type, or the path of a folder."""

    name = "type"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the value. Raises click.BadParameter with every fault of the type."""
        text = str(value)
        place = text if text in device_types() or not Path(text).is_dir() else str(Path(text).resolve())
        try:
            find_device_type(place)
        except CompanionError as error:
            self.fail("; ".join(error.problems), param, ctx)
        return place


class TypeParam(click.ParamType[DeviceType]):
    """A click type: a meter type by its shipped name or its folder."""

    name = "type"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> DeviceType:
        """Return the value. Raises click.BadParameter with every fault of the type."""
        if isinstance(value, DeviceType):
            return value
        return find_device_type(TypePlace().convert(value, param, ctx))
