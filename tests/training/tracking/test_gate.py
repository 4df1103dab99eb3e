"""The gate's rules on hand-made cases."""

from __future__ import annotations

import json

import numpy as np
import pytest

from marketplace.errors import GateError
from training.tracking.gate import GATE, Calibrated, GateEvidence, NoCollapse, NotWorse, check_gate, require_gate

CAMPAIGNS = tuple(f"c{i:02d}" for i in range(30))
RNG = np.random.default_rng(1)
BASE = RNG.uniform(0.2, 0.6, 30)
RULES = (
    NotWorse("profit", margin=0.02, alpha=0.05),
    NotWorse("ndcg", margin=0.02, alpha=0.05, unless="profit"),
    NoCollapse("profit", drop=0.2, alpha=0.01),
    Calibrated("success", at_most=0.1, rows=200),
)


def evidence(candidate=BASE, *, metric="profit", slices=None, error=0.05, rows=500, **more) -> GateEvidence:
    rankers = {"candidate": list(candidate), "followers": list(BASE - 0.2), "gmv": list(BASE), "random": [0.9] * 30}
    calibration = {"success": {"error": error, "rows": rows}}
    raw = GateEvidence(more.pop("fingerprint", "f"), CAMPAIGNS, {metric: rankers}, slices or {}, calibration, **more)
    return GateEvidence.of(json.loads(json.dumps(raw.as_dict())))


def verdicts(*args, **kwargs) -> dict[str, bool]:
    return {check.rule: check.passed for check in check_gate(*args, rules=RULES, **kwargs)}


def test_better_than_the_best_heuristic_passes_and_random_is_no_heuristic():
    checks = check_gate(evidence(BASE + 0.05), rules=RULES)
    assert all(check.passed for check in checks)
    assert "of gmv" in checks[0].figures
    require_gate(checks)


def test_equal_passes_since_not_worse_is_asked():
    assert verdicts(evidence(BASE))["profit not worse"]


def test_worse_by_more_than_the_margin_fails():
    checks = check_gate(evidence(BASE - 0.03), rules=RULES)
    with pytest.raises(GateError, match=r"profit not worse.*gmv.*difference -0\.030"):
        require_gate(checks)


def test_slightly_but_significantly_worse_fails():
    assert not verdicts(evidence(BASE - 0.015))["profit not worse"]


def test_slightly_worse_by_chance_passes():
    noise = RNG.normal(0, 0.2, 30)
    assert verdicts(evidence(BASE + noise - noise.mean() - 0.015))["profit not worse"]


def test_stand_in_metric_is_silent_where_profit_is_known():
    assert "ndcg not worse" not in verdicts(evidence(BASE))
    assert not verdicts(evidence(BASE - 0.1, metric="ndcg"))["ndcg not worse"]


def test_no_named_metric_is_refused():
    with pytest.raises(GateError, match="metric that the gate names"):
        check_gate(evidence(BASE, metric="clicks"), rules=RULES)


def test_a_collapsing_slice_fails_though_the_whole_is_better():
    part = BASE[:10]
    values = BASE + 0.5
    slices = {"market=SG": {"profit": {"candidate": list(part - 0.3), "gmv": list(part), "followers": [0.0] * 10}}}
    checks = check_gate(evidence(values, slices=slices), rules=RULES)
    with pytest.raises(GateError, match=r"market=SG -0\.300"):
        require_gate(checks)


@pytest.mark.parametrize("campaigns", [3, 7])
def test_small_slices_are_not_judged(campaigns):
    part = BASE[:campaigns]
    slices = {"market=SG": {"profit": {"candidate": list(part - 0.5), "gmv": list(part), "followers": list(part)}}}
    checks = {check.rule: check for check in check_gate(evidence(BASE, slices=slices), rules=RULES)}
    assert checks["profit in slices"].passed
    assert "none large enough" in checks["profit in slices"].figures


def test_slices_are_measured_against_the_heuristic_that_is_best_overall():
    part = list(BASE[:10] - 0.3)
    slices = {"tier=nano": {"profit": {"candidate": part, "gmv": part, "followers": list(BASE[:10] + 0.4)}}}
    assert verdicts(evidence(BASE, slices=slices))["profit in slices"]


@pytest.mark.parametrize(("error", "rows", "verdict"), [(0.11, 500, False), (0.09, 500, True), (0.5, 50, None)])
def test_calibration(error, rows, verdict):
    assert verdicts(evidence(error=error, rows=rows)).get("success calibrated") is verdict


def test_champion_measured_by_the_candidates_run():
    raw = evidence(BASE, champion_version=4)
    raw.metrics["profit"]["champion"] = list(BASE + 0.1)
    assert not verdicts(raw, champion_version=4)["profit not worse"]


def test_champion_of_the_same_data_is_paired_by_campaign_whatever_the_order():
    champion = GateEvidence("f", CAMPAIGNS[::-1], {"profit": {"candidate": list(BASE[::-1] - 0.01)}})
    checks = check_gate(evidence(BASE), champion=champion, champion_version=2, rules=RULES)
    assert checks[0].passed
    assert "difference +0.010" in checks[0].figures
    assert "champion (version 2)" in checks[0].figures


def test_champion_of_other_data_cannot_be_paired():
    champion = GateEvidence("other", CAMPAIGNS, {"profit": {"candidate": list(BASE)}})
    with pytest.raises(GateError, match="same campaigns"):
        check_gate(evidence(BASE), champion=champion, champion_version=2, rules=RULES)


def test_campaigns_without_a_value_are_left_out():
    values = [None, *list(BASE[1:] + 0.1)]
    checks = check_gate(evidence(values), rules=RULES)
    assert "on 29 campaigns" in checks[0].figures


def test_evidence_of_another_shape_is_refused_in_plain_words():
    with pytest.raises(GateError, match="train again"):
        GateEvidence.of({"fingerprint": "f"})


def test_the_gate_names_a_metric_for_simulated_and_for_real_marketplaces():
    named = {rule.metric: rule.unless for rule in GATE if isinstance(rule, NotWorse)}
    assert named["oracle_gain_share_at_20"] == ""
    assert named["ndcg_at_10"] == "oracle_gain_share_at_20"


def test_where_less_is_better_more_is_worse():
    rules = (NotWorse("regret_usd_at_20", margin=0.02, alpha=0.05),)
    better, worse = (evidence(BASE + shift, metric="regret_usd_at_20") for shift in (-0.3, 0.3))
    # The best heuristic is the one with the least regret.
    passed, failed = (check_gate(one, rules=rules)[0] for one in (better, worse))
    assert "of followers" in passed.figures
    assert passed.passed
    assert not failed.passed
    assert "difference +0.500 (at most +0.020)" in failed.figures
