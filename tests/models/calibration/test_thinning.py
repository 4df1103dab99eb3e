"""Intervals of a part that are read off exact sums: hand-worked, by simulation, and beside scipy's own distribution."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from marketplace.errors import TrainingError
from models.calibration import fit_money
from models.calibration.intervals import LEVELS
from models.calibration.thinning import CONCENTRATION, Counted, thinned_ends

_SEED = 17


def ends_of(predicted, total, foretold, each, *, least=1):
    return thinned_ends(
        np.asarray(predicted, dtype=float),
        Counted(*(np.asarray(one, dtype=float) for one in (total, foretold, each))),
        tuple(LEVELS),
        least=least,
    )


def test_one_partnership_of_four_sales_by_hand() -> None:
    # 40 USD in sales of 10 USD, half foretold as added: of 0 to 4 every number is as likely at a + b = 2, so that lift
    # over the 20 USD foretold is 0, .5, 1, 1.5 or 2, each with 1/5. Nothing is likelier than either lower tail.
    assert CONCENTRATION == 2.0
    assert ends_of([20.0], [40.0], [40.0], [10.0]) == pytest.approx((0.0, 1.5, 0.0, 2.0))


def test_the_distribution_is_scipys_beta_binomial() -> None:
    n, chance = 60, 0.9
    a, b = CONCENTRATION * chance, CONCENTRATION * (1 - chance)
    low, high, low_90, high_90 = ends_of([54.0] * 3, [60.0] * 3, [60.0] * 3, [1.0] * 3)
    exact = stats.betabinom(n, a, b)
    assert (low, low_90) == pytest.approx((exact.ppf(0.1) / 54.0, exact.ppf(0.05) / 54.0))
    assert (high, high_90) == pytest.approx((exact.ppf(0.9) / 54.0, exact.ppf(0.95) / 54.0))


@pytest.mark.parametrize("share", [0.25, 0.6, 0.95])
def test_intervals_hold_as_many_as_they_say_where_chances_differ(share: float) -> None:
    """Sums that scatter about their prediction, and sales of every size."""
    rng = np.random.default_rng(_SEED)
    n = 4_000
    each = rng.uniform(5.0, 60.0, n)
    foretold = each * rng.lognormal(1.5, 1.0, n)
    number = rng.poisson(foretold / each * rng.gamma(1.0, 1.0, n))
    chance = rng.beta(2.0 * share, 2.0 * (1 - share), n)
    lift = each * rng.binomial(number, chance)
    learn = np.arange(n) < n // 2
    # The sums' own predictions may be off by a factor that all share.
    low, high, low_90, high_90 = ends_of(
        share * foretold[learn], each[learn] * number[learn], 3.0 * foretold[learn], each[learn]
    )
    told = share * foretold[~learn]
    came = lift[~learn]
    one_tail = 0.0 if low else 0.1
    assert ((low * told <= came) & (came <= high * told)).mean() == pytest.approx(0.8, abs=0.04 + one_tail)
    assert ((low_90 * told <= came) & (came <= high_90 * told)).mean() == pytest.approx(0.9, abs=0.03)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.floats(0.01, 1e6), st.floats(0.0, 1e7), st.floats(0.01, 1e6), st.floats(0.01, 1e4)),
        min_size=1,
        max_size=30,
    ),
    scale=st.sampled_from([0.01, 1.0, 250.0]),
)
@example(rows=[(2.0, 1.11253693e-308, 1.0, 1.0)], scale=1.0)
@example(rows=[(2.0, 5e-324, 1.0, 1.0), (3.0, 0.0, 9.0, 1.0)], scale=250.0)
def test_ends_are_in_order_and_know_no_unit(rows, scale: float) -> None:
    predicted, total, foretold, each = (np.array(one) for one in zip(*rows, strict=True))
    found = ends_of(predicted, total, foretold, each)
    if not total.sum() > 0:
        assert found == ()
        return
    low, high, low_90, high_90 = found
    assert 0 <= low_90 <= low <= 1 <= high <= high_90
    again = ends_of(predicted * 4.0, total * 4.0, foretold * scale, each * 4.0)
    assert again == pytest.approx(found, rel=1e-6, abs=1e-9)


def test_too_few_rows_say_nothing_and_what_is_not_known_is_left_out() -> None:
    some = [20.0] * 5
    assert ends_of(some, some, some, some, least=6) == ()
    holes = [20.0, np.nan, 20.0, 20.0, 20.0]
    assert ends_of(some, holes, some, some, least=5) == ()
    assert ends_of(some, some, some, holes, least=5) == ()
    assert ends_of([-1.0] * 5, some, some, some) == ()
    with pytest.raises(TrainingError, match="one length"):
        Counted(np.zeros(3), np.zeros(2), np.zeros(3))


def test_money_with_exact_sums_is_told_by_their_scatter_and_not_by_its_noise() -> None:
    rng = np.random.default_rng(_SEED)
    n = 1_500
    score = rng.normal(3.0, 0.7, n)
    each = np.full(n, 10.0)
    foretold = 2.0 * np.exp(score)
    sold = each * rng.poisson(foretold / each * rng.gamma(1.0, 1.0, n))
    lift = each * rng.binomial((sold / each).astype(int), rng.beta(1.0, 1.0, n))
    noise = np.full(n, 400.0)
    label = lift + noise * rng.normal(size=n)
    campaign = np.arange(n) // 20
    said = {"label": label, "label_se": noise, "plain": label, "plain_se": noise, "campaign": campaign, "slope": 1.0}
    blind = fit_money("lift", score, **said)
    told = fit_money("lift", score, counted=Counted(sold, foretold, each), **said)
    assert blind.spread.ends == ()
    np.testing.assert_array_equal(told.value(score), blind.value(score))
    low, high = told.interval(score, level=0.9)
    assert ((low <= lift) & (lift <= high)).mean() == pytest.approx(0.9, abs=0.05)
    wide = blind.interval(score, level=0.9)
    assert np.median(high - low) < 0.7 * np.median(wide[1] - wide[0])
    # Doubt about the level has moved them out.
    plain = thinned_ends(told.value(score), Counted(sold, foretold, each), tuple(LEVELS), least=60)
    assert told.spread.ends[3] > plain[3]
