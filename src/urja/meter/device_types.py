"""Device types by name, or by the path of their folder."""

from functools import cache
from pathlib import Path

from urja.cosem.companion import DeviceType, build_device_type, load_device_type, read_type_folder


@cache
def find_device_type(name: str) -> DeviceType:
    """Return a shipped type by name, or one by the path of its folder, which contains a slash. Raises CompanionError.

    For commands and the simulated meter. The head end knows types by name alone and opens no path.
    """
    return load_device_type(name) if "/" not in name else build_device_type(read_type_folder(Path(name)))
