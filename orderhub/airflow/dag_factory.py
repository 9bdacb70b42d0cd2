"""Every flow file becomes a DAG with the five steps.

``pull → translate → (validate → load_<target> → …) per batch → acknowledge``. The part in parentheses is a mapped task
group: one copy per batch, so that a batch that fails leaves the others alone. XCom carries ledger ids and nothing else. A run's
verdict in Airflow is that of its last task; ``acknowledge`` always runs, so an empty task after it, ``verdict``, which no
process runs, carries it. The number of tasks is 4 + (1 + targets) × batches; new documents make
ceil(documents / batch size) of them, beside those that an earlier run left open.

Imported whenever Airflow parses DAG files and at the start of every task: no driver, no database, no data library.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from airflow.sdk import DAG, Asset, CronDataIntervalTimetable, TriggerRule, get_parsing_context, task_group

from orderhub.airflow.operators import (
    AcknowledgeOperator,
    LoadOperator,
    PullOperator,
    TranslateOperator,
    ValidateOperator,
    VerdictOperator,
)
from orderhub.errors import ConfigError
from orderhub.flows.definition import NAME, parse_flow
from orderhub.flows.registry import FlowRegistry
from orderhub.services.settings import get_settings
from orderhub.stage import Flow, Target

#: Interval starts are counted from here. Without catch-up only the latest one is ever run.
FIRST_INTERVAL = dt.datetime(2026, 1, 1)
TAG = "orderhub"
RETRIES = 3
RETRY_DELAY = dt.timedelta(seconds=2)
LONGEST_RETRY_DELAY = dt.timedelta(minutes=2)
#: A task that hangs would hold up its flow for ever, since one run is at work at a time.
LONGEST_TASK = dt.timedelta(hours=1)


def flow_dags(folder: Path | None = None) -> dict[str, DAG]:
    """DAGs by id: all usable flows of the folder, or only the one that Airflow asks for when it runs a task.

    Broken files are left out here; ``refuse_broken_flows`` reports them from a DAG file of its own, because an import
    error would hide every DAG of the file that it comes from.
    """
    folder = folder or get_settings().path("flows_folder")
    asked_for = get_parsing_context().dag_id
    return {flow.name: build_dag(flow) for flow in _usable(folder, asked_for)}


def refuse_broken_flows(folder: Path | None = None) -> None:
    """Raise one error that names every broken flow file with line, column and what to do.

    :raises ConfigError: when any file is broken. Does nothing inside a task, whose flow is read by ``flow_dags``.
    """
    if get_parsing_context().dag_id is not None:
        return
    folder = folder or get_settings().path("flows_folder")
    problems = FlowRegistry(folder).problems()
    if len(problems) == 1:
        raise problems[0]
    if problems:
        listed = "\n".join(f"- {problem}" for problem in problems)
        raise ConfigError(
            f"{len(problems)} flow files cannot be used:\n{listed}",
            todo="Correct each at its line; the other flows run on.",
        )


def _usable(folder: Path, asked_for: str | None) -> Iterator[Flow]:
    if asked_for is not None:
        # a DAG of another file may be asked for; a name that cannot be a flow's is never made into a path
        path = folder / f"{asked_for}.yaml"
        if NAME.match(asked_for) and path.is_file():
            yield parse_flow(path)
        return
    yield from FlowRegistry(folder).flows()  # the others are reported by refuse_broken_flows


def build_dag(flow: Flow) -> DAG:
    """The DAG of one flow."""
    with DAG(
        dag_id=flow.name,
        description=flow.description or f"{flow.pull.connector} → {', '.join(t.name for t in flow.load)}",
        doc_md=describe(flow),
        schedule=_schedule(flow),
        start_date=FIRST_INTERVAL.replace(tzinfo=ZoneInfo(flow.trigger.timezone)),
        catchup=False,
        # one run works on what the ledger says is open, so a second one at the same time would only wait for leases
        max_active_runs=1,
        is_paused_upon_creation=flow.paused,
        tags=_tags(flow),
        default_args={
            "owner": flow.owner,
            "retries": RETRIES,
            "retry_delay": RETRY_DELAY,
            "retry_exponential_backoff": True,
            "max_retry_delay": LONGEST_RETRY_DELAY,
            "execution_timeout": LONGEST_TASK,
        },
    ) as dag:
        pull = PullOperator(task_id="pull", flow=flow.name, inlets=[source_asset(flow)])
        # a source that is away must not hold up what was received before; a paused flow's pull skips, and so does this
        translate = TranslateOperator(
            task_id="translate", flow=flow.name, trigger_rule=TriggerRule.NONE_SKIPPED
        )

        @task_group(group_id="batch", prefix_group_id=False)
        def batch(batch: Any) -> None:
            before: Any = ValidateOperator(task_id="validate", flow=flow.name, batch=batch)
            # in the order written: a document goes to the next target when the one before has taken it
            for target in flow.load:
                load = LoadOperator(
                    task_id=f"load_{target.name}",
                    flow=flow.name,
                    target=target.name,
                    batch=batch,
                    outlets=[target_asset(target)],
                )
                before.set_downstream(load)
                before = load

        batches = batch.expand(batch=translate.output)
        # whatever became of the tasks before it, also when there was no batch at all
        acknowledge = AcknowledgeOperator(
            task_id="acknowledge", flow=flow.name, trigger_rule=TriggerRule.ALL_DONE
        )
        verdict = VerdictOperator(task_id="verdict", trigger_rule=TriggerRule.NONE_FAILED)
        pull.set_downstream(translate)
        batches.set_downstream(acknowledge)
        verdict.set_upstream([pull, translate, batches, acknowledge])
    return dag


def _schedule(flow: Flow) -> CronDataIntervalTimetable | None:
    if flow.paused or flow.trigger.schedule is None:
        return None
    return CronDataIntervalTimetable(flow.trigger.schedule, timezone=flow.trigger.timezone)


def _tags(flow: Flow) -> list[str]:
    tags = [TAG, f"from:{flow.pull.connector}", *(f"to:{target.connector}" for target in flow.load)]
    tags.append("arrival" if flow.trigger.arrival else "cron")
    if flow.partner:
        tags.append(f"partner:{flow.partner}")
    if flow.paused:
        tags.append("paused")
    return sorted(set(tags))


def source_asset(flow: Flow) -> Asset:
    """What a flow reads: the stream of a connector, told apart by where it points."""
    where = flow.pull.settings.get("path") or flow.pull.settings.get("connection") or flow.name
    place = f"{flow.pull.connector}/{str(where).strip('/')}/{flow.pull.stream}"
    return Asset(name=f"{flow.pull.connector}:{where}", uri=f"orderhub://source/{place}", group=TAG)


def target_asset(target: Target) -> Asset:
    """What a target holds of purchase orders; flows that load into the same place refresh the same asset."""
    where = target.settings.get("connection")
    place = f"{target.connector}/{where}" if where else target.connector
    title = (
        f"{target.connector} purchase orders"
        if not where
        else f"{target.connector} ({where}) purchase orders"
    )
    return Asset(name=title, uri=f"orderhub://target/{place}/purchase_orders", group=TAG)


def describe(flow: Flow) -> str:
    """The flow in Markdown, for the DAG's page: what it pulls, by which agreement and mapping, and where it goes."""
    settings = ", ".join(f"{key} `{value}`" for key, value in flow.pull.settings.items())
    mapping = flow.translate.mapping or "the mapping whose source fits the message"
    version = f", version {flow.translate.version}" if flow.translate.version else ""
    answers = [a for a in (flow.acknowledge.technical, flow.acknowledge.business) if a]
    when = []
    if flow.trigger.arrival:
        when.append("when something arrives")
    if flow.trigger.schedule:
        when.append(f"by cron `{flow.trigger.schedule}` ({flow.trigger.timezone})")
    rows = [
        ("Started", "never: paused in its file" if flow.paused else " and ".join(when)),
        (
            "Pulls",
            f"{flow.pull.connector}, stream `{flow.pull.stream}`" + (f", {settings}" if settings else ""),
        ),
        ("Agreement", f"`partners/{flow.partner}.yaml`" if flow.partner else "found by the sender"),
        ("Mapping", f"`{mapping}`{version}" if flow.translate.mapping else mapping),
        ("Suite", f"`{flow.validate.suite}`" if flow.validate.suite else "none"),
        (
            "Loads",
            ", ".join(t.name + (" (approved ones)" if t.when == "approved" else "") for t in flow.load),
        ),
        ("Answers", ", ".join(answers) or "none"),
        ("Batch", f"{flow.batch_size} documents"),
        ("File", f"`flows/{flow.file}`"),
    ]
    table = "\n".join(f"| {name} | {_cell(value)} |" for name, value in rows)
    head = f"{flow.description}\n\n" if flow.description else ""
    return f"{head}| | |\n|---|---|\n{table}\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
