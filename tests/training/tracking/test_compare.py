"""``compare`` on a real store: its tests against an independent computation, its refusals in plain words."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from marketplace.errors import GateError, TrainingError
from training.tracking.compare import compare_runs, compared_text
from training.tracking.record import record_shares
from training.tracking.registry import CHAMPION, point_alias, register
from training.tracking.store import Store

RNG = np.random.default_rng(11)
CAMPAIGNS = [f"ca_{i:02d}" for i in range(12)]
METRIC = "oracle_gain_share_at_20"


def a_run(store: Store, values, *, name="ranker", campaigns=CAMPAIGNS, metric=METRIC, fingerprint="a" * 64, **params):
    with store.run(name) as run:
        run.params(params)
        run.metrics({metric: float(np.nanmean(values))})
        record_shares(run, {metric: dict(zip(campaigns, map(float, values), strict=True))})
        run.tags({"data_fingerprint": fingerprint})
    return run


def exact_p(a, b) -> float:
    """Share of all sign patterns whose sum is at least as far from zero: the definition, pattern by pattern."""
    d = np.asarray(a) - np.asarray(b)
    sums = [
        abs(sum(s * x for s, x in zip(signs, d, strict=True))) for signs in itertools.product((1, -1), repeat=len(d))
    ]
    return float(np.mean(np.array(sums) >= abs(d.sum()) - 1e-12))


def test_p_win_tie_loss_and_holm_by_hand(store):
    base = RNG.uniform(0.2, 0.6, 12)
    others = [base + RNG.normal(shift, 0.05, 12) for shift in (0.02, 0.2)]
    others[0][3] = base[3]
    runs = [a_run(store, values, learning_rate=rate) for values, rate in zip([base, *others], (1, 2, 2), strict=True)]
    found = compare_runs([run.id[:10] for run in runs], store=store)
    p = [exact_p(each, base) for each in others]
    assert [test.p for test in found.tests] == pytest.approx(p)
    first, last = sorted(range(2), key=lambda i: p[i])
    assert found.corrected[first] == pytest.approx(min(1, 2 * p[first]))
    assert found.corrected[last] == pytest.approx(max(p[last], min(1, 2 * p[first])))
    assert found.tests[0].ties == 1
    assert found.tests[1].wins == int((others[1] > base).sum())
    assert found.means == pytest.approx([each.mean() for each in (base, *others)])
    assert found.differing == {"learning_rate": ("1", "2", "2")}
    text = compared_text(found)
    assert f"{found.tests[1].wins}/0/{found.tests[1].losses}" in text
    assert all(run.id in found.page for run in runs)
    assert f"http://127.0.0.1:5000/{found.page}" in text
    assert found.as_dict()["page"] == found.page
    assert found.as_dict()["tests"][0]["p_holm"] == pytest.approx(found.corrected[0])


def test_only_common_campaigns_count(store):
    one = a_run(store, np.arange(12.0))
    shifted = [f"ca_{i:02d}" for i in range(8, 20)]
    values = np.full(12, 5.0)
    values[0] = np.nan  # ca_08 is not defined for the other
    other = a_run(store, values, campaigns=shifted)
    found = compare_runs([one.id, other.id], store=store)
    assert found.campaigns == ("ca_09", "ca_10", "ca_11")
    assert found.tests[0].difference == pytest.approx(5.0 - 10.0)
    far = a_run(store, values, campaigns=[f"ca_{i:02d}" for i in range(30, 42)])
    with pytest.raises(TrainingError, match="ca_31 to ca_41"):
        compare_runs([one.id, far.id], store=store)


def test_what_cannot_be_compared_says_why(store):
    one, other = a_run(store, np.ones(12)), a_run(store, np.zeros(12), fingerprint="b" * 64)
    with pytest.raises(TrainingError, match="same marketplace") as refused:
        compare_runs([one.id, other.id], store=store)
    assert "aaaaaaaa" in refused.value.received
    with pytest.raises(TrainingError, match="two runs"):
        compare_runs([one.id], store=store)
    with pytest.raises(TrainingError, match="different runs"):
        compare_runs([one.id, one.id[:8]], store=store)
    with pytest.raises(TrainingError, match="no such run"):
        compare_runs([one.id, "0123456789"], store=store)
    for nonsense in ("", "abc", "x" * 32, "' OR 1=1", "%%%%"):
        with pytest.raises(TrainingError, match="hexadecimal"):
            compare_runs([one.id, nonsense], store=store)
    with pytest.raises(GateError, match="version 7"):
        compare_runs([one.id, "7"], store=store)
    with pytest.raises(TrainingError, match="champion"):
        compare_runs([one.id, "champion"], store=store)
    with store.run("a parent") as parent:
        pass
    with pytest.raises(TrainingError, match="a parent"):
        compare_runs([one.id, parent.id], store=store)
    with pytest.raises(TrainingError, match="charm"):
        compare_runs([one.id, a_run(store, np.zeros(12)).id], metric="charm", store=store)


def test_a_prefix_of_two_runs_is_refused(store):
    # Ids are random: of 17 runs at most, two begin with the same digit.
    runs = [a_run(store, np.ones(12)) for _ in range(3)]
    from training.tracking import compare as module

    seen = {}
    for run in runs:
        seen.setdefault(run.id[0], []).append(run)
    while max(map(len, seen.values())) < 2:
        run = a_run(store, np.ones(12))
        seen.setdefault(run.id[0], []).append(run)
    shared = next(digit for digit, same in seen.items() if len(same) > 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "LEAST_PREFIX", 1)
        with pytest.raises(TrainingError, match=f"begins with {shared}"):
            module.find_run(store, shared)


def test_versions_and_aliases_name_runs(store):
    one, other = a_run(store, np.ones(12)), a_run(store, np.zeros(12))
    versions = [register(run, description="", tags={}) for run in (one, other)]
    point_alias(store, CHAMPION, versions[0])
    found = compare_runs(["champion", "2"], store=store)
    assert [run.id for run in found.runs] == [one.id, other.id]


def test_the_metric_is_the_first_that_all_have(store):
    one = a_run(store, np.ones(12), metric="validation_share")
    other = a_run(store, np.zeros(12), metric="validation_share")
    third = a_run(store, np.zeros(12))
    assert compare_runs([one.id, other.id], store=store).metric == "validation_share"
    with pytest.raises(TrainingError, match="campaign by campaign"):
        compare_runs([one.id, third.id], store=store)


def test_where_less_is_better_the_smaller_run_wins(store):
    base = RNG.uniform(100.0, 200.0, 12)
    runs = [a_run(store, values, metric="regret_usd_at_20") for values in (base, base - 50.0)]
    found = compare_runs([run.id for run in runs], store=store)
    assert found.metric == "regret_usd_at_20"
    assert found.tests[0].difference == pytest.approx(-50.0)
    assert (found.tests[0].wins, found.tests[0].losses) == (12, 0)
