"""Approvals: from which sums, disconnections and kinds on an operation needs passkeys, as dated documents.

Pure: what an operation would do and what was done before in, what it needs out. docs/approvals.md lists every parameter.
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
