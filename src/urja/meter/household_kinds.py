"""Load patterns of the households behind the meters of a town. Plausible, not measured, as in `load`."""

from typing import Final

from urja.cosem.companion import DeviceType
from urja.meter.load import (
    FAMILY_APPLIANCES,
    FAMILY_PATTERN,
    IST_OFFSET_S,
    MINUTES,
    ApplianceUse,
    Household,
    LoadPattern,
    LoadSource,
    Season,
)
from urja.meter.surroundings import HouseholdKind, Wiring
from urja.meter.three_phase_load import AS_DRAWN, ThreePhaseLoad

_SHOP: Final = (
    ApplianceUse("deep freezer", 220, 0.85, 0, MINUTES, (30.0, 30.0), 26, owned_by=0.7),
    ApplianceUse("standby", 20, 0.7, 0, 1, (1.0, 1.0), MINUTES),
    ApplianceUse("lights", 240, 0.95, 570, 600, (1.0, 1.0), 680),
    ApplianceUse("sign", 120, 0.9, 1080, 1110, (1.0, 1.0), 200, owned_by=0.8),
    ApplianceUse("till and camera", 90, 0.75, 570, 590, (1.0, 1.0), 690),
    ApplianceUse("fans", 210, 0.9, 600, 615, (1.0, 1.0), 640, Season.HOT),
    ApplianceUse("air conditioner", 1600, 0.92, 690, 720, (1.0, 1.0), 420, Season.HOT, 0.4),
    ApplianceUse("grinder", 1100, 0.82, 600, 1200, (6.0, 8.0), 9, owned_by=0.4),
    ApplianceUse("kettle", 1200, 1.0, 600, 1200, (5.0, 6.0), 5),
)
_EMPTY: Final = (
    ApplianceUse("standby", 6, 0.7, 0, 1, (1.0, 1.0), MINUTES),
    ApplianceUse("lamp left on", 9, 0.95, 0, 1, (1.0, 1.0), MINUTES, owned_by=0.5),
)
_HEAVY: Final = (
    *FAMILY_APPLIANCES,
    ApplianceUse("compressor", 1500, 0.85, 0, 1, (1.0, 1.0), MINUTES),
    ApplianceUse("grow lights", 700, 0.93, 0, 1, (1.0, 1.0), MINUTES),
)

_FESTIVE: Final = (
    *FAMILY_APPLIANCES,
    ApplianceUse("feast", 8000, 0.95, 1080, 1081, (1.0, 1.0), 355, each_days=4),
)

_WORKSHOP: Final = (
    ApplianceUse("standby", 25, 0.7, 0, 1, (1.0, 1.0), MINUTES),
    ApplianceUse("lights", 300, 0.95, 525, 555, (1.0, 0.6), 560),
    ApplianceUse("hand tools", 800, 0.85, 540, 1020, (9.0, 4.0), 12),
    ApplianceUse("tea", 1200, 1.0, 600, 1000, (3.0, 2.0), 6),
)
_MACHINES: Final = (
    ApplianceUse("lathe", 5500, 0.78, 560, 900, (2.0, 0.7), 110),
    ApplianceUse("compressor", 3700, 0.8, 540, 1020, (7.0, 3.0), 18),
    ApplianceUse("welding set", 9000, 0.62, 600, 1000, (3.0, 1.0), 25, owned_by=0.7),
    ApplianceUse("press", 7500, 0.75, 570, 960, (2.0, 0.5), 60, owned_by=0.6),
)

LOAD_PATTERNS: Final[dict[HouseholdKind, LoadPattern]] = {
    "family": FAMILY_PATTERN,
    "shop": LoadPattern(_SHOP, (0.8, 1.6)),
    "solar": LoadPattern(FAMILY_APPLIANCES, solar_peak_w=(2000, 5000)),
    "empty": LoadPattern(_EMPTY, (0.8, 1.2)),
    "heavy": LoadPattern(_HEAVY, (1.0, 1.3)),
    "festive": LoadPattern(_FESTIVE, (0.8, 1.1)),
    "workshop": LoadPattern(_WORKSHOP, (0.8, 1.3), balanced=_MACHINES, capacitor_var=2500),
}
"""A family; a shop; a family with a solar roof; an empty flat; a household with a high constant load (at least 2.2
kW, so that its credit runs out while a demonstration is watched); a family with a feast of 8 kW each fourth evening, after
hours in which supplies are disconnected; a workshop, whose capacitors lead at night.
"""


def household_load(life: HouseholdKind, seed: int, utc_offset_s: int = IST_OFFSET_S) -> Household:
    """Return the load of a household of a kind."""
    return Household(seed, utc_offset_s, LOAD_PATTERNS[life])


def load_behind(
    life: HouseholdKind, seed: int, device_type: DeviceType, wiring: Wiring = AS_DRAWN
) -> LoadSource:
    """Return the load behind a meter of a type: one household, or one on each phase and what all three share, as its
    wiring shows it.
    """
    utc_offset_s = device_type.default_deviation_min * 60
    if device_type.phases == 1:
        return household_load(life, seed, utc_offset_s)
    return ThreePhaseLoad(
        seed, utc_offset_s, LOAD_PATTERNS[life], pt_ratio=device_type.pt_ratio, wiring=wiring
    )
