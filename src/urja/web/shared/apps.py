from django.apps import AppConfig


class SharedConfig(AppConfig):
    name = "urja.web.shared"
    label = "shared"

    def ready(self) -> None:
        from urja.web.shared.second_factor_log import record_second_factors
        from urja.web.shared.secret_words import leave_words_out_of_the_log

        record_second_factors()
        leave_words_out_of_the_log()
