"""Move the champion: through the gate and out to the served bundle, or not at all.

The served bundle is the folder ``var/bundle``. A promotion takes the
candidate's bundle from its run, verifies signature, hashes, text and golden
rows, writes it anew under its version number, signs it, reads it back, and
only then points the alias ``champion`` at it. Whatever fails, alias and folder
are as they were.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from marketplace.display import Shown, text_of
from marketplace.errors import GateError
from marketplace.state import replace_folder
from models.bundle import bundle_folder, load_bundle, save_bundle
from training.tracking.gate import Check, GateEvidence, Judgement, Verdict, check_gate, require_gate
from training.tracking.registry import (
    BASIS,
    CHALLENGER,
    CHAMPION,
    EVIDENCE_ARTIFACT,
    EVIDENCE_DIGEST,
    HELD_OUT,
    Version,
    aliased,
    count_tagged,
    fetch_bundle,
    find_version,
    newest,
    point_alias,
    tag_version,
)
from training.tracking.store import Store, open_store

__all__ = ["Promotion", "promote", "promotion_text", "rollback"]

PREVIOUS = "previous_champion"
"""Tag of a version: which version was champion before it was promoted (empty for none)."""


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
        A rule failed, there is no such version, or force without a reason.
    BundleError
        The candidate's bundle does not verify.
    """
    if force and not reason.strip():
        raise GateError("a reason with --force", received="none", look="`collabrank promote --force --reason TEXT`")
    store = store or open_store()
    candidate = newest(store) if version is None else find_version(store, version)
    champion = aliased(store, CHAMPION)
    if champion is not None and champion.number == candidate.number:
        raise GateError(
            "a candidate other than the champion",
            received=f"version {candidate.number}, which is the champion already",
            look="`collabrank train DIR` makes a new candidate; `collabrank rollback` goes back",
        )
    judgement = _weigh(store, candidate, champion, reason=reason.strip(), force=force)
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
    _serve(store, candidate, champion, tags)
    return Promotion(
        candidate.number,
        None if champion is None else champion.number,
        candidate.tags.get("ranker", ""),
        checks,
        bool(force and failed) or bool(force and not checks),
        bundle_folder(),
        "" if judgement is None else judgement.verdict.value,
        "" if judgement is None else judgement.words,
    )


def rollback(*, store: Store | None = None) -> Promotion:
    """Make the champion's predecessor the champion again, bundle and alias.

    Raises
    ------
    GateError
        There is no champion, or it had no predecessor.
    BundleError
        The predecessor's bundle does not verify.
    """
    store = store or open_store()
    champion = aliased(store, CHAMPION)
    if champion is None or not champion.tags.get(PREVIOUS):
        raise GateError(
            "a champion that replaced another",
            received="no champion" if champion is None else f"version {champion.number}, the first",
            look="`collabrank ui`, Model registry; `collabrank promote --version N` takes any version",
        )
    before = find_version(store, int(champion.tags[PREVIOUS]))
    now = datetime.now(UTC).isoformat(timespec="seconds")
    # The predecessor keeps its own `previous_champion`, so rolling back twice goes back two steps.
    _serve(store, before, champion, {"restored_at": now, "restored_from": champion.number})
    return Promotion(before.number, champion.number, before.tags.get("ranker", ""), (), False, bundle_folder())


def _weigh(store: Store, candidate: Version, champion: Version | None, *, reason: str, force: bool) -> Judgement | None:
    """The gate's judgement; a forced promotion goes on without one where it cannot be had.

    A version that stands on a basis (`models.bundle.Basis`) declares that its marketplace has too few outcomes for
    heads of its own, and so too few for the gate to tell it from anything. It may take an empty place or that of
    another version on a basis, and none that has heads of its own.
    """
    try:
        evidence = _recorded(store, candidate)
        if candidate.tags.get(BASIS) and (champion is None or champion.tags.get(BASIS)):
            beside = "no champion yet" if champion is None else f"champion version {champion.number} is on a basis too"
            check = Check("on a basis, in no better one's place", True, f"{beside}; {candidate.tags[BASIS]}")
            words = "cannot tell: too little came of its invitations to judge by; it takes the place of no better one"
            return Judgement(Verdict.CANNOT_TELL, words, (check,))
        theirs = None
        if champion is not None and evidence.champion_version != champion.number:
            theirs = _recorded(store, champion)
        return check_gate(
            evidence,
            champion=theirs,
            champion_version=None if champion is None else champion.number,
            candidates=max(1, count_tagged(store, HELD_OUT, evidence.held_out)),
            reason=(_newer(candidate, champion) or reason) if champion is not None else "",
        )
    except GateError:
        if force:
            return None
        raise


def _newer(candidate: Version, champion: Version) -> str:
    """In words, that the candidate learned from newer outcomes; empty where it did not."""
    until, then = candidate.tags.get("as_of", ""), champion.tags.get("as_of", "")
    return f"it learned from outcomes until {until}, the champion until {then}" if then and until > then else ""


def _recorded(store: Store, version: Version) -> GateEvidence:
    """The evidence that the version's run recorded, refused where it is not the one that the version was made with."""
    evidence = GateEvidence.of(store.read_json(version.run_id, EVIDENCE_ARTIFACT))
    digest = version.tags.get(EVIDENCE_DIGEST, "")
    if digest and evidence.digest() != digest:
        raise GateError(
            f"the evidence that version {version.number} was registered with, {digest[:12]}",
            received=f"{EVIDENCE_ARTIFACT} of its run was changed since: {evidence.digest()[:12]}",
            look="train again: `collabrank train DIR`",
        )
    return evidence


def _serve(store: Store, version: Version, champion: Version | None, tags: Mapping[str, object]) -> None:
    """Write the version's bundle, signed, and let the alias point at it: both or neither."""
    from models.bundle import read_public_key, read_signer

    with tempfile.TemporaryDirectory(prefix="collabrank-") as scratch:
        key = read_public_key()
        stored = load_bundle(fetch_bundle(store, version, Path(scratch)), key)
        with _alias_restored_on_failure(store, champion), replace_folder(bundle_folder()) as fresh:
            save_bundle(dataclasses.replace(stored, model_version=str(version.number)), fresh, read_signer())
            load_bundle(fresh, key)
            point_alias(store, CHAMPION, version)
            tag_version(store, version, tags)
    challenger = aliased(store, CHALLENGER)
    if challenger is not None and challenger.number == version.number:
        point_alias(store, CHALLENGER, None)


@contextmanager
def _alias_restored_on_failure(store: Store, champion: Version | None) -> Iterator[None]:
    try:
        yield
    except BaseException:
        current = aliased(store, CHAMPION)
        if (current and current.number) != (champion and champion.number):
            point_alias(store, CHAMPION, champion)
        raise
