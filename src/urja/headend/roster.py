"""The meters a head end knows: the registry's projection as a local table, with keys unwrapped and windows restored.

A meter has a *slot*, a small number that its pushes carry through the decoder; the values needed for each push
(device id, shard, window group) are in arrays by slot, so that a batch is converted by indexing and not by dictionary
look-ups.
"""

import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Final

import msgspec
import numpy as np
import structlog

from urja.base.ids import BUCKETS, shard_of
from urja.base.keystore import KeyNotOpenedError, KeyStore
from urja.cosem.errors import CosemError, LocalError
from urja.cosem.push_meters import PushMeters
from urja.cosem.replay_window import ReplayWindow, ReplayWindows
from urja.cosem.security import MAX_COUNTER, SuiteKeys
from urja.headend.compiled_types import CompiledType, KnownTypes
from urja.headend.new_keys import KeyGenerator
from urja.stream.broker import DeviceChange, TypeChange
from urja.stream.messages import DeviceEntry, NextKeys
from urja.stream.signing import ForgedError

log = structlog.get_logger()

PUSH_SAP: Final = 64
"""The client SAP that meters push to, where their type has no other (IS 15959-2)."""

INSPECTION_INTERVAL_S: Final = 3600
"""Seconds of business time between two requests to inspect one meter."""
WINDOW_GROUPS: Final = 64
"""Number of stored values over which replay windows are spread: few writes a second, each far below the broker's
limit."""

_LOST: Final = MAX_COUNTER
"""The position of a window that was lost: no counter is fresh in it."""

_TITLE, _KEY_ID, _WINDOW, _ESW = 8, 4, 12, 16
_AT_REST: Final = _TITLE + _KEY_ID + _WINDOW + _ESW


def group_of(bucket: int) -> int:
    """The window group of a bucket; groups are ranges of buckets, like shards."""
    return bucket * WINDOW_GROUPS // BUCKETS


def _key_id(keys: SuiteKeys) -> bytes:
    return hashlib.sha256(keys.guek + (keys.gak or b"")).digest()[:_KEY_ID]


@dataclass(slots=True)
class NextPair:
    """Keys that a meter is being given: until the projection knows which, the meter may have these or the previous
    ones.
    """

    number: int
    keys: SuiteKeys
    key_id: bytes
    windows: ReplayWindows = field(repr=False)
    row: int
    hls_secret: bytes | None = field(default=None, repr=False)
    expected: bool = True
    """Whether the meter probably has these keys already: a session then tries them first. Not known after a start."""


@dataclass(slots=True)
class Meter:
    """One known meter. `esw` is the event status word of its last accepted alert, `esw_at` that alert's stamp."""

    slot: int
    entry: DeviceEntry
    keys: SuiteKeys
    compiled: CompiledType
    key_id: bytes
    windows: ReplayWindows = field(repr=False)
    row: int
    esw: int = 0
    esw_at: int = field(default=-(2**63))
    hls_secret: bytes | None = field(default=None, repr=False)
    next: NextPair | None = None
    inspection_requested_at: int = field(default=-(2**63))
    """When an inspection of its pushes was last requested (seconds since the Unix epoch)."""

    def inspection_due(self, at_s: int) -> bool:
        """Return whether to request an inspection of the meter's messages now: once an hour, not for each message."""
        due = at_s - self.inspection_requested_at >= INSPECTION_INTERVAL_S
        if due:
            self.inspection_requested_at = at_s
        return due

    @property
    def window(self) -> ReplayWindow:
        """Its present replay window."""
        return self.windows.at(self.row)

    @property
    def window_is_lost(self) -> bool:
        """Whether its replay window could not be read: none of its pushes is fresh until its counter is proven."""
        return self.windows.highest(self.row) == _LOST

    def proves(self, key_id: bytes, counter: int) -> None:
        """Note that the meter has sent a fresh message under this counter: a window that was lost begins there.

        Pushes and answers of a meter use one counter, because two counters would produce the same nonce twice.
        """
        pairs = [(self.key_id, self.windows, self.row)]
        if self.next is not None:
            pairs.append((self.next.key_id, self.next.windows, self.next.row))
        for own, windows, row in pairs:
            if own == key_id and windows.highest(row) == _LOST and 0 <= counter < _LOST:
                windows.restart_at(row, counter)
                log.info("a lost replay window begins again", system_title=self.entry.key, counter=counter)

    @property
    def interval_s(self) -> int:
        """The length of its intervals in seconds: its own, or that of its type."""
        return self.entry.interval_s or self.compiled.device_type.interval_s

    def at_rest(self) -> bytes:
        """The stored form, 40 bytes for each pair of keys: title, key id, window, event status word; nothing before
        its first push.
        """
        pairs = [(self.key_id, self.windows, self.row)]
        if self.next is not None:
            pairs.append((self.next.key_id, self.next.windows, self.next.row))
        states = [(key_id, windows.to_bytes(row)) for key_id, windows, row in pairs]
        head, esw = self.entry.system_title, self.esw.to_bytes(_ESW)
        return b"".join(head + key_id + window + esw for key_id, window in states if window)


class Roster:
    """Meters by system title, kept up to date with the projection by `apply`."""

    def __init__(
        self, keys: KeyStore, key_maker: KeyGenerator, types: KnownTypes, pipeline_key: bytes = b""
    ) -> None:
        """`pipeline_key` verifies the pipeline's signatures; with an empty one, `apply_change` accepts no entry."""
        self._pipeline_key = pipeline_key
        self._keys = keys
        self._types = types
        self._untyped: dict[bytes, DeviceEntry] = {}
        """Meters whose type cannot be used yet."""
        self._key_maker = key_maker
        self.pushes = PushMeters(secrets.randbits(64))
        """The table in which the push decoder finds meters."""
        self.next_pushes = PushMeters(secrets.randbits(64))
        """The same with the keys that meters are being given."""
        self.meters: dict[bytes, Meter] = {}
        self.by_slot: list[Meter] = []
        self.unusable: dict[bytes, str] = {}
        """Meters in the projection whose pushes cannot be accepted, and why."""
        self.unreadable: dict[str, str] = {}
        """Keys of the projection whose entries are refused, and why."""
        self._versions: dict[bytes, int] = {}
        """The newest version of each entry seen so far, also of meters that are not known now."""
        self.lost_groups: set[int] = set()
        """Groups of windows that could not be read when the process began."""
        self._lost: set[bytes] = set()
        """Meters whose windows were lost, including those that have been proven since."""
        self.device_ids = np.zeros(1024, np.int64)
        self.shards = np.zeros(1024, np.int16)
        self.groups = np.zeros(1024, np.int16)
        self.intervals_s = np.zeros(1024, np.int64)
        self.push_saps = {PUSH_SAP}
        """Client SAPs that meters known so far push to; none is removed again."""
        self._members: list[set[int]] = [set() for _ in range(WINDOW_GROUPS)]
        self._at_rest: list[dict[bytes, dict[bytes, bytes]]] = [{} for _ in range(WINDOW_GROUPS)]
        """By group, title and key id, the stored windows of meters that are not known now; they may come back, and
        their windows are stored until then."""

    def restore(self, group: int, state: bytes) -> None:
        """Take the stored windows of a group; called before `apply` adds the meters.

        Raises LocalError, and takes none, where the stored value is damaged.
        """
        found = _by_title(state)
        for states in found.values():
            for one in states.values():
                _restored(one)
        for title, states in found.items():
            self._at_rest[group].setdefault(title, {}).update(states)

    def lose(self, group: int) -> None:
        """Mark the windows of a group as lost: pushes of its meters are refused until their counters are proven."""
        self.lost_groups.add(group)

    @property
    def without_windows(self) -> int:
        """The number of meters whose windows are lost."""
        return sum(self.meters[title].window_is_lost for title in self._lost if title in self.meters)

    def _window(self, title: bytes, entry: DeviceEntry, state: bytes | None) -> tuple[ReplayWindow, int]:
        window, esw = _restored(state)
        if state is None and group_of(entry.bucket) in self.lost_groups:
            window.highest, window.bitmap = _LOST, 2**64 - 1
        if window.highest == _LOST:
            self._lost.add(title)
        return window, esw

    def apply_change(self, change: DeviceChange) -> None:
        """Apply a signed change from the projection's feed.

        Where it is not signed by the pipeline, is for another meter, is older than the present entry, or is no entry,
        a known meter continues unchanged; an unknown one is unusable, its pushes are quarantined and its window
        stays.
        """
        title = _title_of(change.key)
        # A removal is not signed: it takes a meter away and gives nothing.
        entry = None
        if change.signed is not None:
            try:
                newest = self._versions.get(title, 0)
                entry = change.signed.verified_for(change.key, self._pipeline_key, newest=newest)
            except ForgedError as error:
                self._refuse(change.key, title, str(error))
                return
            self._versions[entry.system_title] = entry.version
        elif change.fault:
            self._refuse(change.key, title, change.fault)
            return
        self.unreadable.pop(change.key, None)
        if title:
            self.apply(change.key, entry)

    def _refuse(self, key: str, title: bytes, why: str) -> None:
        self.unreadable[key] = why
        if title and title not in self.meters:
            self.unusable.setdefault(title, f"its entry in the projection is refused: {why}")
        log.error("an entry of the projection is refused", key=key, why=why)

    def apply_type(self, change: TypeChange) -> None:
        """Apply a meter type that came into force, was removed or cannot be read: its meters, and no others, follow."""
        if not self._types.apply(change):
            return
        known = (meter.entry for meter in self.meters.values())
        for entry in [*known, *self._untyped.values()]:
            if entry.device_type == change.key:
                self.apply(entry.key, entry)

    def apply(self, key: str, entry: DeviceEntry | None) -> None:
        """Add, change or remove a meter."""
        title = bytes.fromhex(key)
        if entry is None:
            self._forget(title)
            return
        if not entry.active:
            self._forget(title)
            self.unusable[title] = "inactive"
            return
        try:
            keys = SuiteKeys(self._keys.unwrap(entry.wrapped_guek), self._keys.unwrap(entry.wrapped_gak))
            wrapped = entry.wrapped_hls_secret
            secret = None if wrapped is None else self._keys.unwrap(wrapped)
        except (CosemError, KeyNotOpenedError) as error:
            self._forget(title)
            self.unusable[title] = str(error)
            log.warning("a meter cannot be used", system_title=key, why=str(error))
            return
        try:
            compiled = self._types.get(entry.device_type, entry.firmware, entry.pushes)
        except CosemError as error:
            self._forget(title)
            self.unusable[title] = str(error)
            self._untyped[title] = entry
            log.warning(
                "a meter waits for its type", system_title=key, type=entry.device_type, why=str(error)
            )
            return
        self.unusable.pop(title, None)
        self._untyped.pop(title, None)
        self._adopt(title, entry, keys, compiled)
        self.meters[title].hls_secret = secret

    def _adopt(self, title: bytes, entry: DeviceEntry, keys: SuiteKeys, compiled: CompiledType) -> None:
        key_id = _key_id(keys)
        # Meters with equal push lists share one tuple: a fleet would otherwise hold it a hundred thousand times.
        entry = msgspec.structs.replace(entry, pushes=compiled.pushes)
        known = self.meters.get(title)
        # Counters begin again with a key change, so a window belongs to its key.
        at_rest = self._at_rest[group_of(entry.bucket)].pop(title, {})
        if known is not None:
            self._members[group_of(known.entry.bucket)].discard(known.slot)
            at_rest |= _by_title(known.at_rest()).get(title, {})
        if known is not None and known.key_id == key_id:
            # The window stays: pushes of this meter may be in flight in it.
            meter = known
            meter.entry, meter.compiled = entry, compiled
            self.pushes.change(title, compiled.layouts, unauthenticated=_may_lack_tag(compiled))
        else:
            slot = known.slot if known is not None else len(self.by_slot)
            window, esw = self._window(title, entry, at_rest.get(key_id))
            row = self.pushes.put(
                title, keys, compiled.layouts, slot, window, unauthenticated=_may_lack_tag(compiled)
            )
            meter = Meter(slot, entry, keys, compiled, key_id, self.pushes.windows, row, esw)
            if known is not None:
                self.by_slot[slot] = meter
            else:
                self._append(meter)
        self._adopt_next(title, meter, at_rest)
        self.meters[title] = meter
        self.device_ids[meter.slot] = entry.device_id
        self.shards[meter.slot] = shard_of(entry.bucket)
        self.groups[meter.slot] = group_of(entry.bucket)
        self.intervals_s[meter.slot] = meter.interval_s
        self.push_saps.add(compiled.device_type.associations.push_sap)
        self._members[group_of(entry.bucket)].add(meter.slot)

    def _adopt_next(self, title: bytes, meter: Meter, at_rest: dict[bytes, bytes]) -> None:
        """Take the keys that the meter is being given, or forget those that it was being given before."""
        made = meter.entry.next_keys
        opened = None if made is None else self._opened(title, made)
        if made is None or opened is None:
            self.next_pushes.discard(title)
            meter.next = None
            return
        keys, secret = opened
        key_id, tagless = _key_id(keys), _may_lack_tag(meter.compiled)
        if meter.next is not None and meter.next.key_id == key_id:
            self.next_pushes.change(title, meter.compiled.layouts, unauthenticated=tagless)
            return
        window, _ = self._window(title, meter.entry, at_rest.get(key_id))
        row = self.next_pushes.put(
            title, keys, meter.compiled.layouts, meter.slot, window, unauthenticated=tagless
        )
        meter.next = NextPair(made.number, keys, key_id, self.next_pushes.windows, row, secret)

    def _opened(self, title: bytes, made: NextKeys) -> tuple[SuiteKeys, bytes | None] | None:
        try:
            return self._key_maker.open(title, made)
        except KeyNotOpenedError as error:
            # The present keys are still good, so the meter continues with them; the new ones must not be sent to it.
            log.error("new keys of a meter cannot be used", system_title=title.hex(), why=str(error))  # noqa: TRY400 - an expected cause
            return None

    def _append(self, meter: Meter) -> None:
        self.by_slot.append(meter)
        if meter.slot >= len(self.device_ids):
            for name in ("device_ids", "shards", "groups", "intervals_s"):
                column = getattr(self, name)
                setattr(self, name, np.concatenate([column, np.zeros_like(column)]))

    def _forget(self, title: bytes) -> None:
        self.pushes.discard(title)
        self.next_pushes.discard(title)
        meter = self.meters.pop(title, None)
        self.unusable.pop(title, None)
        self._untyped.pop(title, None)
        if meter is None:
            return
        # It may come back, and without its window old pushes would count as fresh.
        if states := _by_title(meter.at_rest()):
            self._at_rest[group_of(meter.entry.bucket)] |= states
        self._members[group_of(meter.entry.bucket)].discard(meter.slot)

    def without_window(self, title: bytes) -> PushMeters:
        """A decoder table of one known meter with an empty window: for a frame whose age an operator vouches for."""
        meter = self.meters[title]
        alone = PushMeters(secrets.randbits(64))
        tagless = _may_lack_tag(meter.compiled)
        alone.put(title, meter.keys, meter.compiled.layouts, meter.slot, unauthenticated=tagless)
        return alone

    def group_state(self, group: int) -> bytes:
        """The stored form of a group's windows (40 bytes each), as `restore` takes it, including those of meters that
        are not known now.
        """
        known = b"".join(self.by_slot[slot].at_rest() for slot in sorted(self._members[group]))
        return known + b"".join(one for states in self._at_rest[group].values() for one in states.values())


def _title_of(key: str) -> bytes:
    """The system title in a key of the projection; empty where it has none."""
    try:
        title = bytes.fromhex(key)
    except ValueError:
        return b""
    return title if len(title) == _TITLE else b""


def _by_title(state: bytes) -> dict[bytes, dict[bytes, bytes]]:
    """Stored windows by title and key id. Raises LocalError where the value is damaged."""
    if len(state) % _AT_REST:
        raise LocalError(f"windows at rest are {_AT_REST} bytes each, and these are {len(state)}")
    found: dict[bytes, dict[bytes, bytes]] = {}
    for start in range(0, len(state), _AT_REST):
        one = state[start : start + _AT_REST]
        states, key_id = found.setdefault(one[:_TITLE], {}), one[_TITLE : _TITLE + _KEY_ID]
        if key_id in states:
            raise LocalError(f"two windows at rest of the meter {one[:_TITLE].hex()} under one key")
        states[key_id] = one
    return found


def _restored(state: bytes | None) -> tuple[ReplayWindow, int]:
    """The window and event status word in a stored form; new ones where it is None."""
    if state is None:
        return ReplayWindow(), 0
    return ReplayWindow.from_bytes(state[_TITLE + _KEY_ID : _AT_REST - _ESW]), int.from_bytes(
        state[_AT_REST - _ESW :]
    )


def _may_lack_tag(compiled: CompiledType) -> bool:
    return not compiled.device_type.associations.pushes_are_authenticated
