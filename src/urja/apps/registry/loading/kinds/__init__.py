"""The kinds of file that come in and go out."""

from typing import Final

from urja.apps.registry.loading.fields import Field, Kind
from urja.apps.registry.loading.kinds.consumers import Consumers

KINDS: Final[dict[str, Kind]] = {kind.name: kind for kind in (Consumers(),)}

__all__ = ["KINDS", "Field", "Kind"]
