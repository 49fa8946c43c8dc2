from django.apps import AppConfig


class TownConfig(AppConfig):
    name = "urja.web.town"
    label = "town"
