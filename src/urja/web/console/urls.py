"""Addresses of the console."""

from django.urls import path

from urja.web.console import (
    approval_views,
    meter_jobs_views,
    operation_views,
    payments_views,
    registry_views,
    release_views,
    sign_ins_views,
    views,
    work_views,
)
from urja.web.shared import url_converters as keys  # noqa: F401 - registers <key:...>

app_name = "console"

urlpatterns = [
    path("", views.console, name="console"),
    path("live/", views.live, name="live"),
    path("search/", registry_views.search, name="search"),
    path("trees/", registry_views.trees, name="trees"),
    path("trees/<slug:level>/<path:code>/", registry_views.node, name="node"),
    path("payments/", payments_views.settlements, name="payments"),
    path("payments/<key:difference_id>/", payments_views.difference, name="difference"),
    path("work/", work_views.work, name="work"),
    path("work/<key:order_id>/", work_views.order, name="work-order"),
    path("work/<key:order_id>/photos/", work_views.photograph, name="photograph"),
    path("photos/<key:photo_id>/", work_views.photo, name="photo"),
    path("meter-jobs/", meter_jobs_views.jobs, name="meter-jobs"),
    path("meter-jobs/<key:job_id>/", meter_jobs_views.job, name="meter-job"),
    path("meter-jobs/<key:job_id>/answers.csv", meter_jobs_views.answers, name="meter-job-answers"),
    path("society/", registry_views.societies, name="societies"),
    path("society/<key:premise_id>/", registry_views.society, name="society"),
    path("society/<key:premise_id>/letters/", registry_views.society_letters, name="society-letters"),
    path("approvals/", approval_views.approvals, name="approvals"),
    path("approvals/<key:request_id>/", approval_views.approval, name="approval"),
    path("approvals/<key:request_id>/answer/", approval_views.approve, name="approve"),
    path("passkeys/", approval_views.own_passkeys, name="passkeys"),
    path("held-cuts/", release_views.held_cuts, name="held-cuts"),
    path("held-cuts/<slug:release_id>/", release_views.answer, name="release"),
    path("sign-ins/", sign_ins_views.sign_ins, name="sign-ins"),
    path("operations/", operation_views.operations, name="operations"),
    path("operations/<slug:kind>/", operation_views.operation, name="operation"),
    path("requests/<key:request_id>/", operation_views.answer, name="request"),
    path("requests/<key:request_id>/do/", operation_views.do, name="do"),
    path("entries/<key:account_id>/<key:seq>/<path:consumer_number>/", registry_views.entry, name="entry"),
    path("letters/<path:consumer_number>/", registry_views.letter, name="letter"),
    path("connections/<path:consumer_number>/", registry_views.connection, name="connection"),
]
