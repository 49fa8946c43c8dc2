"""Admission of connections to the meter port: known meters always, unknown connections up to a limit.

A connection is *unknown* until a meter's authentic push has come over it. Meters send nothing until their next push,
and a whole fleet may sit behind one address (carrier NAT), so that no connection is closed for being idle or for
sharing its address. Only when the limit is reached is the oldest unknown connection closed, first one of a network
that holds more than its share. A known meter is never closed in favour of an unknown connection.
"""


class Admission[C]:
    """The bookkeeping of admitted connections; a connection is any hashable object."""

    def __init__(self, *, most: int, most_unknown: int, share_percent: int) -> None:
        """`most` connections in all, at most `most_unknown` of them unknown; `share_percent` of the unknown ones
        may come from one network.
        """
        self._most = most
        self._most_unknown = min(most, most_unknown)
        self._share = max(1, self._most_unknown * share_percent // 100)
        self._unknown: dict[C, str] = {}
        """Unknown connections and the network of each, oldest first."""
        self._by_network: dict[str, dict[C, None]] = {}
        self._over: dict[str, None] = {}
        """Networks that hold more than their share of the unknown connections."""
        self._known = 0

    @property
    def unknown(self) -> int:
        """The number of unknown connections."""
        return len(self._unknown)

    def admit(self, connection: C, network: str) -> C | None:
        """Admit a connection and return the one to close for it, or None where there is room.

        It is the given connection itself where no unknown connection can be closed.
        """
        self._add(connection, network)
        if len(self._unknown) <= self._most_unknown and len(self._unknown) + self._known <= self._most:
            return None
        over = network if network in self._over else next(iter(self._over), None)
        # An unknown connection of a network over its share first: a flood from one network displaces its own
        # connections, not those of meters that have just dialled in.
        oldest = next(iter(self._unknown if over is None else self._by_network[over]))
        self._remove(oldest)
        return oldest

    def recognise(self, connection: C) -> None:
        """Count a connection as known: a meter has proven to be at its other end."""
        if connection in self._unknown:
            self._remove(connection)
            self._known += 1

    def mark_unknown(self, connection: C, network: str) -> None:
        """Count a known connection as unknown again: its meter has proven to be at another one."""
        self._known -= 1
        self._add(connection, network)

    def forget(self, connection: C) -> None:
        """Remove a connection that was admitted and has been closed."""
        if connection in self._unknown:
            self._remove(connection)
        else:
            self._known -= 1

    def _add(self, connection: C, network: str) -> None:
        self._unknown[connection] = network
        own = self._by_network.setdefault(network, {})
        own[connection] = None
        if len(own) > self._share:
            self._over[network] = None

    def _remove(self, connection: C) -> None:
        network = self._unknown.pop(connection)
        own = self._by_network[network]
        del own[connection]
        if len(own) <= self._share:
            self._over.pop(network, None)
        if not own:
            del self._by_network[network]
