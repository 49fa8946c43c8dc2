"""Nodes of the administration for tests, and the section of a service point."""


def section(code, *, level="section"):
    """Create a node of the administration; return its number."""
    from tests.apps.town import START

    from urja.apps.journal.operation import next_id
    from urja.apps.network.kinds import Tree
    from urja.apps.network.models import Node

    node = Node.objects.create(
        id=next_id(0), tree=Tree.ADMINISTRATION, level=level, code=code, recorded_at=START, actor="test"
    )
    return node.id
