"""Golden rows: what a bundle predicted when it was written, compared at every load.

Raw scores are sums of leaves: they must come back bit for bit, anywhere. The
calibrated numbers pass through ``exp`` and ``tanh``, which NumPy computes by
the processor's own instructions: they must be equal bit for bit where those
are the same, and within 1e-12 elsewhere.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from marketplace.arrays import Floats, as_floats
from marketplace.errors import BundleError
from models.bundle.validate import ModelShape
from models.economics import Economics
from models.predict import FittedModel, factors, from_raw, raw_scores

__all__ = ["arithmetic", "check_golden", "golden_answers", "made_up_rows"]

_TERMS = {"margin_rate": 0.4, "commission_rate": 0.12, "flat_fee_usd": 10.0, "sample_cost_usd": 8.0}
_TOLERANCE = 1e-12


def arithmetic() -> str:
    """Which arithmetic this process computes with: machine, NumPy and the instructions behind its functions."""
    functions = np.lib.introspect.opt_func_info(func_name="^(exp|tanh)$", signature="float64")
    used = [str(kind.get("current", "")) for kinds in functions.values() for kind in kinds.values()]
    return " ".join([platform.machine(), f"numpy-{np.__version__}", *used])


def made_up_rows(shapes: Sequence[ModelShape], *, rows: int = 16, seed: int = 7) -> Floats:
    """Rows within the ranges that the heads were trained on, a tenth of the values and one whole row not known."""
    rng = np.random.default_rng(seed)
    low = np.nan_to_num(np.nanmin([np.nan_to_num(shape.feature_low, nan=0.0) for shape in shapes], axis=0))
    high = np.nan_to_num(np.nanmax([np.nan_to_num(shape.feature_high, nan=1.0) for shape in shapes], axis=0))
    drawn = low + (high - low) * rng.random((rows, len(low)))
    drawn[rng.random(drawn.shape) < 0.1] = np.nan
    drawn[0] = np.nan
    return as_floats(drawn)


def golden_answers(bundle: FittedModel, rows: Floats) -> dict[str, Any]:
    """The rows with their raw scores and predictions as JSON; NaN as null, floats as their shortest exact decimal."""
    raw = raw_scores(bundle, rows)
    predictions = from_raw(bundle, raw, factors(bundle, rows), Economics(**_TERMS))  # type: ignore[arg-type]
    return {
        "arithmetic": arithmetic(),
        "terms": _TERMS,
        "rows": [[None if np.isnan(value) else value for value in row] for row in rows.tolist()],
        "raw": {name: score.tolist() for name, score in raw.items()},
        "predictions": {name: values.tolist() for name, values in predictions.columns().items()},
    }


def check_golden(bundle: FittedModel, content: Mapping[str, Any]) -> Floats:
    """Score the golden rows again and compare; returns the rows.

    Raises
    ------
    BundleError
        Any number that came back differently, or a file that is none of `golden_answers`.
    """
    try:
        rows = np.array(content["rows"], dtype=np.float64)
        economics = Economics(**content["terms"])
        wanted_raw = {name: as_floats(content["raw"][name]) for name in bundle.heads}
        stored = {name: as_floats(values) for name, values in content["predictions"].items()}
        same = content["arithmetic"] == arithmetic()
    except (KeyError, TypeError, ValueError) as reason:
        raise _differs("rows, terms, raw scores and predictions", f"{type(reason).__name__}: {reason}") from reason
    raw = raw_scores(bundle, rows)
    for name, score in raw.items():
        if not np.array_equal(score, wanted_raw[name]):
            raise _differs(f"the raw scores of head {name} as stored", _first(score, wanted_raw[name]))
    found = from_raw(bundle, raw, factors(bundle, rows), economics).columns()
    if found.keys() != stored.keys():
        raise _differs(f"predictions of {', '.join(found)}", ", ".join(stored))
    for name, values in found.items():
        if values.shape != stored[name].shape:
            raise _differs(f"{values.shape} of {name}", f"{stored[name].shape}")
        leeway = 0.0 if same else _TOLERANCE * float(np.abs(stored[name]).max(initial=1.0))
        if not (np.abs(values - stored[name]) <= leeway).all():
            raise _differs(f"{name} as stored", _first(values, stored[name]))
    return rows


def _first(found: Floats, wanted: Floats) -> str:
    if found.shape != wanted.shape:
        return f"{found.shape} numbers for {wanted.shape}"
    place = int(np.argmax(found != wanted))
    return f"{found[place]!r} for {wanted[place]!r} in row {place}"


def _differs(expected: str, received: str) -> BundleError:
    return BundleError(expected, received=received, look="golden.json in the bundle, and the version of lightgbm")
