"""The head end's Prometheus metrics: one set for the process, or for a test with its own registry."""

from functools import partial

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """Metrics of the push path, of sessions and of orders."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        count = partial(Counter, registry=registry)
        gauge = partial(Gauge, registry=registry)
        histogram = partial(Histogram, registry=registry)
        self.received = count(
            "urja_headend_pushes_received", "Pushes taken from sockets, by transport.", ["transport"]
        )
        self.accepted = count(
            "urja_headend_pushes_accepted", "Pushes whose records the broker has acknowledged."
        )
        self.records = count("urja_headend_records", "Records acknowledged by the broker, by kind.", ["kind"])
        self.duplicates = count("urja_headend_duplicates", "Pushes seen before, or still in flight: ignored.")
        self.unauthenticated = count(
            "urja_headend_pushes_unauthenticated",
            "Pushes without a tag, of types that send none: neither accepted nor billed.",
        )
        self.quarantined = count("urja_headend_quarantined", "Frames quarantined, by reason.", ["reason"])
        self.quarantine_overflow = count(
            "urja_headend_quarantine_overflow",
            "Frames not stored in quarantine, or replaced by newer ones of their source, by standing.",
            ["standing"],
        )
        self.rolled_back = count(
            "urja_headend_pushes_rolled_back", "Pushes that were not stored and may come again."
        )
        self.publish_retries = count(
            "urja_headend_publish_retries", "Batches published again, by cause.", ["cause"]
        )
        self.udp_dropped = count(
            "urja_headend_udp_dropped",
            "Datagrams dropped: by us while reading is paused, or by the kernel.",
            ["by"],
        )
        self.refused_connections = count(
            "urja_headend_refused_connections",
            "Connections of no known meter that were closed because the limit was reached.",
        )
        self.unreadable = gauge(
            "urja_headend_unreadable_entries",
            "Refused entries of the registry's projection and refused meter types: not signed by the pipeline, older, or unreadable.",
        )
        self.without_window = gauge(
            "urja_headend_meters_without_window",
            "Meters whose replay window could not be read and whose counter is not proven since: their pushes are refused.",
        )
        self.faults = count(
            "urja_headend_faults",
            "Exceptions of our own over bytes or answers of one connection, which ended that connection or exchange.",
        )
        self.resumed = count(
            "urja_headend_resumed", "Permanent tasks that met an exception and resumed, by task.", ["task"]
        )
        self.connections = gauge("urja_headend_connections", "Open TCP connections.")
        self.greetings = count(
            "urja_headend_greetings",
            "Unidentified connections queried for their serial number, by result.",
            ["result"],
        )
        self.held_back = gauge(
            "urja_headend_held_back",
            "1 while reading from the sockets is paused because the stream is full or not available.",
        )
        self.meters = gauge("urja_headend_meters", "Meters known from the registry.")
        self.reads = count(
            "urja_headend_reads", "Read requests, by profile and result.", ["profile", "result"]
        )
        self.commands = count(
            "urja_headend_commands",
            "Orders by kind and how they ended; `again` counts attempts that will be repeated.",
            ["kind", "result"],
        )
        self.round_trips = count(
            "urja_headend_round_trips",
            "Requests to meters in sessions, each followed by a wait for its answer, by purpose.",
            ["purpose"],
        )
        self.command_round_trips = histogram(
            "urja_headend_command_round_trips",
            "Round trips of an order until it ended, by kind.",
            ["kind"],
            buckets=(1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 40, 80),
        )
        self.counter_steps = count(
            "urja_headend_counter_steps",
            "Times that a meter stated a counter above our reservation, and the reservation was raised.",
        )
        self.orders_refused = count(
            "urja_headend_orders_refused",
            "Refused orders: not signed by the pipeline (forged), or copies of old ones (replayed).",
            ["why"],
        )
        self.cuts_held_back = count(
            "urja_headend_cuts_held_back", "Times that a disconnection was deferred by the limits per minute."
        )
        self.cuts_held = gauge(
            "urja_headend_cuts_held", "Disconnections above a ceiling, held until approvers release them."
        )
        self.releases = count(
            "urja_headend_releases",
            "Releases of held disconnections: accepted at once or after a delay, or refused.",
            ["result"],
        )
        self.acknowledged_s = histogram(
            "urja_headend_acknowledged_seconds",
            "From the first push of a batch to the broker's acknowledgement.",
            buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
        )
