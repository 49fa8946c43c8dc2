"""The ACTION service (Green Book 9.5): requests normal, with list and in blocks, and their responses."""

from dataclasses import dataclass
from typing import Final

from urja.cosem import axdr
from urja.cosem.axdr import Data
from urja.cosem.obis import CosemMethod
from urja.cosem.xdlms.blocks import Block, decode_block
from urja.cosem.xdlms.codes import ActionResult
from urja.cosem.xdlms.cursor import Cursor, unknown_choice
from urja.cosem.xdlms.get import GetResult, decode_result, encode_result
from urja.cosem.xdlms.set_ import decode_values, encode_values

REQUEST_TAG: Final = 0xC3
RESPONSE_TAG: Final = 0xC7


@dataclass(frozen=True, slots=True)
class ActionRequestNormal:
    """A request to invoke one method; `invoke` is the invoke-id-and-priority byte."""

    invoke: int
    method: CosemMethod
    parameters: Data | None = None

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its tag included; LocalError where a value does not fit its type."""
        parameters = b"\x00" if self.parameters is None else b"\x01" + axdr.encode(self.parameters)
        return bytes((REQUEST_TAG, 1, self.invoke)) + self.method.encode() + parameters


@dataclass(frozen=True, slots=True)
class ActionRequestNextBlock:
    """A request for the block of return parameters after `block_number`."""

    invoke: int
    block_number: int

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its tag included."""
        return bytes((REQUEST_TAG, 2, self.invoke)) + self.block_number.to_bytes(4)


@dataclass(frozen=True, slots=True)
class ActionRequestWithList:
    """A request to invoke several methods, with one parameter each (null-data for none)."""

    invoke: int
    methods: tuple[CosemMethod, ...]
    parameters: tuple[Data, ...]

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its tag included; LocalError where a value does not fit its type."""
        head = bytes((REQUEST_TAG, 3, self.invoke)) + _encode_methods(self.methods)
        return head + encode_values(self.parameters)


@dataclass(frozen=True, slots=True)
class ActionRequestFirstBlock:
    """A request to invoke a method, with the first block of its long parameter."""

    invoke: int
    method: CosemMethod
    block: Block

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its tag included; LocalError where a value does not fit its type."""
        return bytes((REQUEST_TAG, 4, self.invoke)) + self.method.encode() + self.block.encode()


@dataclass(frozen=True, slots=True)
class ActionRequestFirstBlockWithList:
    """A request to invoke several methods, with the first block of their parameters."""

    invoke: int
    methods: tuple[CosemMethod, ...]
    block: Block

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its tag included; LocalError where a value does not fit its type."""
        return bytes((REQUEST_TAG, 5, self.invoke)) + _encode_methods(self.methods) + self.block.encode()


@dataclass(frozen=True, slots=True)
class ActionRequestBlock:
    """A later block of a long parameter."""

    invoke: int
    block: Block

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its tag included."""
        return bytes((REQUEST_TAG, 6, self.invoke)) + self.block.encode()


@dataclass(frozen=True, slots=True)
class ActionOutcome:
    """One Action-Response-With-Optional-Data: the result, and the return parameters where there are any."""

    result: ActionResult
    data: GetResult | None = None

    def encode(self) -> bytes:
        """Return the result, the presence flag and the return parameters."""
        data = b"\x00" if self.data is None else b"\x01" + encode_result(self.data)
        return bytes((self.result,)) + data


@dataclass(frozen=True, slots=True)
class ActionResponseNormal:
    """The outcome of one method."""

    invoke: int
    result: ActionResult
    data: GetResult | None = None

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its tag included; LocalError where a value does not fit its type."""
        return bytes((RESPONSE_TAG, 1, self.invoke)) + ActionOutcome(self.result, self.data).encode()


@dataclass(frozen=True, slots=True)
class ActionResponseBlock:
    """One block of a long outcome."""

    invoke: int
    block: Block

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its tag included."""
        return bytes((RESPONSE_TAG, 2, self.invoke)) + self.block.encode()


@dataclass(frozen=True, slots=True)
class ActionResponseWithList:
    """The outcomes of several methods, in the order of the request."""

    invoke: int
    outcomes: tuple[ActionOutcome, ...]

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its tag included; LocalError where a value does not fit its type."""
        head = bytes((RESPONSE_TAG, 3, self.invoke)) + axdr.encode_length(len(self.outcomes))
        return head + b"".join(outcome.encode() for outcome in self.outcomes)


@dataclass(frozen=True, slots=True)
class ActionResponseNextBlock:
    """The acknowledgement of a block of parameters that is not the last."""

    invoke: int
    block_number: int

    def encode(self) -> bytes:
        """Return the bytes of the APDU, its tag included."""
        return bytes((RESPONSE_TAG, 4, self.invoke)) + self.block_number.to_bytes(4)


ActionRequest = (
    ActionRequestNormal
    | ActionRequestNextBlock
    | ActionRequestWithList
    | ActionRequestFirstBlock
    | ActionRequestFirstBlockWithList
    | ActionRequestBlock
)
ActionResponse = ActionResponseNormal | ActionResponseBlock | ActionResponseWithList | ActionResponseNextBlock


def decode_request(cursor: Cursor) -> ActionRequest:
    """Decode an ACTION request from behind its tag; raises DecodeError."""
    choice = cursor.byte("type of ACTION request")
    if not 1 <= choice <= 6:
        raise unknown_choice(cursor, "type of ACTION request", choice)
    invoke = cursor.byte("invoke id")
    if choice == 1:
        method = cursor.method()
        present = cursor.optional("invocation parameters")
        return ActionRequestNormal(invoke, method, cursor.data() if present else None)
    if choice == 2:
        return ActionRequestNextBlock(invoke, cursor.uint(4, "block number"))
    if choice == 4:
        return ActionRequestFirstBlock(invoke, cursor.method(), decode_block(cursor))
    if choice == 6:
        return ActionRequestBlock(invoke, decode_block(cursor))
    methods = tuple(cursor.method() for _ in range(cursor.count("method descriptors")))
    if choice == 3:
        return ActionRequestWithList(invoke, methods, decode_values(cursor, len(methods)))
    return ActionRequestFirstBlockWithList(invoke, methods, decode_block(cursor))


def decode_response(cursor: Cursor) -> ActionResponse:
    """Decode an ACTION response from behind its tag; raises DecodeError."""
    choice = cursor.byte("type of ACTION response")
    if not 1 <= choice <= 4:
        raise unknown_choice(cursor, "type of ACTION response", choice)
    invoke = cursor.byte("invoke id")
    if choice == 1:
        outcome = decode_outcome(cursor)
        return ActionResponseNormal(invoke, outcome.result, outcome.data)
    if choice == 2:
        return ActionResponseBlock(invoke, decode_block(cursor))
    if choice == 3:
        count = cursor.count("outcomes")
        return ActionResponseWithList(invoke, tuple(decode_outcome(cursor) for _ in range(count)))
    return ActionResponseNextBlock(invoke, cursor.uint(4, "block number"))


def decode_outcome(cursor: Cursor) -> ActionOutcome:
    """Decode one outcome: also what the joined blocks of a long response hold; raises DecodeError."""
    result = cursor.code(ActionResult, "action result")
    present = cursor.optional("return parameters")
    return ActionOutcome(result, decode_result(cursor) if present else None)


def _encode_methods(methods: tuple[CosemMethod, ...]) -> bytes:
    return axdr.encode_length(len(methods)) + b"".join(method.encode() for method in methods)
