from django.apps import AppConfig


class SharedConfig(AppConfig):
    name = "urja.web.shared"
    label = "shared"

    def ready(self) -> None:
        from urja.web.shared.second_factor_log import record_second_factors

        record_second_factors()
