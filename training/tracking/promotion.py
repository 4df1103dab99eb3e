"""Move the champion: through the gate and out to the served bundle, or not at all.

The served bundle is the folder ``var/bundle``. A promotion takes the
candidate's bundle from its run, verifies signature, hashes, text and golden
rows, weighs the evidence that it was signed with, writes it anew under its
version number, signs it, reads it back, and only then points the alias
``champion`` at it. Whatever fails, alias and folder are as they were. Tags and
aliases are for people: what decides is signed (`training.tracking.standing`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from marketplace.display import Shown, text_of
from marketplace.errors import GateError, LayoutError
from marketplace.state import replace_folder
from models.bundle import Bundle, bundle_folder, load_bundle, read_public_key, read_signer, save_bundle
from training.tracking.gate import Check, Judgement, Verdict, check_gate, require_gate
from training.tracking.ledger import PROMOTED, RESTORED, Event, Ledger
from training.tracking.merits import keep_merits
from training.tracking.registry import (
    CHALLENGER,
    CHAMPION,
    HELD_OUT,
    Version,
    aliased,
    count_tagged,
    find_version,
    newest,
    point_alias,
    tag_version,
)
from training.tracking.standing import Champion, Opened, champion_of, evidence_of_version, open_version
from training.tracking.store import Store, open_store

__all__ = ["Promotion", "promote", "promotion_text", "rollback"]

PREVIOUS = "previous_champion"
"""Tag of a version, for people: which version was champion before it was promoted (empty for none)."""


@dataclass(frozen=True, repr=False)
class Promotion(Shown):
    """What `promote` or `rollback` did.

    Attributes
    ----------
    version : int
        The champion now.
    previous : int or None
        The champion before.
    ranker : str
        Of the champion now.
    checks : tuple of Check
        The gate's findings, the verdict last; empty for a rollback.
    forced : bool
        Whether a refusal was overridden.
    bundle : Path
        The served folder.
    verdict : str
        The gate's: ``better``, ``not worse``, ``cannot tell`` or ``worse``; empty for a rollback.
    words : str
        The verdict and what followed from it.
    """

    version: int
    previous: int | None
    ranker: str
    checks: tuple[Check, ...]
    forced: bool
    bundle: Path
    verdict: str = ""
    words: str = ""

    @property
    def headline(self) -> str:
        """Which version is the champion now, and which was before."""
        before = "none" if self.previous is None else f"version {self.previous}"
        forced = " (forced)" if self.forced else ""
        return f"champion is now version {self.version}, ranker {self.ranker}{forced}; before: {before}"

    def to_frame(self) -> pd.DataFrame:
        """One row a rule of the gate (the index): its verdict, whether it passed, and its figures in words."""
        columns = ["rule", "verdict", "passed", "figures"]
        return pd.DataFrame([vars(check) for check in self.checks], columns=columns).set_index("rule")

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "version": self.version,
            "previous": self.previous,
            "ranker": self.ranker,
            "forced": self.forced,
            "bundle": str(self.bundle),
            "verdict": self.verdict,
            "words": self.words,
            "checks": [dataclasses.asdict(check) for check in self.checks],
        }


@text_of.register
def promotion_text(done: Promotion) -> str:
    """The gate's findings one a line, the verdict last, then who is champion now and where the bundle lies."""
    rules = [
        f"{'pass' if check.passed else 'FAIL'}  {check.verdict or '-':<11}  {check.rule}: {check.figures}"
        for check in done.checks
    ]
    return "\n".join([*rules, f"{done.headline}; bundle in {done.bundle}"])


def promote(
    version: int | None = None, *, force: bool = False, reason: str = "", store: Store | None = None
) -> Promotion:
    """Make a candidate the champion if the gate lets it pass.

    Parameters
    ----------
    version : int, optional
        Which version; the newest by default.
    force : bool
        Promote although rules failed. Needs ``reason``; both are recorded as tags of the version and its run.
    reason : str
        Why, in words. Without ``force`` it is what speaks for a candidate that is not worse than the champion; one
        that learned from newer outcomes needs none.
    store : Store, optional
        The default store otherwise.

    Raises
    ------
    GateError
        A rule failed, there is no such version, force without a reason, or evidence or bundle are not those that the
        version was made with.
    BundleError
        The candidate's bundle does not verify.
    """
    if force and not reason.strip():
        raise GateError("a reason with --force", received="none", look="`collabrank promote --force --reason TEXT`")
    store, ledger = store or open_store(), Ledger()
    candidate = newest(store) if version is None else find_version(store, version)
    champion = champion_of(store, ledger)
    if champion is not None and candidate.run_id == champion.run_id:
        raise GateError(
            "a candidate other than the champion",
            received=f"version {candidate.number}, which is the champion already",
            look="`collabrank train DIR` makes a new candidate; `collabrank rollback` goes back",
        )
    opened = open_version(store, candidate, ledger)
    judgement = _weigh(store, ledger, opened, champion, reason=reason.strip(), force=force)
    checks = () if judgement is None else judgement.checks
    failed = [check.rule for check in checks if not check.passed]
    if not force and judgement is not None:
        require_gate(judgement)
    tags = {
        PREVIOUS: "" if champion is None else champion.number,
        "promoted_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "gate": "forced" if failed or (force and not checks) else "passed",
        "gate_figures": "; ".join(f"{check.rule}: {check.figures}" for check in checks)[:5000],
        "verdict": "" if judgement is None else judgement.verdict,
        "verdict_words": "" if judgement is None else judgement.words,
        "candidates": "" if judgement is None else judgement.candidates,
    }
    if reason.strip() and not force:
        tags["reason"] = reason.strip()
    if force:
        tags |= {"forced": "true", "forced_reason": reason.strip(), "forced_past": ", ".join(failed)}
    forced = bool(force and failed) or bool(force and not checks)
    event = _event(PROMOTED, opened, champion, forced=forced, reason=reason.strip())
    _serve(store, ledger, opened, event, tags)
    keep_merits(store, opened, judgement, forced=forced, reason=reason.strip())
    return Promotion(
        candidate.number,
        None if champion is None else champion.number,
        opened.bundle.ranker,
        checks,
        forced,
        bundle_folder(),
        "" if judgement is None else judgement.verdict.value,
        "" if judgement is None else judgement.words,
    )


def rollback(*, store: Store | None = None) -> Promotion:
    """Make the champion's predecessor the champion again, bundle and alias.

    Raises
    ------
    GateError
        There is no champion, or it had no predecessor that this home's ledger knows.
    BundleError
        The predecessor's bundle does not verify.
    """
    store, ledger = store or open_store(), Ledger()
    champion = champion_of(store, ledger)
    promoted = None if champion is None else ledger.promotion_of(champion.run_id)
    if champion is None or promoted is None or promoted.previous_version is None:
        known = "no champion" if champion is None else f"version {champion.number}, the first"
        if champion is not None and promoted is None:
            known = f"version {champion.number}, whose promotion is not in this home's ledger"
        raise GateError(
            "a champion that replaced another",
            received=known,
            look="`collabrank ui`, Model registry; `collabrank promote --version N` takes any version",
        )
    before = find_version(store, promoted.previous_version)
    if before.run_id != promoted.previous_run_id:
        raise GateError(
            f"version {before.number} made by run {promoted.previous_run_id}, which was champion",
            received=f"one made by run {before.run_id}: the registry was changed",
            look="`collabrank promote --version N` takes any version through the gate",
        )
    opened = open_version(store, before, ledger)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    # The predecessor's own promotion says whom it replaced, so rolling back twice goes back two steps.
    event = _event(RESTORED, opened, champion)
    _serve(store, ledger, opened, event, {"restored_at": now, "restored_from": champion.number})
    keep_merits(store, opened)
    return Promotion(before.number, champion.number, opened.bundle.ranker, (), False, bundle_folder())


def _weigh(
    store: Store, ledger: Ledger, candidate: Opened, champion: Champion | None, *, reason: str, force: bool
) -> Judgement | None:
    """The gate's judgement; a forced promotion goes on without one where it cannot be had.

    A version that stands on a basis (`models.bundle.Basis`) declares that its marketplace has too few outcomes for
    heads of its own, and so too few for the gate to tell it from anything. It may take an empty place or that of
    another version on a basis, and none that has heads of its own. A champion of a layout that this version of
    collabrank does not read is as good as none.
    """
    try:
        evidence = evidence_of_version(store, candidate)
        basis, theirs = candidate.bundle.basis, None
        unread: tuple[Check, ...] = ()
        alike = basis is not None and champion is not None and champion.basis
        if champion is not None and not alike and evidence.champion_version != champion.number:
            version = Version(champion.number, champion.run_id, "", {})
            try:
                theirs = evidence_of_version(store, open_version(store, version, ledger))
            except LayoutError as why:
                # An earlier version of collabrank made it: this one can neither measure nor serve it.
                words = f"version {champion.number} cannot be opened ({why.received}): judged as if there were none"
                champion, unread = None, (Check("champion of another layout", True, words),)
        if basis is not None and (champion is None or champion.basis):
            beside = "no champion yet" if champion is None else f"champion version {champion.number} is on a basis too"
            check = Check("on a basis, in no better one's place", True, f"{beside}; {basis.text}")
            words = "cannot tell: too little came of its invitations to judge by; it takes the place of no better one"
            return Judgement(Verdict.CANNOT_TELL, words, (*unread, check))
        # Tags can only raise the number, which makes the gate stricter; they may know of other homes' candidates.
        tried = max(1, ledger.measured(evidence.held_out), count_tagged(store, HELD_OUT, evidence.held_out))
        judgement = check_gate(
            evidence,
            champion=theirs,
            champion_version=None if champion is None else champion.number,
            candidates=tried,
            reason=(_newer(candidate.bundle, champion) or reason) if champion is not None else "",
        )
        return dataclasses.replace(judgement, checks=(*unread, *judgement.checks))
    except GateError:
        if force:
            return None
        raise


def _newer(candidate: Bundle, champion: Champion) -> str:
    """In words, that the candidate learned from newer outcomes; empty where it did not."""
    until, then = candidate.as_of, champion.as_of
    return f"it learned from outcomes until {until}, the champion until {then}" if then and until > then else ""


def _event(kind: str, opened: Opened, champion: Champion | None, *, forced: bool = False, reason: str = "") -> Event:
    return Event(
        kind=kind,
        version=opened.version.number,
        run_id=opened.version.run_id,
        bundle_sha256=opened.bundle.fingerprint,
        evidence_sha256=opened.bundle.evidence_sha256,
        previous_version=None if champion is None else champion.number,
        previous_run_id="" if champion is None else champion.run_id,
        forced=forced,
        reason=reason,
    )


def _serve(store: Store, ledger: Ledger, opened: Opened, event: Event, tags: Mapping[str, object]) -> None:
    """Write the version's bundle, signed, and let the alias point at it: both or neither."""
    version = opened.version
    with _alias_restored_on_failure(store), replace_folder(bundle_folder()) as fresh:
        save_bundle(dataclasses.replace(opened.bundle, model_version=str(version.number)), fresh, read_signer())
        load_bundle(fresh, read_public_key())
        point_alias(store, CHAMPION, version)
        tag_version(store, version, tags)
        ledger.append(event)
    challenger = aliased(store, CHALLENGER)
    if challenger is not None and challenger.number == version.number:
        point_alias(store, CHALLENGER, None)


@contextmanager
def _alias_restored_on_failure(store: Store) -> Iterator[None]:
    before = aliased(store, CHAMPION)
    try:
        yield
    except BaseException:
        current = aliased(store, CHAMPION)
        if (current and current.number) != (before and before.number):
            point_alias(store, CHAMPION, before)
        raise
