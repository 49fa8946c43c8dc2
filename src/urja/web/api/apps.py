from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "urja.web.api"
    label = "api"
