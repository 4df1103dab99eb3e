"""The gate's verdicts and what follows from them, on hand-made cases."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from marketplace.errors import GateError
from training.stats import BootstrapInterval
from training.tracking.gate import (
    GATE,
    Gate,
    GateEvidence,
    Judgement,
    Verdict,
    best_heuristic,
    check_gate,
    require_gate,
    verdict_of,
)

CAMPAIGNS = tuple(f"c{i:02d}" for i in range(30))
RNG = np.random.default_rng(1)
BASE = RNG.uniform(0.2, 0.6, 30)
NOISE = RNG.normal(0.0, 1.0, 30)
NOISE -= NOISE.mean()
TRUTH, LOG = "oracle_gain_share_at_20", "profit_usd_at_20"
SUCCESS, ATTRIBUTED, BEYOND = "success_auc", "attributed_rank_correlation", "attributed_beyond_sorts"


def table(candidate: np.ndarray, sorts: np.ndarray, champion: np.ndarray | None = None) -> dict[str, list[float]]:
    """A metric's values: the candidate, the best simple sort and a worse one, chance, and a champion where given."""
    found = {"candidate": candidate, "gmv": sorts, "followers": sorts - 0.2, "random": np.full(len(sorts), 99.0)}
    return {name: list(each) for name, each in (found | ({} if champion is None else {"champion": champion})).items()}


def evidence(metrics: dict[str, dict], *, slices=None, error=0.05, rows=500, **more) -> GateEvidence:
    calibration = {"success": {"error": error, "rows": rows}}
    raw = GateEvidence(more.pop("fingerprint", "f"), CAMPAIGNS, metrics, slices or {}, calibration, **more)
    return GateEvidence.of(json.loads(json.dumps(raw.as_dict())))


def heads(success: float = 0.1, attributed: float = 0.05, beyond: float = 0.3) -> dict[str, dict]:
    """Heads that lie so much above the best simple sort, with a scatter that does not hide it."""
    return {
        SUCCESS: table(0.6 + success + 0.02 * NOISE, np.full(30, 0.6)),
        ATTRIBUTED: table(0.4 + attributed + 0.2 * NOISE, np.full(30, 0.4)),
        BEYOND: {"candidate": list(beyond + 0.2 * NOISE)},
    }


def champion_heads(success: float = 0.0, attributed: float = 0.0) -> dict[str, dict]:
    """Heads so much above the champion's."""
    return {
        SUCCESS: table(0.7 + success + 0.01 * NOISE, np.full(30, 0.6), np.full(30, 0.7)),
        ATTRIBUTED: table(0.5 + attributed + 0.02 * NOISE, np.full(30, 0.4), np.full(30, 0.5)),
    }


def by_rule(judgement: Judgement) -> dict[str, bool]:
    return {check.rule: check.passed for check in judgement.checks}


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.01, 0.05, "better"),
        (-0.02, 0.05, "not worse"),
        (-0.021, 0.05, "cannot tell"),
        (-0.01, -0.001, "worse"),
        (-0.5, -0.1, "worse"),
        (float("nan"), float("nan"), "cannot tell"),
    ],
)
def test_the_interval_gives_the_verdict(low, high, verdict):
    assert verdict_of(BootstrapInterval((low + high) / 2, low, high), margin=0.02) == verdict


# A first champion, truth known


def test_better_by_the_truth_goes_in_and_random_is_no_simple_sort():
    judgement = check_gate(evidence({TRUTH: table(BASE + 0.05, BASE)}))
    require_gate(judgement)
    assert judgement.verdict is Verdict.BETTER
    assert "of gmv" in judgement.checks[0].figures
    assert judgement.checks[-1].figures == judgement.words == "Better: it earns more than the best simple sort."


def test_worse_by_the_truth_is_refused_in_words():
    with pytest.raises(GateError, match=r"difference -0\.030.*[Ww]orse"):
        require_gate(check_gate(evidence({TRUTH: table(BASE - 0.03, BASE), **heads()})))


def test_equal_by_the_truth_needs_heads_that_know_more():
    equal = {TRUTH: table(BASE + 0.01 * NOISE, BASE)}
    assert not check_gate(evidence(equal)).passed
    judgement = check_gate(evidence(equal | heads()))
    assert (judgement.verdict, judgement.passed) == (Verdict.NOT_WORSE, True)


# A first champion, judged by the log


def wide(mean: float) -> dict[str, dict]:
    """An estimate of profit whose interval is wide."""
    return {LOG: table(500.0 + mean + 2_000.0 * NOISE, np.full(30, 500.0))}


def test_cannot_tell_goes_in_by_its_heads():
    judgement = check_gate(evidence(wide(100.0) | heads()))
    require_gate(judgement)
    assert judgement.verdict is Verdict.CANNOT_TELL
    assert "may be the first champion" in judgement.words


@pytest.mark.parametrize(
    ("lacking", "says"),
    [
        ({"success": 0.0}, "success head has not shown that it is better than gmv"),
        ({"success": -0.1}, "success head has not shown"),
        ({"beyond": 0.0}, "attributed head has not shown that it knows more than gmv"),
        ({"attributed": -0.3}, "attributed head is worse than gmv"),
    ],
)
def test_cannot_tell_without_one_of_the_heads_is_refused(lacking, says):
    judgement = check_gate(evidence(wide(100.0) | heads(**lacking)))
    assert (judgement.verdict, judgement.passed) == (Verdict.CANNOT_TELL, False)
    assert says in judgement.words


def test_a_head_of_which_nothing_is_known_has_shown_nothing():
    metrics = wide(100.0) | {SUCCESS: heads()[SUCCESS]}
    assert "nothing is known of what its attributed head predicts" in check_gate(evidence(metrics)).words


def test_a_lucky_model_that_learned_nothing_is_refused():
    lucky = {LOG: table(900.0 + 50.0 * NOISE, np.full(30, 500.0))}
    chance = {SUCCESS: table(0.5 + 0.05 * NOISE, np.full(30, 0.6))}
    assert check_gate(evidence(lucky | heads())).passed
    judgement = check_gate(evidence(lucky | heads() | chance))
    assert not judgement.passed
    assert "better than chance" in judgement.words


def test_a_first_twenty_that_loses_money_is_refused_whatever_the_heads_say():
    losing = {LOG: table(-300.0 + 100.0 * NOISE, -400.0 + 100.0 * NOISE)}
    judgement = check_gate(evidence(losing | heads()))
    assert not by_rule(judgement)["first 20 lose no money"]
    assert "first 20 lose money" in judgement.words


def test_behind_the_luckiest_of_several_sorts_needs_more_evidence():
    """The best of m sorts is partly the luckiest: being behind it is held against the candidate at alpha / m."""
    rng = np.random.default_rng(4)
    refused = 0
    for _ in range(200):
        values = {name: list(rng.normal(0.0, 1.0, 30)) for name in ("candidate", "a", "b", "c", "d", "e")}
        judgement = check_gate(evidence({LOG: values} | heads()))
        refused += judgement.checks[0].verdict == "worse"
    # One-sided .05 would refuse every fifth of them against the best of five.
    assert refused <= 20


# A successor


def test_a_seed_that_is_a_hair_worse_does_not_become_champion():
    """.006 of the possible gain worse by nothing but the seed: not worse, and no reason to change."""
    same = {TRUTH: table(BASE - 0.006 + 0.035 * NOISE, BASE - 0.3, BASE)}
    judgement = check_gate(evidence(same, champion_version=4), champion_version=4)
    assert (judgement.verdict, judgement.passed) == (Verdict.NOT_WORSE, False)
    assert "champion stays" in judgement.words
    newer = check_gate(evidence(same, champion_version=4), champion_version=4, reason="it learned from newer outcomes")
    assert (newer.verdict, newer.passed) == (Verdict.NOT_WORSE, True)
    assert newer.words.endswith("because it learned from newer outcomes.")


def test_a_reason_does_not_help_where_it_is_worse_or_nobody_can_tell():
    worse = {TRUTH: table(BASE - 0.03 + 0.01 * NOISE, BASE - 0.3, BASE)}
    unclear = {TRUTH: table(BASE + 0.01 + 0.2 * NOISE, BASE - 0.3, BASE)}
    for metrics, verdict in ((worse, Verdict.WORSE), (unclear, Verdict.CANNOT_TELL)):
        judgement = check_gate(evidence(metrics, champion_version=4), champion_version=4, reason="newer")
        assert (judgement.verdict, judgement.passed) == (verdict, False)


def test_a_successor_that_is_better_goes_in():
    metrics = {TRUTH: table(BASE + 0.05 + 0.02 * NOISE, BASE - 0.3, BASE)}
    assert check_gate(evidence(metrics, champion_version=4), champion_version=4).passed


def test_a_successor_that_earns_more_with_a_worse_head_is_kept_out_where_only_the_log_tells():
    metrics = {LOG: table(900.0 + 50.0 * NOISE, np.full(30, 100.0), np.full(30, 500.0))}
    steady = evidence(metrics | champion_heads(), champion_version=4)
    spoilt = evidence(metrics | champion_heads(success=-0.1), champion_version=4)
    assert check_gate(steady, champion_version=4).passed
    judgement = check_gate(spoilt, champion_version=4)
    assert not judgement.passed
    assert "success head is worse" in judgement.words


def test_where_money_cannot_tell_the_heads_make_not_worse_and_a_reason_is_needed():
    metrics = {LOG: table(500.0 + 2_000.0 * NOISE, np.full(30, 100.0), np.full(30, 500.0))} | champion_heads()
    raw = evidence(metrics, champion_version=4)
    assert not check_gate(raw, champion_version=4).passed
    judgement = check_gate(raw, champion_version=4, reason="the brand asks for it")
    assert (judgement.verdict, judgement.passed) == (Verdict.NOT_WORSE, True)
    dull = evidence(metrics | champion_heads(attributed=-0.2), champion_version=4)
    assert not check_gate(dull, champion_version=4, reason="the brand asks for it").passed


def test_noise_alone_replaces_no_champion():
    """A hundred retrainings that differ from the champion by chance: no more go in than alpha allows."""
    rng = np.random.default_rng(2)
    promoted = 0
    for _ in range(100):
        metrics = {TRUTH: table(BASE + rng.normal(0.0, 0.05, 30), BASE - 0.3, BASE)}
        promoted += check_gate(evidence(metrics, champion_version=4), champion_version=4, candidates=2).passed
    assert promoted <= 6


def test_champion_of_the_same_data_is_paired_by_campaign_whatever_the_order():
    champion = GateEvidence("f", CAMPAIGNS[::-1], {TRUTH: {"candidate": list(BASE[::-1] - 0.01)}})
    judgement = check_gate(evidence({TRUTH: table(BASE, BASE - 0.2)}), champion=champion, champion_version=2)
    assert judgement.verdict is Verdict.BETTER
    assert "difference +0.010" in judgement.checks[0].figures
    assert "champion (version 2)" in judgement.checks[0].figures


def test_champion_of_other_data_cannot_be_paired():
    champion = GateEvidence("other", CAMPAIGNS, {TRUTH: {"candidate": list(BASE)}})
    with pytest.raises(GateError, match="same campaigns"):
        check_gate(evidence({TRUTH: table(BASE, BASE)}), champion=champion, champion_version=2)


# Held-out campaigns wear out


def test_more_candidates_on_the_same_campaigns_need_more_evidence():
    metrics = {TRUTH: table(BASE + 0.02 + 0.05 * NOISE, BASE - 0.3, BASE)}
    raw = evidence(metrics, champion_version=4)
    first, hundredth = (check_gate(raw, champion_version=4, candidates=count) for count in (1, 100))
    assert first.verdict is Verdict.BETTER
    assert hundredth.verdict is not Verdict.BETTER
    assert "100 candidates were measured on these campaigns" in hundredth.checks[-1].figures


def test_the_best_of_twenty_noisy_retrainings_is_seldom_called_better():
    rng = np.random.default_rng(3)
    won = {1: 0, 20: 0}
    for _ in range(60):
        tries = rng.normal(0.0, 0.1, (20, 30))
        best = BASE + tries[np.argmax(tries.mean(axis=1))]
        raw = evidence({TRUTH: table(best, BASE - 0.3, BASE)}, champion_version=4)
        for count in won:
            won[count] += check_gate(raw, champion_version=4, candidates=count).verdict is Verdict.BETTER
    assert won[1] > 25
    assert won[20] <= 7


def test_candidates_are_counted_by_data_and_campaigns():
    one = GateEvidence("f", CAMPAIGNS, {})
    assert one.held_out == GateEvidence("f", CAMPAIGNS[::-1], {"other": {}}).held_out
    assert one.held_out != GateEvidence("g", CAMPAIGNS, {}).held_out != GateEvidence("g", CAMPAIGNS[1:], {}).held_out


# Slices, calibration, evidence


def sliced(candidate: np.ndarray, sorts: np.ndarray, metric: str = TRUTH, name: str = "market=SG") -> dict:
    return {name: {metric: table(candidate, sorts)}}


def test_a_collapsing_slice_fails_though_the_whole_is_better():
    raw = evidence({TRUTH: table(BASE + 0.5, BASE)}, slices=sliced(BASE[:10] - 0.3, BASE[:10]))
    with pytest.raises(GateError, match=r"market=SG -0\.300"):
        require_gate(check_gate(raw))


def test_slices_are_judged_by_the_success_head_where_there_is_no_truth():
    raw = evidence(wide(100.0) | heads(), slices=sliced(np.full(10, 0.4), np.full(10, 0.6), SUCCESS))
    assert not by_rule(check_gate(raw))["success_auc in slices"]
    with_truth = dataclasses.replace(raw, metrics={**raw.metrics, TRUTH: table(BASE + 0.1, BASE)})
    assert "success_auc in slices" not in by_rule(check_gate(with_truth))


@pytest.mark.parametrize("campaigns", [3, 7])
def test_small_slices_are_not_judged(campaigns):
    raw = evidence({TRUTH: table(BASE + 0.1, BASE)}, slices=sliced(BASE[:campaigns] - 0.5, BASE[:campaigns]))
    found = next(check for check in check_gate(raw).checks if check.rule == f"{TRUTH} in slices")
    assert found.passed
    assert "none large enough" in found.figures


def test_the_more_slices_the_more_evidence_each_needs():
    rng = np.random.default_rng(0)
    many = {
        name: part
        for i in range(40)
        for name, part in sliced(BASE[:9] + rng.normal(0.0, 0.5, 9), BASE[:9], name=f"m={i}").items()
    }
    assert by_rule(check_gate(evidence({TRUTH: table(BASE + 0.1, BASE)}, slices=many)))[f"{TRUTH} in slices"]


@pytest.mark.parametrize(("error", "rows", "verdict"), [(0.11, 500, False), (0.09, 500, True), (0.5, 50, None)])
def test_calibration(error, rows, verdict):
    raw = evidence({TRUTH: table(BASE + 0.1, BASE)}, error=error, rows=rows)
    assert by_rule(check_gate(raw)).get("success calibrated") is verdict


def test_campaigns_without_a_value_are_left_out():
    raw = evidence({TRUTH: {"candidate": [None, *list(BASE[1:] + 0.1)], "gmv": list(BASE)}})
    assert "on 29 campaigns" in check_gate(raw).checks[0].figures


def test_a_metric_that_the_gate_does_not_name_is_refused():
    with pytest.raises(GateError, match="metric that the gate names"):
        check_gate(evidence({"clicks": table(BASE, BASE)}))


def test_evidence_of_another_shape_is_refused_in_plain_words():
    with pytest.raises(GateError, match="train again"):
        GateEvidence.of({"fingerprint": "f"})


def test_where_less_is_better_more_is_worse():
    gate = Gate(0.05, (dataclasses.replace(GATE.money[0], metric="regret_usd_at_20"),), GATE.heads, (), ())
    better, worse = (
        check_gate(evidence({"regret_usd_at_20": table(BASE + shift, BASE)}), gate=gate) for shift in (-0.3, 0.3)
    )
    # The best simple sort is the one with the least regret.
    assert "of followers" in better.checks[0].figures
    assert better.verdict is Verdict.BETTER
    assert worse.verdict is Verdict.WORSE
    assert "difference +0.500" in worse.checks[0].figures
    assert best_heuristic(table(BASE, BASE), "regret_usd_at_20") == "followers"
