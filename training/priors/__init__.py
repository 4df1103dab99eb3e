"""Small shops: what is told before outcomes are many, and how the few there are move it.

A *prior* is a bundle: `stated_prior` is made of shrunk rates and expected sales with numbers that are stated here, and
another marketplace's bundle may stand in for it. `recalibrated` moves either by the outcomes known so far.
"""

from __future__ import annotations

from training.priors.recalibration import basis_of, fit_small, read_prior, recalibrated
from training.priors.stated import stated_prior

__all__ = ["basis_of", "fit_small", "read_prior", "recalibrated", "stated_prior"]
