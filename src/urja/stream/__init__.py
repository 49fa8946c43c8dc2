"""The stream between head end and pipeline: the only package that knows the broker (NATS JetStream)."""
