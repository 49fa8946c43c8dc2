from django.apps import AppConfig


class SharedConfig(AppConfig):
    name = "urja.web.shared"
    label = "shared"

    def ready(self) -> None:
        from urja.web.shared.second_factor import note_what_happens

        note_what_happens()
