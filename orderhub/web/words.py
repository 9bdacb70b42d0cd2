"""The words of the pages for what the ledger calls by codes: states, steps, events, each with a look.

Every text is a msgid of the catalogs; a code without a word is shown as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

from orderhub.web.i18n import N_


@dataclass(frozen=True, slots=True)
class Look:
    """``tone`` is a colour class of the style sheet, ``icon`` a name of icons.json, ``hint`` explains on hover."""

    label: str
    tone: str
    icon: str
    hint: str = ""


DOCUMENT_STATES: dict[str, Look] = {
    "translated": Look(N_("Translated"), "info", "braces", N_("Translated, waiting for validation")),
    "quarantined": Look(
        N_("Quarantined"), "bad", "shield-alert", N_("Held back: somebody has to look at it")
    ),
    "accepted": Look(N_("Accepted"), "info", "shield-check", N_("Valid, waiting to be loaded")),
    "waiting": Look(N_("Waiting"), "wait", "hand", N_("Waiting for an approval")),
    "loading": Look(N_("Loading"), "busy", "loader-circle", N_("On its way into the targets")),
    "loaded": Look(N_("Loaded"), "good", "circle-check", N_("In every target")),
    "rejected": Look(N_("Rejected"), "bad", "circle-x", N_("A target or an approver refused it")),
    "conflict": Look(N_("Conflict"), "warn", "git-compare", N_("Other content under a number that is known")),
    "duplicate": Look(N_("Duplicate"), "mute", "copy", N_("The same content was received before")),
    "retrying": Look(N_("Retrying"), "busy", "rotate-ccw", N_("Will be translated again from the original")),
    "superseded": Look(N_("Superseded"), "mute", "layers", N_("A later translation took its place")),
    "discarded": Look(N_("Discarded"), "mute", "trash-2", N_("Closed by a person, will not be loaded")),
}

FILE_STATES: dict[str, Look] = {
    "received": Look(N_("Received"), "info", "inbox", N_("In the archive, waiting for translation")),
    "translated": Look(N_("Translated"), "good", "circle-check", N_("Every message became a document")),
    "partial": Look(N_("Partial"), "warn", "triangle-alert", N_("Some messages could not be translated")),
    "refused": Look(N_("Refused"), "bad", "file-x", N_("Not usable as what it claims to be")),
    "duplicate": Look(N_("Duplicate"), "mute", "copy", N_("The same file was received before")),
    "read": Look(N_("Read"), "mute", "eye", N_("Well-formed, but no mapping fits")),
}

EFFECT_STATES: dict[str, Look] = {
    "pending": Look(N_("Pending"), "wait", "clock", N_("Will be sent at the next run")),
    "leased": Look(N_("Sending"), "busy", "loader-circle"),
    "done": Look(N_("Done"), "good", "circle-check"),
    "rejected": Look(N_("Rejected"), "bad", "circle-x", N_("The target refused it")),
    "in_doubt": Look(
        N_("In doubt"), "warn", "circle-alert", N_("No answer came: it is looked up, not sent again")
    ),
    "waiting": Look(N_("Waiting"), "wait", "hand", N_("Waiting for an approval")),
    "cancelled": Look(N_("Cancelled"), "mute", "ban"),
}

ACKNOWLEDGEMENT_STATES: dict[str, Look] = {
    "accepted": Look(N_("Accepted"), "good", "circle-check"),
    "partially_accepted": Look(N_("Partly accepted"), "warn", "triangle-alert"),
    "rejected": Look(N_("Rejected"), "bad", "circle-x"),
}

SENDING_STATES: dict[str, Look] = {
    "pending": Look(N_("To be sent"), "wait", "clock", N_("Goes out at the next run")),
    "leased": Look(N_("Sending"), "busy", "loader-circle"),
    "sent": Look(N_("Sent"), "good", "circle-check"),
    "failed": Look(N_("Not sent"), "bad", "circle-x", N_("It could not be sent; every run tries again")),
}

STEPS: dict[str, Look] = {
    "pull": Look(N_("Pull"), "", "inbox"),
    "translate": Look(N_("Translate"), "", "braces"),
    "validate": Look(N_("Validate"), "", "shield-check"),
    "load": Look(N_("Load"), "", "database"),
    "acknowledge": Look(N_("Acknowledge"), "", "mail-check"),
}

STEP_STATES: dict[str, Look] = {
    "done": Look(N_("done"), "good", "check"),
    "active": Look(N_("in progress"), "busy", "loader-circle"),
    "failed": Look(N_("stopped"), "bad", "x"),
    "waiting": Look(N_("waiting"), "wait", "clock"),
    "skipped": Look(N_("not needed"), "mute", "circle-slash"),
    "todo": Look(N_("to come"), "mute", "circle-dashed"),
}

SEVERITIES: dict[str, Look] = {
    "error": Look(N_("Error"), "bad", "octagon-alert"),
    "warning": Look(N_("Warning"), "warn", "triangle-alert"),
    "info": Look(N_("Note"), "info", "info"),
}

RUN_STATES: dict[str, Look] = {
    "queued": Look(N_("Queued"), "wait", "clock", N_("Waits for its turn")),
    "running": Look(N_("Running"), "busy", "loader-circle"),
    "success": Look(N_("Succeeded"), "good", "circle-check"),
    "failed": Look(
        N_("Failed"), "bad", "circle-x", N_("A step failed; what it left open is taken up by the next run")
    ),
    "unknown": Look(
        N_("Broke off"),
        "warn",
        "circle-alert",
        N_("It never said that it ended; the next run went on from there"),
    ),
}

TRIGGERS: dict[str, str] = {
    "manual": N_("by hand or arrival"),
    "scheduled": N_("by schedule"),
    "backfill": N_("backfill"),
    "asset_triggered": N_("by an asset"),
    "arrival": N_("by arrival"),
}

#: What the figure of a stage counts, and what stands before it.
STAGE_UNITS: dict[str, str] = {
    "pull": N_("files in 24 hours"),
    "translate": N_("documents in 24 hours"),
    "validate": N_("judged in 24 hours"),
    "load": N_("loaded in 24 hours"),
    "acknowledge": N_("files answered in 24 hours"),
}
STANDING: dict[str, str] = {
    "received": N_("wait for translation"),
    "retrying": N_("translated again soon"),
    "translated": N_("wait for validation"),
    "quarantined": N_("quarantined"),
    "conflict": N_("in conflict"),
    "accepted": N_("wait to be loaded"),
    "loading": N_("on their way"),
    "waiting": N_("wait for approval"),
    "rejected": N_("refused by a target"),
    "in_doubt": N_("in doubt"),
    "unanswered": N_("not answered yet"),
}

#: What a document's state means for somebody who looks at many; the names are those of ``charts.BANDS``.
BANDS: dict[str, str] = {
    "through": N_("went through"),
    "underway": N_("under way"),
    "held": N_("held back"),
    "aside": N_("set aside"),
}

DOCUMENT_TYPES: dict[str, str] = {
    "purchase_order": N_("Purchase order"),
    "supplier": N_("Supplier"),
    "item": N_("Item"),
    "stock_level": N_("Stock level"),
    "supplier_item": N_("Supplier item"),
    "receipt": N_("Goods receipt"),
    "demand": N_("Demand"),
}

ORIGINS: dict[str, str] = {
    "source": N_("the source"),
    "constant": N_("a constant of the mapping"),
    "agreement": N_("the partner's agreement"),
    "interchange": N_("the envelope"),
    "default": N_("a default of the document"),
}

ANSWER_KINDS: dict[str, str] = {
    "technical": N_("Outcome of the checks"),
    "business": N_("Business answer"),
}

#: What a person did to a case, as the audit calls it; it stands behind the person's name.
ACTIONS: dict[str, str] = {
    "inbox.take": N_("took it"),
    "inbox.assign": N_("assigned it"),
    "inbox.release": N_("released it"),
    "inbox.note": N_("added a note"),
    "document.retry": N_("retried it"),
    "document.discard": N_("discarded it"),
    "document.restore": N_("brought it back"),
    "document.release": N_("let it go on to its targets"),
    "document.requeue": N_("had it sent again"),
    "interchange.discard": N_("discarded the file"),
    "interchange.restore": N_("brought the file back"),
    "interchange.translate_again": N_("had the file translated again"),
    "effect.look_up": N_("had it looked up"),
    "effect.is_there": N_("said that it is there"),
    "effect.is_not_there": N_("said that it is not there"),
}

#: Why something is in the inbox: states of a document, of a file, of an effect.
CASE_STATES: dict[str, Look] = {
    "quarantined": DOCUMENT_STATES["quarantined"],
    "conflict": DOCUMENT_STATES["conflict"],
    "rejected": DOCUMENT_STATES["rejected"],
    "waiting": DOCUMENT_STATES["waiting"],
    "refused": FILE_STATES["refused"],
    "read": FILE_STATES["read"],
    "partial": FILE_STATES["partial"],
    "unknown_sender": Look(
        N_("Unknown sender"), "warn", "user", N_("No agreement has the sender that the file names")
    ),
    "in_doubt": EFFECT_STATES["in_doubt"],
}

#: What a connector said when it was asked.
HEALTH: dict[str, Look] = {
    "ok": Look(N_("Works"), "good", "circle-check"),
    "failed": Look(N_("Does not work"), "bad", "circle-x"),
    "unknown": Look(N_("Not checked yet"), "mute", "circle-dashed"),
}

#: Whether a key of the HTTP intake is good.
KEY_STATES: dict[str, Look] = {
    "valid": Look(N_("Valid"), "good", "circle-check"),
    "ending": Look(N_("Ends soon"), "warn", "calendar-clock", N_("Its owner needs a new one")),
    "expired": Look(N_("Expired"), "mute", "clock", N_("It came to its end")),
    "revoked": Look(N_("Revoked"), "mute", "ban", N_("Somebody ended it")),
}

KINDS: dict[str, dict[str, Look]] = {
    "key": KEY_STATES,
    "health": HEALTH,
    "case": CASE_STATES,
    "document": DOCUMENT_STATES,
    "file": FILE_STATES,
    "effect": EFFECT_STATES,
    "acknowledgement": ACKNOWLEDGEMENT_STATES,
    "sending": SENDING_STATES,
    "run": RUN_STATES,
    "step": STEP_STATES,
    "severity": SEVERITIES,
}


def look(kind: str, code: str) -> Look:
    """The look of a code; an unknown one is shown under its own name, without colour."""
    found = KINDS[kind].get(code)
    return found if found is not None else Look(code.replace("_", " "), "mute", "circle")
