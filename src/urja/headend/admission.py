"""Which connections may stay: those of known meters always, those of strangers as many as there is room for.

A connection is a *stranger's* until a meter's authentic push has come over it. Meters are silent until their next push,
and a whole fleet may sit behind one address, so that nothing is closed for being silent or for being one of many. Only
where the room ends does the oldest stranger go, and first one of a network that holds more than its share. A known
meter never goes for a stranger.
"""


class Admission[C]:
    """Keeps strangers by network and age; a connection is anything hashable."""

    def __init__(self, *, most: int, most_strangers: int, share_percent: int) -> None:
        self._most = most
        self._most_strangers = min(most, most_strangers)
        self._share = max(1, self._most_strangers * share_percent // 100)
        self._strangers: dict[C, str] = {}
        """Each with its network, oldest first."""
        self._by_network: dict[str, dict[C, None]] = {}
        self._over: dict[str, None] = {}
        """Networks that hold more than their share."""
        self._known = 0

    @property
    def strangers(self) -> int:
        return len(self._strangers)

    def admit(self, connection: C, network: str) -> C | None:
        """Take a connection; the one that must be closed for it, if any. That is itself where no stranger can go."""
        self._add(connection, network)
        if len(self._strangers) <= self._most_strangers and len(self._strangers) + self._known <= self._most:
            return None
        over = network if network in self._over else next(iter(self._over), None)
        oldest = next(iter(self._strangers if over is None else self._by_network[over]))
        self._remove(oldest)
        return oldest

    def recognise(self, connection: C) -> None:
        """A meter has proven to be at a stranger's connection."""
        if connection in self._strangers:
            self._remove(connection)
            self._known += 1

    def estrange(self, connection: C, network: str) -> None:
        """The meter that was known here has proven to be elsewhere."""
        self._known -= 1
        self._add(connection, network)

    def forget(self, connection: C) -> None:
        """A connection that was admitted is gone."""
        if connection in self._strangers:
            self._remove(connection)
        else:
            self._known -= 1

    def _add(self, connection: C, network: str) -> None:
        self._strangers[connection] = network
        own = self._by_network.setdefault(network, {})
        own[connection] = None
        if len(own) > self._share:
            self._over[network] = None

    def _remove(self, connection: C) -> None:
        network = self._strangers.pop(connection)
        own = self._by_network[network]
        del own[connection]
        if len(own) <= self._share:
            self._over.pop(network, None)
        if not own:
            del self._by_network[network]
