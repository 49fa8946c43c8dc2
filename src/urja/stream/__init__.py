"""The stream between head end and pipeline: the only package that knows the broker (NATS JetStream)."""

from urja.stream.broker import Broker, connect
from urja.stream.definitions import ensure_streams
from urja.stream.server import server_config
from urja.stream.subjects import Kind, StreamSizes, User

__all__ = ["Broker", "Kind", "StreamSizes", "User", "connect", "ensure_streams", "server_config"]
