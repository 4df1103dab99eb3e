"""One booster, and many side by side."""

import numpy as np

from training.heads.booster import fit_booster, fit_side_by_side


def test_rankers_with_other_gains_fitted_side_by_side_are_those_fitted_one_by_one():
    X = np.random.default_rng(11).normal(size=(600, 4))
    groups = np.full(60, 10)

    def fit(number: int) -> str:
        grades = 3 + number % 9
        heard = X[:, number % 4] + np.random.default_rng([11, number]).normal(size=len(X))
        params = {"objective": "lambdarank", "label_gain": [float(k) ** (1 + number % 3) for k in range(grades)]}
        y = np.clip(np.floor(heard + 2), 0, grades - 1)
        return fit_booster(X, y, params=params, rounds=2, groups=groups).model_to_string()

    numbers = list(range(240))
    assert fit_side_by_side(fit, numbers) == [fit(number) for number in numbers]
