"""Application associations (Green Book 9.4), sans-IO, for both ends.

`ClientAssociation` and `ServerAssociation` take bytes and return events and bytes; entropy, keys and
invocation counters are arguments. Both follow the one table of transitions, `TRANSITIONS`.
"""

from urja.cosem.acse import Mechanism
from urja.cosem.association_auth import SCHEMES, Scheme
from urja.cosem.association_base import DEFAULT_CONFORMANCE, REPLY_TO_HLS, AssociationConfig
from urja.cosem.association_client import ClientAssociation
from urja.cosem.association_events import (
    ActionRequested,
    ActionResult,
    Associated,
    ClientEvent,
    Fault,
    GetListRequested,
    GetListResult,
    GetRequested,
    GetResult,
    NeedsSend,
    Notified,
    Released,
    RequestRef,
    ServerEvent,
    Service,
    SetListRequested,
    SetListResult,
    SetRequested,
    SetResult,
)
from urja.cosem.association_server import ServerAssociation
from urja.cosem.association_table import TRANSITIONS, Input, State, next_state, state_diagram

__all__ = [
    "DEFAULT_CONFORMANCE",
    "REPLY_TO_HLS",
    "SCHEMES",
    "TRANSITIONS",
    "ActionRequested",
    "ActionResult",
    "Associated",
    "AssociationConfig",
    "ClientAssociation",
    "ClientEvent",
    "Fault",
    "GetListRequested",
    "GetListResult",
    "GetRequested",
    "GetResult",
    "Input",
    "Mechanism",
    "NeedsSend",
    "Notified",
    "Released",
    "RequestRef",
    "Scheme",
    "ServerAssociation",
    "ServerEvent",
    "Service",
    "SetListRequested",
    "SetListResult",
    "SetRequested",
    "SetResult",
    "State",
    "next_state",
    "state_diagram",
]
