"""Records of pushes without a tag: reported to the pipeline as unauthenticated, and proof of nothing.

They change nothing here: no window, no event status word, no connection's identity, and no inspection is requested
where they are implausible.
"""

import numpy as np

from urja.cosem.layout import Ints
from urja.cosem.push_batch import PushGroup
from urja.headend import record_conversion
from urja.headend.roster import Roster
from urja.quantities.channel_sets import ChannelSet
from urja.stream.codec import Records
from urja.stream.records import RegisterKind
from urja.stream.subjects import Kind


def records_of(group: PushGroup, roster: Roster) -> tuple[Kind, ChannelSet | None, Ints, Ints, Records]:
    """Kind, channel set, positions in the batch, meter slots and records of pushes with a valid time and plausible values.

    For an alert, the events that have begun in its event status word: the pipeline has the meter's own logs read.
    """
    clock, keep = group.decoded.column("clock")
    if wrong := record_conversion.find_implausible(group.decoded):
        keep = keep & ~wrong.rows
    index, refs = group.index.astype(np.int64)[keep], group.refs[keep]
    compiled = roster.by_slot[int(group.refs[0])].compiled
    match compiled.push_key(group.layout.name):
        case "block":
            records, channels = record_conversion.blocks(group.decoded, roster.intervals_s[group.refs])
            return Kind.BLOCK, channels, index, refs, records[keep]
        case "instantaneous":
            records, channels = record_conversion.registers(group.decoded, RegisterKind.INSTANTANEOUS)
            return Kind.REGISTER, channels, index, refs, records[keep]
        case "alert":
            words, status = group.decoded.strings("esw"), group.decoded.clock_status("clock")
            told = [
                (row, fact)
                for row in np.flatnonzero(keep).tolist()
                for fact in record_conversion.esw_changes(
                    0, int.from_bytes(words[row] or b""), compiled.device_type, in_order=False
                )
            ]
            rows = np.array([row for row, _ in told], np.intp)
            records = record_conversion.events(
                [(0, int(clock[row]), fact, int(status[row])) for row, fact in told]
            )
            return Kind.EVENT, None, group.index.astype(np.int64)[rows], group.refs[rows], records
        case unknown:
            raise AssertionError(f"the loader of meter types lets no push {unknown!r} through")
