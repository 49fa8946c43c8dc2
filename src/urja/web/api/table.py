"""Every route of `/api/v1`. Addresses, checks, openapi.json and the reference page are made of this table."""

from typing import Final

from urja.apps.identity.queries.roles import Read, write_scope
from urja.apps.proofs import queries as proofs
from urja.usecases.kinds import Operation
from urja.usecases.kinds.people import CorrectConsumer
from urja.web.api import answers, books, meter_jobs, mode_changes, nodes, operating, resources
from urja.web.api.lists import MomentQuery
from urja.web.api.routes import Handler, ListQuery, Query, Route

_WRITE: Final = (
    "idempotency-key-missing",
    "refused",
    "invalid",
    "idempotency-key-reused",
    "unsupported-media-type",
    "too-large",
    "not-found",
)
_ONE: Final = ("not-found",)


def _list(
    path: str,
    name: str,
    tag: str,
    summary: str,
    answer: object,
    handler: Handler,
    act: str,
    query: type[Query],
) -> Route:
    return Route("GET", path, name, tag, summary, answer, handler, act, query)


def _single(
    path: str,
    name: str,
    tag: str,
    summary: str,
    answer: object,
    handler: Handler,
    act: str | None,
    query: type[Query] = Query,
) -> Route:
    return Route("GET", path, name, tag, summary, answer, handler, act, query, statuses=_ONE, tagged=True)


PEOPLE, PLACES, METERS, SUPPLY, MONEY, WORK, RECORDS, DOING, SELF = (
    "People", "Service points", "Devices", "Agreements and readings", "Money", "Work orders", "Records", "Operations",
    "Yourself",
)  # fmt: skip

ROUTES: Final[tuple[Route, ...]] = (
    Route("GET", "/me", "me", SELF, "The caller and its permissions", answers.Me, resources.me, None),
    _list("/consumers", "consumers", PEOPLE, "People, with their personal data", answers.Page[answers.Consumer],
        resources.consumers, Read.CONSUMER, resources.ConsumersQuery),
    _single("/consumers/{id}", "consumer", PEOPLE, "A person", answers.Consumer, resources.consumer, Read.CONSUMER),
    Route("PATCH", "/consumers/{id}", "correct-consumer", PEOPLE, "Correct a person's data",
        answers.OperationRequest, operating.correct, write_scope(CorrectConsumer.kind()), body=answers.Correction,
        statuses=(*_WRITE, "precondition-failed", "precondition-required"), needs_key=True, needs_version=True, accepted=True),
    _single("/consumers/{id}/export", "export", PEOPLE, "All stored data of a person", answers.Export,
        books.export, Read.CONSUMER),
    _list("/service-points", "service-points", PLACES, "Service points", answers.Page[answers.ServicePoint],
        resources.service_points, Read.SERVICE_POINT, resources.ServicePointsQuery),
    _single("/service-points/{id}", "service-point", PLACES, "A service point", answers.ServicePoint, resources.service_point,
        Read.SERVICE_POINT, MomentQuery),
    Route("GET", "/nodes", "nodes", PLACES, "The roots of administration and grid, or the nodes of a code", answers.Nodes,
        nodes.nodes, Read.DEVICE, nodes.NodesQuery),
    _single("/nodes/{id}", "node", PLACES, "A node with the nodes above and below it", answers.NodeInTree,
        nodes.node, Read.DEVICE, MomentQuery),
    Route("GET", "/nodes/{id}/service-points", "node-service-points", PLACES, "Service points directly under a node",
        answers.Page[answers.NodeServicePoint], nodes.service_points_of_node, Read.DEVICE, nodes.NodeServicePointsQuery, statuses=_ONE),
    Route("GET", "/totals", "totals", PLACES, "Energy of a month in a premise, by part and service point",
        answers.Totals, books.totals, Read.TOTALS, books.TotalsQuery, statuses=_ONE),
    _list("/devices", "devices", METERS, "Installed meters", answers.Page[answers.Device],
        resources.devices, Read.DEVICE, resources.DevicesQuery),
    _single("/devices/{id}", "device", METERS, "A meter", answers.Device, resources.device, Read.DEVICE,
        MomentQuery),
    _list("/stock", "stock", METERS, "Meters in stock", answers.Page[answers.Device], resources.stock,
        Read.STOCK, resources.StockQuery),
    _list("/agreements", "agreements", SUPPLY, "Agreements", answers.Page[answers.Agreement],
        resources.agreements, Read.AGREEMENT, resources.AgreementsQuery),
    _single("/agreements/{id}", "agreement", SUPPLY, "An agreement with its terms", answers.Agreement,
        resources.agreement, Read.AGREEMENT, MomentQuery),
    Route("GET", "/agreements/{id}/readings", "readings", SUPPLY, "Intervals of an agreement, up to 31 days at a time",
        answers.Readings, books.readings, Read.LOAD_CURVE, books.ReadingsQuery, statuses=_ONE, tagged=True),
    Route("GET", "/agreements/{id}/determinants", "determinants", SUPPLY,
        "What bills of a billing period are calculated from, by day and version, with derivation",
        answers.Determinants, books.determinants, Read.LOAD_CURVE, books.DeterminantsQuery, statuses=_ONE, tagged=True),
    Route("GET", "/agreements/{id}/units", "units", SUPPLY,
        "What net metering has banked, by billing period and bank, newest first",
        answers.BankedUnits, books.units, Read.LEDGER, statuses=(*_ONE, "no-tariff"), tagged=True),
    Route("GET", "/agreements/{id}/billing-profiles", "billing-profiles", SUPPLY,
        "What the meters of an agreement had counted when they ended billing periods of their own, and their calendars",
        answers.BillingProfiles, books.own_totals, Read.LOAD_CURVE, statuses=_ONE, tagged=True),
    Route("GET", "/agreements/{id}/prices", "prices", SUPPLY, "Prices of a day by the time zones of the tariff",
        answers.DayPrices, books.day_prices, Read.AGREEMENT, books.PricesQuery, statuses=_ONE, tagged=True),
    Route("GET", "/accounts/{id}/balance", "balance", MONEY, "The balance of an account", answers.Balance,
        books.balance, Read.LEDGER, statuses=(*_ONE, "no-tariff"), tagged=True, own_session=True),
    Route("GET", "/accounts/{id}/entries", "entries", MONEY, "Entries of an account, newest first",
        answers.Page[answers.Entry], books.entries, Read.LEDGER, ListQuery, statuses=_ONE),
    Route("GET", "/accounts/{id}/entries/{seq}", "entry", MONEY, "A ledger entry with its calculation",
        answers.EntryWithArithmetic, books.entry, Read.LEDGER, parts=(("id", int), ("seq", int)), statuses=_ONE,
        tagged=True),
    Route("GET", "/accounts/{id}/entries/{seq}/proof", "entry-proof", MONEY,
        "A ledger entry with its proof to a signed root, for `urja verify --receipt`",
        proofs.Receipt, books.entry_proof, Read.LEDGER, parts=(("id", int), ("seq", int)), statuses=_ONE),
    Route("GET", "/accounts/{id}/proof", "statement-proof", MONEY,
        "The newest entries of sealed days, up to 50, with their proof to a signed root",
        proofs.Receipt, books.statement_proof, Read.LEDGER, books.ProofQuery, statuses=_ONE),
    Route("GET", "/accounts/{id}/statements", "statements", MONEY, "Statements of account, the newest period first",
        answers.StatementsOfAccount, books.statements_of_account, Read.LEDGER, statuses=_ONE, tagged=True),
    Route("GET", "/accounts/{id}/statements/{number}", "statement", MONEY,
        "A statement of account with its charges, payments, readings and hash",
        answers.WholeStatement, books.whole_statement, Read.LEDGER, parts=(("id", int), ("number", str)), statuses=_ONE,
        tagged=True),
    Route("GET", "/accounts/{id}/statements/{number}/proof", "account-statement-proof", MONEY,
        "A statement of account with its proof to a signed root, for `urja verify --receipt`",
        proofs.Receipt, books.proof_of_statement, Read.LEDGER, parts=(("id", int), ("number", str)), statuses=_ONE),
    Route("GET", "/subsidy-claims/{month}", "subsidy-claim", MONEY,
        "What other bodies owe for subsidies by the claim of a month, such as 2026-04",
        answers.SubsidyClaim, books.subsidy_claim, Read.SETTLEMENTS, parts=(("month", str),), statuses=_ONE, tagged=True),
    _list("/work-orders", "work-orders", WORK, "Work orders", answers.Page[answers.WorkOrder],
        resources.work_orders, Read.WORK_ORDERS, resources.WorkOrdersQuery),
    _single("/work-orders/{id}", "work-order", WORK, "A work order", answers.WorkOrder, resources.work_order,
        Read.WORK_ORDERS),
    Route("GET", "/operations", "operations", DOING, "Kinds of operations, and the roles that may request them",
        answers.Operations, resources.operations, None),
    Route("POST", "/operations/{kind}", "operate", DOING, "Request an operation", answers.OperationRequest,
        operating.operate, operating.ANY, operating.OperationQuery, body=Operation, parts=(("kind", str),),
        statuses=_WRITE, needs_key=True, accepted=True),
    _single("/requests/{id}", "request", DOING, "The state of a request of yours", answers.OperationRequest,
        operating.request, None),
    _list("/meter-jobs", "meter-jobs", DOING, "Meter jobs, newest first",
        answers.Page[answers.MeterJob], meter_jobs.meter_jobs, Read.METER_JOBS, meter_jobs.MeterJobsQuery),
    _single("/meter-jobs/{id}", "meter-job", DOING, "A meter job and its progress", answers.MeterJob,
        meter_jobs.meter_job, Read.METER_JOBS),
    Route("GET", "/meter-jobs/{id}/results", "meter-results", DOING, "Results of a meter job, meter by meter",
        answers.Page[answers.MeterResult], meter_jobs.meter_results, Read.METER_JOBS, meter_jobs.MeterResultsQuery,
        statuses=_ONE),
    _list("/mode-changes", "mode-changes", DOING, "Changes of payment modes, newest first",
        answers.Page[answers.ModeChange], mode_changes.mode_changes, Read.MODE_CHANGES, ListQuery),
    _single("/mode-changes/{id}", "mode-change", DOING, "A change of payment modes and its progress",
        answers.ModeChange, mode_changes.mode_change, Read.MODE_CHANGES),
    Route("GET", "/mode-changes/{id}/rows", "mode-change-rows", DOING, "Supplies of a change of payment modes",
        answers.Page[answers.ModeChangeRow], mode_changes.mode_change_rows, Read.MODE_CHANGES,
        mode_changes.ModeChangeRowsQuery, statuses=_ONE),
    _list("/audit", "audit", RECORDS, "Operations carried out, newest first",
        answers.Page[answers.AuditEntry], resources.audit, Read.AUDIT, resources.AuditQuery),
    _single("/audit/{id}", "audit-entry", RECORDS, "An operation that was carried out", answers.AuditEntry,
        resources.audit_entry, Read.AUDIT),
    _list("/personal-reads", "personal-reads", RECORDS, "Reads of personal data, newest first",
        answers.Page[answers.PersonalRead], resources.personal_reads, Read.PERSONAL_READS,
        resources.PersonalReadsQuery),
    _list("/tariffs", "tariffs", RECORDS, "Versions of tariffs", answers.Page[answers.Tariff], resources.tariffs,
        Read.TARIFFS, resources.TariffsQuery),
    _single("/tariffs/{id}", "tariff", RECORDS, "A version of a tariff, with the text of its document", answers.TariffDocument,
        resources.tariff, Read.TARIFFS),
)  # fmt: skip
