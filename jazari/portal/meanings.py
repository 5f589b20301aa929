"""What errors mean, for readers of other languages than English, in which alone their exact sentences are written.

A page shows the meaning and then the exact sentence: ``{{ error|explained }}``. A code without a meaning here is shown
by its sentence alone. A meaning says what to do next where that is short; what differs from case to case is for the
sentence, which a meaning calls the detail.
"""

from __future__ import annotations

import re

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_noop as _

_CODE = re.compile(r"\(([a-z]+\.[a-z-]+)\)")
"""As the message of a run names the code for which an institute refused."""


def meaning_of(code: str) -> str:
    """What ``code`` means in the reader's language; empty in English, and where nothing is written about it."""
    message = MEANINGS.get(code, "")
    return gettext(message) if message and get_language() != "en" else ""


def meaning_in(sentence: str) -> str:
    """What the code that stands in ``sentence`` means, as ``meaning_of``; empty where none does."""
    return meaning_of(_code_in(sentence))


def explained(sentence: str, code: str = "") -> SafeString:
    """``sentence``, marked as the English that it is, after what it means by its ``code`` or one that stands in it."""
    english = format_html('<span lang="en" dir="ltr">{}</span>', sentence)
    meaning = meaning_of(code or _code_in(sentence))
    if not meaning:
        return english
    return format_html("{} {} {}", meaning, gettext("The detail, in English:"), english)


def _code_in(sentence: str) -> str:
    found = _CODE.search(sentence)
    return found[1] if found else ""


MEANINGS: dict[str, str] = {
    "studies.bad-schema": _(
        "The declaration of the data set is not valid: correct it, then register the data set again."
    ),
    "studies.bad-data": _(
        "A value in the data breaks a rule of their declaration or of the study: correct the data or the declaration."
    ),
    "studies.unreadable-data": _(
        "The data file cannot be read: check that it is in its place and in the declared format."
    ),
    "studies.column-missing": _("A variable that the study needs is not in the data: leave it out, or add its column."),
    "studies.incompatible-data": _(
        "The data do not mean everywhere what the study means: agree on units and levels, or map the columns to "
        "its variables."
    ),
    "studies.bad-mapping": _(
        "The mapping of the columns to the study's variables does not fit: correct it and store it again."
    ),
    "studies.data-set-not-found": _(
        "The file of the data set is not here or has changed: put it back as it was, or publish a new version of "
        "the data set."
    ),
    "studies.bad-study": _("The study is not valid as it is written: correct what the detail names."),
    "studies.unknown-recipe": _("This node does not have that recipe: choose another one, or have the node updated."),
    "studies.bad-parameters": _(
        "The parameters do not fit the recipe or the chosen variables: correct what the detail names."
    ),
    "studies.recipe-changed": _(
        "The code of the recipe on this node is not the one that was agreed: an operator updates the node, or the "
        "study is proposed again."
    ),
    "studies.unbounded": _(
        "A variable has no limits, or too wide ones, so its sums cannot be masked: declare its lower and upper "
        "value, or do without secure aggregation."
    ),
    "studies.backend-missing": _(
        "The study trains with PyTorch in a version that is not on this node: an operator installs it."
    ),
    "studies.bad-model": _(
        "The file of the model is damaged or not the one that was agreed: have it fetched again, or refuse the study."
    ),
    "studies.model-not-found": _(
        "The model is not here: it may not have arrived yet. Look again after the next exchange with the Root."
    ),
    "studies.study-not-found": _(
        "This study or result is not here: check its name, or look again after the next exchange with the Root."
    ),
    "studies.not-asked": _(
        "This is not for this institute to do: the institutes that the study names decide, and its proposer runs "
        "or withdraws it."
    ),
    "studies.not-runnable": _(
        "The study cannot run as it stands: approvals are missing, or it is over or withdrawn. Its page says "
        "where it stands."
    ),
    "studies.not-confirmed": _(
        "Your passkey has not confirmed this decision: confirm it again, and let the passkey answer within five "
        "minutes."
    ),
    "studies.other-agreement": _(
        "The text of the study is not the one that you read: read it again before you decide."
    ),
    "studies.bad-record": _(
        "This does not fit what was published before, or a reason is missing: correct what the detail names."
    ),
    "studies.no-permit": _(
        "This institute has not permitted the run: its steward approves the study first; where that is done, wait "
        "for the next exchange with the Root."
    ),
    "studies.bad-permit": _(
        "The permit of this institute is not for this run or its data, or was altered: its operator has it "
        "written again."
    ),
    "studies.permit-expired": _("The study or its permit is past its date: propose the study again with a later one."),
    "studies.runs-used-up": _(
        "The study has run as often as was approved, or nobody can tell how often: propose it again, or have the "
        "ledger restored."
    ),
    "studies.no-budget": _(
        "The study would spend a privacy budget, and none is set for this data set: its steward sets one, or "
        "refuses the study."
    ),
    "studies.budget-spent": _(
        "What is left of the data set's privacy budget does not pay for this study, or cannot be read: its "
        "steward allows more, or refuses the study."
    ),
    "studies.run-not-found": _("This run is not here: check its name on the page of its study."),
    "studies.run-ended": _("The run is over: nothing more is accepted or computed for it."),
    "studies.run-failed": _(
        "The run ended without a result: do what the detail says, then run the study again if its agreement still "
        "allows it."
    ),
    "studies.run-conflict": _(
        "An order, an answer or a permit of this run differs from an earlier one: record a new run."
    ),
    "studies.below-floor": _(
        "Too few distinct subjects would stand behind the figures, so nothing leaves: ask for coarser groups or "
        "fewer variables, or leave this data set out."
    ),
    "studies.saturated": _(
        "The model would estimate too many numbers for so few subjects, so nothing leaves: use fewer predictors "
        "or levels."
    ),
    "studies.too-similar": _(
        "This answer and earlier ones together could tell about too few subjects, so nothing leaves: use the "
        "earlier results, or ask about groups that differ more."
    ),
    "studies.other-institutes": _(
        "The same was answered before with other institutes, and the difference would be the figures of those: "
        "ask the same institutes as before, or something else."
    ),
    "studies.memory-unreadable": _(
        "What this institute has answered before cannot be read, so it answers nothing more: its operator "
        "restores it from a backup."
    ),
    "studies.broken-contract": _(
        "The sums are not what the study promised, so nothing leaves: the recipe or its code is at fault. Report it."
    ),
    "studies.internal": _(
        "The node of the institute failed by itself and sent nothing: its operator finds the reason in the "
        "engine's log."
    ),
    "studies.bad-message": _(
        "A message of the run is not in the agreed form, and nothing was computed from it: tell the team of the Root."
    ),
    "studies.wrong-round": _("A message came for another run or round than the one that is due: it was ignored."),
    "studies.altered-total": _(
        "The total that came is not the one of this round, so this institute stopped: tell the board of the network."
    ),
    "studies.altered-set": _(
        "The Root asked for the same step in another way than before, so nothing more was sent: tell the board of "
        "the network."
    ),
    "studies.bad-shares": _(
        "What protects the sums was altered or mixed up on its way, so the round ends without a total: record a "
        "new run."
    ),
    "studies.bad-session": _(
        "The keys of this run are missing or not signed by their institute, so nothing is sent: record a new run."
    ),
    "studies.too-few-institutes": _(
        "Too few institutes take part: wait for more approvals, or for those that dropped out, and run the study again."
    ),
    "studies.engine-not-ready": _("The engine of studies is not set up on this node: its operator does that."),
    "studies.bad-engine-certificate": _(
        "The certificate with which a node joins runs is not valid: its operator asks for a new one."
    ),
    "core.bad-identifier": _("This name or reference is not in an allowed form: write it as the detail shows."),
    **dict.fromkeys(
        ["core.busy", "catalog.verifier-busy", "federation.upload-busy"],
        _("Something else of the same kind is under way: try again in a moment."),
    ),
    "core.disk-full": _("The disk of this node is full: its operator frees some space."),
    "core.unavailable": _("A file of this node cannot be read or written: tell its operator."),
    **dict.fromkeys(
        ["settings.bad-value", "settings.bad-network-file", "gateway.bad-configuration"],
        _("A setting of this node is not valid: its operator corrects it."),
    ),
    "federation.not-admitted": _(
        "This institute does not belong to the network yet: the board has not signed its admission."
    ),
    **dict.fromkeys(
        ["federation.root-unreachable", "trust.source-unavailable"],
        _("The Root, or the copy that is read in its place, cannot be reached now: try again later."),
    ),
    "federation.root-cut-off": _("A drill keeps this node from the Root for a while: wait until it is over."),
    "federation.root-refused": _("The Root does not accept this: the detail gives its reason."),
    "federation.not-in-directory": _("No institute of the network has this name."),
    "trust.expired": _(
        "The signatures that this node holds are past their date, so nothing new is accepted: its operator brings "
        "it up to date with the Root."
    ),
    **dict.fromkeys(
        [
            "trust.untrusted",
            "trust.bad-download",
            "trust.history-rewritten",
            "trust.rollback",
            "trust.bad-signature",
            "trust.bad-segment",
            "trust.not-continuous",
            "trust.foreign-record",
            "catalog.file-changed",
        ],
        _(
            "What was read is not what was signed, so it is not used: try again, and tell the team of the Root if it "
            "stays so."
        ),
    ),
    "trust.version-conflict": _("Another publication of this institute came first; nothing is lost: try again."),
    "trust.not-kept": _(
        "An earlier publication of this institute still waits for the Root: try again once it has gone out."
    ),
    **dict.fromkeys(
        [
            "trust.publication-refused",
            "trust.bad-publication",
            "trust.too-large",
            "trust.wrong-signer",
            "trust.outside-namespace",
            "trust.history-changed",
            "trust.file-missing",
        ],
        _("The Root never accepts this publication as it is: tell the operator of this node."),
    ),
    "trust.not-admitted": _("The board does not know this institute, or has revoked it: ask the board."),
    **dict.fromkeys(
        ["trust.card-refused", "catalog.card-refused", "trust.bad-record"],
        _("What is to be published breaks a rule of its kind: correct what the detail names."),
    ),
    **dict.fromkeys(
        ["trust.clock-wrong", "federation.clock-wrong"],
        _("The clock of this node and the clock of the Root differ too much: an operator sets the wrong one."),
    ),
    **dict.fromkeys(
        ["trust.key-missing", "trust.key-too-open", "trust.bad-key"],
        _("A key that this needs is not on this node, or cannot be used: tell its operator."),
    ),
    **dict.fromkeys(
        ["trust.record-missing", "trust.file-absent", "catalog.item-not-found"],
        _(
            "This record, or this file of it, is not here: check its name, or look again after the next exchange with "
            "the Root."
        ),
    ),
    "governance.trail-broken": _("The audit trail is not as it was written: tell the board of the network."),
    "gateway.bad-scope": _("A key cannot have these routes, limits or times: correct what the detail names."),
    "gateway.bad-project": _("The title or the note is too long or not one line of text: correct it."),
    "gateway.bad-credits": _(
        "This is no amount of credits that can be granted: write a number above 0 with at most 6 decimals, such "
        "as 1000 or 0.25."
    ),
    "gateway.project-exists": _(
        "There is, or was, a project of this name: choose another name, since none is given twice."
    ),
    "gateway.project-not-found": _("There is no project of this name: look for it in the list of projects."),
    "gateway.project-closed": _("This project was closed for good: make another one."),
    "gateway.key-exists": _("The project has a key of this name: replace or revoke that one, or choose another name."),
    "gateway.key-not-found": _("There is no such key: look for it in the list of keys."),
    "gateway.key-not-current": _(
        "This key was revoked, or another one has replaced it: use the current one, or make a new one."
    ),
    "gateway.no-configuration": _("This node has no gateway yet: its operator makes one."),
    **dict.fromkeys(
        ["gateway.journal-damaged", "gateway.journal-unwritable", "gateway.receipt-untrusted"],
        _("The journal of the gateway cannot be written, or is not what was written: tell the operator of this node."),
    ),
    "gateway.receipt-not-found": _("There is no such receipt here: check its number, and that the call has ended."),
    "gateway.playground-shut": _("The playground is not open: an operator of this node opens it."),
    **dict.fromkeys(
        ["gateway.no-such-route", "gateway.route-not-allowed"],
        _("There is no such route here, or the key is not for it: choose another one."),
    ),
    "gateway.policy-refuses": _(
        "The residency policy lets data of this class go to no provider of this route: choose another route, or "
        "ask about less sensitive data."
    ),
    **dict.fromkeys(
        ["gateway.data-class-too-high", "gateway.may-not-declassify"],
        _("The key is not for data of this class: choose another class, or do not send such data."),
    ),
    **dict.fromkeys(
        [
            "gateway.no-provider-ready",
            "gateway.provider-failed",
            "gateway.bad-answer",
            "gateway.provider-silent",
            "gateway.provider-away",
            "gateway.provider-busy",
            "gateway.provider-declined",
            "gateway.provider-not-itself",
            "gateway.connection-closed",
            "gateway.engine-away",
        ],
        _("The provider of the model does not answer as it should: try again in a moment, or choose another route."),
    ),
    "gateway.provider-cut": _("A drill has cut the provider off: wait until it is over."),
    **dict.fromkeys(
        ["gateway.provider-refused", "gateway.bad-request", "gateway.body-too-large"],
        _(
            "The question is not accepted as it is, or is too long: write it in another way, or begin a new "
            "conversation."
        ),
    ),
    "gateway.out-of-credits": _(
        "The project's credits do not cover what this call may cost: ask for a shorter answer, or ask an operator "
        "for more credits."
    ),
    "gateway.limit-reached": _("Too much was asked within a short time: wait a moment, then try again."),
    **dict.fromkeys(
        ["gateway.not-ready", "gateway.draining", "gateway.bodies-full", "gateway.later"],
        _("The gateway takes nothing new at the moment: try again in a while."),
    ),
    "gateway.away": _(
        "The gateway of this node does not answer, or broke off: try again in a moment, or tell an operator."
    ),
    **dict.fromkeys(
        ["gateway.bad-key", "gateway.expired-key", "gateway.revoked-key", "gateway.no-secret"],
        _("The key or secret that this needs is not valid any more, or not there: tell an operator."),
    ),
    "policy.no-policy": _("This node has no residency policy, so nothing may be sent."),
    "policy.policy-expired": _("The residency policy is past its date: its next version is to be published."),
    "policy.no-facts": _("Nobody attests who runs this provider and where."),
    "policy.issuer-not-named": _("The policy does not name who attests this among those whose word counts."),
    "policy.facts-expired": _("What is attested about this provider is past its date."),
    "policy.no-rule": _("The policy has no rule for such data, so they go nowhere."),
    "policy.operator-not-allowed": _("Its operator is under the law of a country that the policy does not allow."),
    "policy.hosting-unknown": _("Where it is hosted is unknown."),
    "policy.hosting-not-allowed": _("It is hosted in a country that the policy does not allow."),
    "policy.keeping-unknown": _("How long it keeps prompts is unknown."),
    "policy.kept-too-long": _("It keeps prompts for longer than the policy allows."),
    "policy.training-unknown": _("Whether it trains on prompts is unknown."),
    "policy.trains-on-prompts": _("It trains on prompts, which the policy does not allow."),
    "policy.not-passed-on": _("A call that came from another institute is not sent on to a third one."),
    "policy.beyond-offer": _("Calls of other institutes do not go to this provider, as the offer promises."),
    "policy.allowed": _("A rule of the policy allows it."),
}
"""By code the message to translate; ``policy.`` and the reason of a decision of the gateway stand for that reason."""
