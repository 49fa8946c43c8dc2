"""Approvals: from which amounts, disconnections and kinds on an operation needs passkeys, as dated documents.

Pure: the effect of an operation and of those before it in, the required passkeys out. docs/approvals.md lists every
parameter.
"""

from urja.core.approvals.document import (
    Need,
    Thresholds,
    ThresholdsError,
    bundled_thresholds,
    parse_thresholds,
)
from urja.core.approvals.need import Before, Ground, Measure, Reached, Required, beyond_caps, required

__all__ = [
    "Before",
    "Ground",
    "Measure",
    "Need",
    "Reached",
    "Required",
    "Thresholds",
    "ThresholdsError",
    "beyond_caps",
    "bundled_thresholds",
    "parse_thresholds",
    "required",
]
