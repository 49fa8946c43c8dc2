"""The states of an application association, and the one table of their transitions.

Both ends follow the same table: an input is something that passed between them, and means the same to its
sender and to its receiver (Green Book 9.4; its control function, reduced to what an end can observe).
"""

from enum import Enum
from typing import Final

from urja.cosem.errors import LocalError, UnexpectedApduError


class State(Enum):
    """The state of the conversation."""

    IDLE = "idle"
    """No association."""
    ASSOCIATING = "associating"
    """An AARQ passed, no AARE yet."""
    AUTHENTICATING = "authenticating"
    """Challenges are exchanged, their answers (passes 3 and 4 of HLS) are due."""
    READY = "ready"
    """Associated, with no request under way."""
    AWAITING = "awaiting"
    """A request passed whole, its response is due."""
    TRANSFERRING = "transferring"
    """A long request or response passes block by block."""
    RELEASING = "releasing"
    """An RLRQ passed, no RLRE yet."""


class Input(Enum):
    """Something that can pass between the two ends."""

    ASSOCIATE = "AARQ"
    ACCEPTED = "AARE accepted"
    CHALLENGED = "AARE with challenge"
    REJECTED = "AARE rejected"
    PROVED = "HLS answers right"
    DISPROVED = "HLS answer wrong"
    REQUEST = "request"
    BLOCK = "block, more to come"
    RESPONSE = "response or last block"
    EXCEPTION = "exception response"
    RELEASE = "RLRQ"
    RELEASED = "RLRE"
    LOST = "connection lost"


_S, _I = State, Input

TRANSITIONS: Final[dict[tuple[State, Input], State]] = {
    (_S.IDLE, _I.ASSOCIATE): _S.ASSOCIATING,
    (_S.IDLE, _I.LOST): _S.IDLE,
    (_S.ASSOCIATING, _I.ACCEPTED): _S.READY,
    (_S.ASSOCIATING, _I.CHALLENGED): _S.AUTHENTICATING,
    (_S.ASSOCIATING, _I.REJECTED): _S.IDLE,
    (_S.ASSOCIATING, _I.EXCEPTION): _S.IDLE,
    (_S.ASSOCIATING, _I.LOST): _S.IDLE,
    (_S.AUTHENTICATING, _I.PROVED): _S.READY,
    (_S.AUTHENTICATING, _I.DISPROVED): _S.IDLE,
    (_S.AUTHENTICATING, _I.EXCEPTION): _S.IDLE,
    (_S.AUTHENTICATING, _I.RELEASE): _S.RELEASING,
    (_S.AUTHENTICATING, _I.LOST): _S.IDLE,
    (_S.READY, _I.REQUEST): _S.AWAITING,
    (_S.READY, _I.RELEASE): _S.RELEASING,
    (_S.READY, _I.LOST): _S.IDLE,
    (_S.AWAITING, _I.RESPONSE): _S.READY,
    (_S.AWAITING, _I.BLOCK): _S.TRANSFERRING,
    (_S.AWAITING, _I.EXCEPTION): _S.READY,
    (_S.AWAITING, _I.RELEASE): _S.RELEASING,
    (_S.AWAITING, _I.LOST): _S.IDLE,
    (_S.TRANSFERRING, _I.BLOCK): _S.TRANSFERRING,
    (_S.TRANSFERRING, _I.RESPONSE): _S.READY,
    # A new request ends a long response; the last block of a long request makes that request complete.
    (_S.TRANSFERRING, _I.REQUEST): _S.AWAITING,
    (_S.TRANSFERRING, _I.EXCEPTION): _S.READY,
    (_S.TRANSFERRING, _I.RELEASE): _S.RELEASING,
    (_S.TRANSFERRING, _I.LOST): _S.IDLE,
    (_S.RELEASING, _I.RELEASED): _S.IDLE,
    (_S.RELEASING, _I.EXCEPTION): _S.IDLE,
    (_S.RELEASING, _I.LOST): _S.IDLE,
}
"""All transitions; an input that is not listed for a state is refused."""


def next_state(state: State, passed: Input, *, ours: bool) -> State:
    """Return the state after an input.

    Where there is none, raises LocalError for an input of `ours`, UnexpectedApduError for one of the peer.
    """
    following = TRANSITIONS.get((state, passed))
    if following is not None:
        return following
    error = LocalError if ours else UnexpectedApduError
    raise error(f"{passed.value} is not allowed while the association is {state.value}")


def state_diagram() -> str:
    """Return the table as a Mermaid state diagram, which `docs/cosem.md` shows."""
    lines = ["stateDiagram-v2", f"    [*] --> {State.IDLE.value}"]
    edges: dict[tuple[State, State], list[str]] = {}
    for (state, passed), following in TRANSITIONS.items():
        edges.setdefault((state, following), []).append(passed.value)
    lines += [
        f"    {state.value} --> {following.value}: {' / '.join(inputs)}"
        for (state, following), inputs in edges.items()
    ]
    return "\n".join(lines)
