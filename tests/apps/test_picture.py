"""The picture of the data model in the docs is the one that the code draws."""

from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs" / "registry.md"


def test_the_docs_show_the_model_as_it_is(database_template):
    from tests.apps.model_picture import picture

    assert f"```text\n{picture()}\n```" in DOCS.read_text("utf-8"), picture()


def test_every_table_is_in_it(database_template):
    from django.apps import apps
    from tests.apps.model_picture import SUBJECTS, picture

    drawn = {line.split()[0] for line in picture().splitlines() if line.startswith("  ")}
    assert drawn == {
        model._meta.db_table.removeprefix(f"{app}_")
        for app, _ in SUBJECTS
        for model in apps.get_app_config(app).get_models()
    }
