"""What an operation's request is stored as: the journal keeps it for good, and programs and files write it."""

import json

import msgspec


def test_operations(oracle, database_template):
    from urja.usecases.kinds import ALL

    schemas = {operation.kind(): msgspec.json.schema(operation) for operation in ALL}
    oracle("requests.json", json.dumps(schemas, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
