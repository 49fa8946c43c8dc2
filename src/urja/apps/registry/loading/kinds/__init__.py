"""The kinds of file that come in and go out."""

from typing import Final

from urja.apps.registry.loading.fields import Field, Kind
from urja.apps.registry.loading.kinds.balances import Balances
from urja.apps.registry.loading.kinds.consumers import Consumers
from urja.apps.registry.loading.kinds.devices import Devices
from urja.apps.registry.loading.kinds.networks import Networks
from urja.apps.registry.loading.kinds.placements import Placements
from urja.apps.registry.loading.kinds.premises import Premises

KINDS: Final[dict[str, Kind]] = {
    kind.name: kind for kind in (Premises(), Networks(), Consumers(), Placements(), Devices(), Balances())
}
"""By name, in the order in which an installation loads them: each names only what those before it have made."""

__all__ = ["KINDS", "Field", "Kind"]
