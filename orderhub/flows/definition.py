"""Flow files: YAML to the typed structure of ``orderhub.stage``, with line and column for whatever is wrong.

Reading a flow imports no driver, no database and no data library: Airflow reads these files whenever it parses DAGs.
"""

from __future__ import annotations

import hashlib
import re
import zoneinfo
from pathlib import Path
from typing import Literal

from orderhub.config_file import Section, read_config
from orderhub.findings import Place
from orderhub.stage import (
    AcknowledgeStep,
    Flow,
    PullStep,
    Target,
    TranslateStep,
    Trigger,
    ValidateStep,
)

#: Names of flows become DAG ids, folder names and metric labels.
NAME = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")
#: Documents validated at once. A suite costs a fixed third of a second per batch, whatever its size.
DEFAULT_BATCH = 500
_CRON_FIELD = re.compile(r"[0-9A-Za-z*/,\-#L?]+\Z")
_CRON_ALIASES = ("@hourly", "@daily", "@weekly", "@monthly", "@yearly")
TECHNICAL_ANSWERS = ("contrl", "997", "999", "mdn", "none")
BUSINESS_ANSWERS = ("ordrsp", "855")


def parse_flow(path: Path) -> Flow:
    """The flow of one file.

    :raises ConfigError: at the line and column of what is wrong.
    """
    top = read_config(path)
    name = top.text("flow")
    if not NAME.match(name):
        top.fail("flow", f"{name!r} cannot be a flow's name.", "Use small letters, digits and underscores.")
    if name != path.stem:
        top.fail("flow", f"The flow is named {name!r} but the file {path.name!r}.", "Let both have one name.")
    translate = top.section("translate")
    validate = top.section("validate")
    flow = Flow(
        name=name,
        owner=top.text("owner"),
        description=top.optional_text("description") or "",
        partner=top.optional_text("partner"),
        trigger=_trigger(top),
        pull=_pull(top.need("pull")),
        translate=_translate(translate) if translate else TranslateStep(),
        validate=_validate(validate) if validate else ValidateStep(),
        load=_targets(top),
        acknowledge=_acknowledge(top.section("acknowledge")),
        batch_size=top.integer("batch_size", DEFAULT_BATCH, least=1, most=10_000) or DEFAULT_BATCH,
        paused=top.flag("paused"),
        file=path.name,
        content_hash=hashlib.sha256(path.read_bytes()).hexdigest(),
        places=_places(top, translate, validate),
    )
    top.done()
    return flow


def _trigger(top: Section) -> Trigger:
    section = top.need("trigger")
    cron = section.optional_text("cron")
    arrival = section.flag("arrival")
    zone = section.optional_text("timezone") or "UTC"
    if cron is None and not arrival:
        section.fail(
            None, "The trigger names neither cron nor arrival.", "Write `arrival: true` or `cron: …`."
        )
    if cron is not None and cron not in _CRON_ALIASES:
        fields = cron.split()
        if len(fields) != 5 or not all(_CRON_FIELD.match(field) for field in fields):
            section.fail(
                "cron", f"{cron!r} is not a cron expression.", "Write five fields, such as `*/15 * * * *`."
            )
    try:
        zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        section.fail(
            "timezone", f"There is no time zone {zone!r}.", "Write an IANA name such as Europe/Berlin."
        )
    section.done()
    return Trigger(cron=cron, arrival=arrival, timezone=zone)


def _pull(section: Section) -> PullStep:
    step = PullStep(
        connector=section.text("connector"),
        stream=section.optional_text("stream") or "default",
        settings=section.plain("settings"),
    )
    section.done()
    return step


def _translate(section: Section) -> TranslateStep:
    step = TranslateStep(
        mapping=section.optional_text("mapping"), version=section.integer("version", least=1)
    )
    if step.version is not None and step.mapping is None:
        section.fail("version", "A version without a mapping says nothing.", "Name the mapping as well.")
    section.done()
    return step


def _validate(section: Section) -> ValidateStep:
    suite = section.optional_text("suite")
    on_failure: Literal["quarantine", "interchange"] | None = None
    if "on_failure" in section:
        chosen = section.choice("on_failure", ("quarantine", "interchange"))
        on_failure = "interchange" if chosen == "interchange" else "quarantine"
    section.done()
    return ValidateStep(suite=suite, on_failure=on_failure)


def _targets(top: Section) -> tuple[Target, ...]:
    targets: list[Target] = []
    for section in top.sections("load"):
        connector = section.text("connector")
        name = section.optional_text("name") or connector
        if not NAME.match(name):
            section.fail(
                "name", f"{name!r} cannot be a target's name.", "Use small letters, digits, underscores."
            )
        if any(target.name == name for target in targets):
            section.fail(
                "connector", f"Two targets are named {name!r}.", "Give one of them a `name:` of its own."
            )
        when = section.choice("when", ("accepted", "approved"), "accepted")
        targets.append(
            Target(
                name=name,
                connector=connector,
                settings=section.plain("settings"),
                when="approved" if when == "approved" else "accepted",
                test_documents=section.flag("test_documents"),
            )
        )
        section.done()
    if not targets:
        top.fail(
            "load",
            "The flow loads into nothing.",
            "Name at least one target: `load: [{connector: warehouse}]`.",
        )
    return tuple(targets)


def _acknowledge(section: Section | None) -> AcknowledgeStep:
    if section is None:
        return AcknowledgeStep()
    technical = section.choice("technical", TECHNICAL_ANSWERS) if "technical" in section else None
    business = section.choice("business", BUSINESS_ANSWERS) if "business" in section else None
    step = AcknowledgeStep(
        technical=technical,
        business=business,
        connector=section.optional_text("connector"),
        settings=section.plain("settings"),
    )
    section.done()
    return step


def _places(top: Section, translate: Section | None, validate: Section | None) -> dict[str, Place]:
    places = {"flow": top.place("flow"), "partner": top.place("partner"), "pull": top.place("pull")}
    acknowledge = top.section("acknowledge")
    if acknowledge is not None:
        places["acknowledge"] = acknowledge.place()
    if translate is not None:
        places["translate.mapping"] = translate.place("mapping")
        places["translate.version"] = translate.place("version")
    if validate is not None:
        places["validate.suite"] = validate.place("suite")
    for index, section in enumerate(top.sections("load")):
        places[f"load[{index}]"] = section.place()
    return places
