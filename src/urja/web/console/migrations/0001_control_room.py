from typing import Any

from django.db import migrations

CONTROL_ROOM = "control_room"


def make(apps: Any, _schema_editor: Any) -> None:
    apps.get_model("auth", "Group").objects.get_or_create(name=CONTROL_ROOM)


def unmake(apps: Any, _schema_editor: Any) -> None:
    apps.get_model("auth", "Group").objects.filter(name=CONTROL_ROOM).delete()


class Migration(migrations.Migration):
    """The role that opens the console: a group of Django's."""

    initial = True
    dependencies = [("auth", "0012_alter_user_first_name_max_length")]

    operations = [migrations.RunPython(make, unmake)]
