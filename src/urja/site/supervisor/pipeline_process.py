"""Entry points of the pipeline process and of processes that close days beside it: they set up Django for the pipeline's
role, then run the stages.
"""

from urja.apps.notices.config import channels_of
from urja.apps.payments.config import PaymentsConfig
from urja.base.clock import Clock
from urja.base.garbage import no_collections
from urja.base.process_secrets import ClosingSecrets, PipelineSecrets
from urja.laws import verify
from urja.site.django import options as django_options
from urja.site.supervisor.process import Start


async def run_pipeline(start: Start, secrets: PipelineSecrets, clock: Clock) -> None:
    """Run all stages until SIGTERM."""
    django_options.setup(
        django_options.DjangoOptions(
            conninfo=secrets.database,
            timezone=start.settings.utility.timezone,
            gas_emergency_number=start.settings.utility.gas_emergency_number,
            languages=start.settings.utility.languages,
            public_origin=start.settings.web.public_origin,
            demo=start.demo,
            clock_anchor=start.data_directory.clock,
            mail=start.settings.mail,
            mail_password=secrets.mail_password,
            channels=channels_of(start.settings.messages, secrets.channels),
            payments=PaymentsConfig.of(start.settings.payments, secrets.gateways),
        )
    )
    # Models can be imported from here on.
    with no_collections():
        from urja.pipeline import runner
        from urja.pipeline.stages import PipelineContext

    zone, data = start.settings.utility.timezone, start.data_directory
    laws = verify.daily(secrets.database, zone, data.catalogue_file)
    await runner.run_pipeline(
        PipelineContext(start.settings, secrets, clock, data.heads, laws, data.places, data.wal_state)
    )


async def run_closing(start: Start, secrets: ClosingSecrets, clock: Clock) -> None:
    """Close days beside the pipeline until SIGTERM."""
    django_options.setup(
        django_options.DjangoOptions(
            conninfo=secrets.database,
            timezone=start.settings.utility.timezone,
            demo=start.demo,
            clock_anchor=start.data_directory.clock,
        )
    )
    # Models can be imported from here on.
    with no_collections():
        from urja.pipeline import runner

    await runner.run_closing(start.settings.pipeline, clock, secrets.status_port)
