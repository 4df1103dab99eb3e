"""The bundle: the one thing that passes from training to serving.

How to build one in memory. ``calibration`` says for every quantity which head
it reads; fit each with `models.calibration.scale.fit_probability` or `fit_money`
on out-of-fold raw scores (``Booster.predict(X, raw_score=True)``), or on a weighted
sum of several heads' scores (``fit_money({"lift": .5, "attributed": .5}, ...)``). ``funnel``
says how the chances come of the calibrated probabilities (`models.funnel`).

Pointwise heads, multiplied::

    Bundle(
        ranker="expected_value",
        signals=tuple(SIGNALS),
        heads={"accept": ..., "deliver": ..., "lift": ..., "attributed": ...},
        calibration={
            "accept": fit_probability("accept", a, label=accepted, campaign=campaign),      # every invitation
            "deliver": fit_probability("deliver", d, label=delivered, campaign=campaign),   # accepted ones
            "lift": fit_money("lift", r, label=lift_usd, label_se=lift_se_usd),             # delivered ones
            "attributed": fit_money("attributed", t, label=attributed_usd),                 # delivered ones
        },
        funnel=CHAINED,
        as_of="2026-05-01",
        words=words_of(SIGNALS.values()),
        contract_sha256=signals_sha256(SIGNALS.values()),
        run_id=run_id, metrics=metrics, golden=X[:16],
    )

Two ranking heads, from which all four quantities are read::

    Bundle(
        ranker="lambdarank",
        heads={"success": success_booster, "lift": lift_booster},
        calibration={
            "success": fit_probability("success", s, label=delivered, campaign=campaign),   # every invitation
            "accept": fit_probability("success", s, label=accepted, campaign=campaign),     # every invitation
            "lift": fit_money("lift", r, label=lift_usd, label_se=lift_se_usd),             # delivered ones
            "attributed": fit_money("lift", r, label=attributed_usd),                       # delivered ones
        },
        funnel=APART,
        ...)

``success`` means delivered (grade 2 and over): P(accept) * P(deliver | accept).
``lift`` and ``attributed`` are there always; a quantity that neither the funnel
nor the utility reads is told beside them (`models.predict.Predictions.others`).
A head is a single-output Booster over all the bundle's signals in their order,
without linear trees; it is stored up to its best iteration. Money may be
fitted in units of signals (``scale=Scale((Term("product_price_last_all", ...),))``).

``save_bundle(bundle, folder, read_signer())`` writes it; ``load_bundle(folder, read_public_key())`` reads it back.
Registering under a version: ``dataclasses.replace(bundle, model_version="7")``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

import numpy as np

from marketplace.arrays import Floats
from marketplace.errors import BundleError
from models.bundle.basis import Basis
from models.bundle.words import SignalWords
from models.calibration import Calibration, MoneySpread, ProbabilitySpread
from models.drift import Reference
from models.funnel import STEPS, Expression, expression_of, names_in
from models.predict import MONEY, Predictions
from models.score import DEFAULT_WEIGHTS, INDEX_NAMES, checked_weights
from models.stage import Stage

if TYPE_CHECKING:
    import lightgbm as lgb

__all__ = ["Bundle", "head_name"]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")
_OWN = {one.name for one in fields(Predictions)} - {*MONEY, "accept", "deliver"}
_HEAD = re.compile(r"[a-z][a-z0-9_]{0,39}")


def head_name(name: object) -> bool:
    """Whether ``name`` may name a head, a quantity or a ranker: file names are made from such names alone."""
    return isinstance(name, str) and _HEAD.fullmatch(name) is not None


@dataclass(frozen=True, kw_only=True, eq=False)
class Bundle:
    """A fitted model with all that predicting, explaining and trusting it takes.

    Parameters
    ----------
    ranker : str
        Its name, for people: nothing is decided by it.
    signals : tuple of str
        The matrix's columns, in order.
    heads : mapping of str to lightgbm.Booster
        Those that the calibration and the last stage read.
    calibration : mapping of str to Calibration
        One for each quantity: `MONEY`, the probabilities that the funnel reads, and any others.
    funnel : mapping of str to Expression
        How each of `models.funnel.STEPS` comes of the calibrated probabilities.
    stage : Stage, optional
        The last stage, whose head puts the candidates in order.
    as_of : str
        Labels known before this day trained it (ISO date).
    basis : Basis, optional
        What it stands on where it was not learned from outcomes enough for heads of their own.
    run_id, model_version : str
        The training run and the registered version.
    contract_sha256 : str
        `models.bundle.words.signals_sha256` of the signals it was trained on; empty for a plain matrix.
    words : mapping of str to SignalWords
        Unit and description of signals, for the reasons; a signal without one is called by its name.
    head_words : mapping of str to str
        What each head tells, for the reasons ("the chance of acceptance"); a head without is called by its name.
    weights : mapping of str to float
        Default weights of the score.
    metrics : mapping of str to float
        Held-out metrics, as training found them.
    golden : float64 (n, n_signals), optional
        Rows whose predictions are stored and compared at every load; made up within the heads' ranges when absent.
    index_names : tuple of str
        The indices that the score combines.
    evidence_sha256 : str
        SHA-256 (hex) of the figures that promotion weighs, so that one signature stands for both; empty without any.
    reference : Reference, optional
        How signals and predictions were distributed when it was made, which drift is told by.

    Raises
    ------
    BundleError
        The parts do not fit each other.
    """

    ranker: str
    signals: tuple[str, ...]
    heads: Mapping[str, lgb.Booster]
    calibration: Mapping[str, Calibration]
    funnel: Mapping[str, Expression]
    as_of: str
    stage: Stage | None = None
    basis: Basis | None = None
    run_id: str = ""
    model_version: str = ""
    contract_sha256: str = ""
    words: Mapping[str, SignalWords] = field(default_factory=dict)
    head_words: Mapping[str, str] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=lambda: dict(DEFAULT_WEIGHTS))
    metrics: Mapping[str, float] = field(default_factory=dict)
    golden: Floats | None = None
    index_names: tuple[str, ...] = INDEX_NAMES
    evidence_sha256: str = ""
    reference: Reference | None = None
    fingerprint: str = ""
    """SHA-256 of the manifest on disk; empty until loaded."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "signals", tuple(self.signals))
        object.__setattr__(self, "index_names", tuple(self.index_names))
        if self.golden is not None:
            object.__setattr__(self, "golden", np.ascontiguousarray(self.golden, dtype=np.float64))
        object.__setattr__(self, "funnel", {step: expression_of(one) for step, one in self.funnel.items()})
        self._check_shape()
        self._check_calibration()
        for name, booster in self.heads.items():
            self._check_head(name, booster)
        checked_weights(self.weights, self.index_names)

    def _check_shape(self) -> None:
        for name in (self.ranker, *self.heads, *self.calibration):
            if not head_name(name):
                raise _misfit("names of small letters, digits and underscores", repr(name))
        taken = sorted(_OWN & set(self.calibration))
        if taken:
            raise _misfit("quantities named otherwise than what is made of them", ", ".join(taken))
        if len(set(self.signals)) != len(self.signals) or not all(map(_NAME.fullmatch, self.signals)):
            raise _misfit("signals with different names of letters, digits and underscores", f"{self.signals[:5]}")
        if not self.signals:
            raise _misfit("at least one signal", "none")
        golden = self.golden
        wide = golden is None or (golden.ndim == 2 and golden.shape[1] == len(self.signals) and len(golden) <= 256)
        if not wide or (golden is not None and np.isinf(golden).any()):
            shape = golden.shape if golden is not None else ()
            raise _misfit(f"golden rows of shape (at most 256, {len(self.signals)}), finite or NaN", f"{shape}")
        said = (self.as_of, self.run_id, self.model_version, self.contract_sha256, self.evidence_sha256)
        if not all(isinstance(one, str) for one in said):
            raise _misfit("a day, a run, a version and hashes as text", f"{said!r:.100}")
        unknown = sorted(set(self.words) - set(self.signals))
        if unknown:
            raise _misfit("words for the bundle's own signals", f"words for {unknown[:3]}")

    def _check_calibration(self) -> None:
        if set(self.funnel) != set(STEPS):
            raise _misfit(f"a funnel of {', '.join(STEPS)}", ", ".join(sorted(self.funnel)))
        read = {name for step in self.funnel.values() for name in names_in(step)}
        missing = sorted((read | set(MONEY)) - set(self.calibration))
        if missing:
            raise _misfit(f"calibration of {', '.join(sorted(read | set(MONEY)))}", f"none of {', '.join(missing)}")
        used = {head for calibration in self.calibration.values() for head in calibration.heads}
        if self.stage is not None:
            if self.stage.head in used:
                raise _misfit("a last stage with a head of its own", self.stage.head)
            used.add(self.stage.head)
        if set(self.heads) != used:
            raise _misfit(f"heads {sorted(used)}, which calibration and stage read", f"{sorted(self.heads)}")
        for quantity, calibration in self.calibration.items():
            wanted = MoneySpread if quantity in MONEY else ProbabilitySpread if quantity in read else None
            if wanted is not None and not isinstance(calibration.spread, wanted):
                raise _misfit(f"a {wanted.__name__} for {quantity}", type(calibration.spread).__name__)
            strange = [] if calibration.scale is None else sorted(set(calibration.scale.signals) - set(self.signals))
            if strange:
                raise _misfit("a scale of the bundle's own signals", ", ".join(strange[:3]))
        unknown = sorted(set(self.head_words) - set(self.heads))
        if unknown or not all(isinstance(words, str) for words in self.head_words.values()):
            raise _misfit("words for the bundle's own heads", f"words for {unknown[:3]}")

    @property
    def deciding(self) -> tuple[str, ...]:
        """The heads that the utility and the order depend on, in their order."""
        read = {*MONEY, *(name for step in ("accept", "success") for name in names_in(self.funnel[step]))}
        used = {head for name in read for head in self.calibration[name].heads}
        if self.stage is not None:
            used.add(self.stage.head)
        return tuple(name for name in self.heads if name in used)

    def _check_head(self, name: str, booster: lgb.Booster) -> None:
        names = booster.feature_name()
        plain = [f"Column_{place}" for place in range(len(self.signals))]
        if names not in (plain, list(self.signals)):
            raise _misfit(
                f"head {name} over the {len(self.signals)} signals in their order",
                f"{len(names)} features: {', '.join(names[:5])}",
            )
        if booster.num_model_per_iteration() != 1:
            raise _misfit(f"head {name} with one output", f"{booster.num_model_per_iteration()} outputs")

    def check_contract(self, sha256: str) -> None:
        """Refuse signals whose contract is not the one trained on, and other indices than those it weighs.

        Raises
        ------
        BundleError
            `models.bundle.words.signals_sha256` of the signals at hand differs, or the indices are not the bundle's.
        """
        if self.contract_sha256 != sha256:
            raise BundleError(
                f"signals of contract {self.contract_sha256[:12] or '(none)'}, on which the bundle was trained",
                received=f"signals of contract {sha256[:12]}",
                look="retrain and promote: collabrank train DIR, then collabrank promote",
            )
        if self.index_names != INDEX_NAMES:
            raise BundleError(
                f"the indices that the bundle weighs: {', '.join(self.index_names)}",
                received=", ".join(INDEX_NAMES),
                look="retrain and promote: collabrank train DIR, then collabrank promote",
            )


def _misfit(expected: str, received: str) -> BundleError:
    return BundleError(expected, received=received, look="models/bundle/model.py, which shows how to build one")
