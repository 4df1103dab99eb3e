"""The code of a logged model: what MLflow runs to load and to ask it. It stands beside the bundle, in the clear.

Nothing is unpickled: what is loaded is a signed bundle, verified by this home's public key before it is parsed.
"""

from __future__ import annotations

from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

__all__ = ["RankingModel"]


class RankingModel(PythonModel):  # type: ignore[misc]
    """A bundle behind MLflow's ``predict``."""

    def load_context(self, context: Any) -> None:
        """Read the bundle: signature, hashes, validator, golden rows.

        Raises
        ------
        BundleError
            At the first of these that does not hold, or where there is no public key to verify it with.
        """
        from models.bundle import load_bundle, read_public_key

        self.bundle = load_bundle(context.artifacts["bundle"], read_public_key())

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:  # noqa: ARG002
        """Score and rank the candidates of every campaign in ``model_input`` (`models.batch.score_frame`)."""
        from models.batch import score_frame

        return score_frame(self.bundle, model_input)


set_model(RankingModel())
