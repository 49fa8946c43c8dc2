"""The kinds of file that can be loaded and exported."""

from typing import Final

from urja.usecases.loading.fields import Field, Kind
from urja.usecases.loading.kinds.balances import Balances
from urja.usecases.loading.kinds.consumers import Consumers
from urja.usecases.loading.kinds.devices import Devices
from urja.usecases.loading.kinds.networks import Networks
from urja.usecases.loading.kinds.placements import Placements
from urja.usecases.loading.kinds.premises import Premises

KINDS: Final[dict[str, Kind]] = {
    kind.name: kind for kind in (Premises(), Networks(), Consumers(), Placements(), Devices(), Balances())
}
"""By name, in the order in which an installation loads them: each refers only to objects of the kinds before it."""

__all__ = ["KINDS", "Field", "Kind"]
