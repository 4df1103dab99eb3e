"""What a study found, in words and as JSON: the best hyperparameters beside the default, twice measured."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from marketplace.arrays import Floats
from training.heads import Hyperparameters
from training.stats import PairedTest, paired_randomisation_test

__all__ = ["Tried", "TuneResult", "result_json", "tune_text"]


@dataclass(frozen=True)
class Tried:
    """One set of hyperparameters, measured in the search and, where ``again_share`` is not NaN, a second time.

    The second time the campaigns are assigned to other blocks and the fits have another seed. ``by_campaign`` and
    ``again_by_campaign`` hold each campaign's share, NaN where nothing is at stake in it.
    """

    label: str
    hyperparameters: Hyperparameters
    ranker: str
    share: float
    by_campaign: Mapping[str, float]
    again_share: float
    again_by_campaign: Mapping[str, float]

    @classmethod
    def of(
        cls, label: str, hyperparameters: Hyperparameters, kept: Mapping[str, Any], again: Mapping[str, Any] | None
    ) -> Tried:
        """From the attributes that a study keeps."""
        return cls(
            label,
            hyperparameters,
            str(kept["ranker"]),
            float(kept["share"]),
            _shares(kept),
            math.nan if again is None else float(again["share"]),
            {} if again is None else _shares(again),
        )


def _shares(kept: Mapping[str, Any]) -> dict[str, float]:
    values = (math.nan if share is None else float(share) for share in kept["shares"])
    return dict(zip(kept["campaigns"], values, strict=True))


@dataclass(frozen=True)
class TuneResult:
    """What `training.tuning.run.tune` found.

    Attributes
    ----------
    study, file, fingerprint, cutoff, run_id : str
        The study's name, where its best hyperparameters are written, the marketplace's fingerprint, the cut-off day
        and the parent run.
    seed : int
    states : mapping of str to int
        Trials complete, pruned and failed, the default not among them.
    default : Tried
    tried : tuple of Tried
        The best few, best first by the search; empty where no trial came to its end.
    """

    study: str
    file: str
    fingerprint: str
    cutoff: str
    seed: int
    run_id: str
    states: Mapping[str, int]
    default: Tried
    tried: tuple[Tried, ...]

    @property
    def best(self) -> Tried:
        """The best by the search, the default among them."""
        return max((self.default, *self.tried), key=lambda one: one.share)

    def test(self, one: Tried, *, again: bool) -> PairedTest:
        """``one`` against the default, campaign by campaign (`paired_randomisation_test`)."""
        mine = one.again_by_campaign if again else one.by_campaign
        theirs = self.default.again_by_campaign if again else self.default.by_campaign
        both = sorted(set(mine) & set(theirs))
        return paired_randomisation_test(_array(mine, both), _array(theirs, both))

    def metrics(self) -> dict[str, float]:
        """For the parent run; NaN where nothing was measured again."""
        return {
            "validation_share": self.best.share,
            "default_validation_share": self.default.share,
            "again_validation_share": self.best.again_share,
            "default_again_validation_share": self.default.again_share,
            "again_p": self.test(self.best, again=True).p if math.isfinite(self.best.again_share) else math.nan,
        } | {f"trials_{state}": float(count) for state, count in self.states.items()}

    def as_dict(self) -> dict[str, Any]:
        """For JSON: NaN as None; `training.heads.read_hyperparameters` reads ``hyperparameters`` back: the best."""
        return {
            "study": self.study,
            "file": self.file,
            "data_fingerprint": self.fingerprint,
            "cutoff": self.cutoff,
            "seed": self.seed,
            "run": self.run_id,
            "trials": dict(self.states),
            "best": self.best.label,
            "hyperparameters": self.best.hyperparameters.as_dict(),
            "default": self._one(self.default),
            "tried": [self._one(one) for one in self.tried],
        }

    def _one(self, one: Tried) -> dict[str, Any]:
        found: dict[str, Any] = {
            "label": one.label,
            "ranker": one.ranker,
            "hyperparameters": one.hyperparameters.as_dict(),
            "validation_share": one.share,
            "again_validation_share": one.again_share if math.isfinite(one.again_share) else None,
        }
        if one is not self.default:
            found["against_default"] = vars(self.test(one, again=False))
            known = math.isfinite(one.again_share) and math.isfinite(self.default.again_share)
            found["again_against_default"] = vars(self.test(one, again=True)) if known else None
        return found


def _array(values: Mapping[str, float], names: list[str]) -> Floats:
    return np.array([values[name] for name in names], dtype=np.float64)


def result_json(result: TuneResult) -> str:
    """One JSON document, keys sorted."""
    return json.dumps(result.as_dict(), indent=2, sort_keys=True, allow_nan=False) + "\n"


def tune_text(result: TuneResult) -> str:
    """Plain text: the table of the best few, what the best changes, and what to make of it."""
    states = result.states
    lines = [
        f"study {result.study}, seed {result.seed}: {states['complete']} trials complete, {states['pruned']} pruned, "
        f"{states['failed']} failed or out of time",
        "validation_share (share of the best possible estimated profit above chance, out of fold, "
        f"{len(result.default.by_campaign)} training campaigns), against the default by campaign:",
    ]
    head = ("", "search", "difference", "p", "win/tie/loss", "again", "difference", "p", "win/tie/loss")
    cells = [
        head,
        ("default", f"{result.default.share:.3f}", *[""] * 3, _number(result.default.again_share), *[""] * 3),
    ]
    for one in result.tried:
        cells.append((one.label, f"{one.share:.3f}", *_test(result, one, False), _number(one.again_share),
                      *_test(result, one, True)))  # fmt: skip
    widths = [max(len(line[i]) for line in cells) for i in range(len(head))]
    lines += [
        "  " + "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip() for line in cells
    ]
    lines.append(
        "search: the best of many trials, so it flatters. again: other blocks of campaigns and another seed, "
        "on the same outcomes."
    )
    best = result.best
    if best is result.default:
        lines.append("no trial did better than the default")
    else:
        changes = best.hyperparameters.changes_from(result.default.hyperparameters.as_dict())
        lines.append(
            f"{best.label} changes " + ", ".join(f"{k} {_short(a)} -> {_short(b)}" for k, (a, b) in changes.items())
        )
        lines.append(_verdict(result))
    lines.append(f"written to {result.file}: `collabrank train DIR --tuned`, or --hyperparameters FILE")
    return "\n".join(lines)


def _verdict(result: TuneResult) -> str:
    best = result.best
    if not (math.isfinite(best.again_share) and math.isfinite(result.default.again_share)):
        return "not measured again; with more minutes the same command goes on from here"
    test = result.test(best, again=True)
    if test.difference > 0 and test.p < 0.05:
        return f"measured again it is still better than the default (p = {test.p:.4f})"
    return f"measured again it is not better than the default by more than chance (p = {test.p:.4f})"


def _test(result: TuneResult, one: Tried, again: bool) -> tuple[str, str, str]:
    if again and not (math.isfinite(one.again_share) and math.isfinite(result.default.again_share)):
        return "", "", ""
    test = result.test(one, again=again)
    return f"{test.difference:+.3f}", f"{test.p:.4f}", f"{test.wins}/{test.ties}/{test.losses}"


def _number(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else "-"


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
