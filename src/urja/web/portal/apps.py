from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "urja.web.portal"
    label = "portal"

    def ready(self) -> None:
        from urja.web.portal.second_factor import note_what_happens

        note_what_happens()
