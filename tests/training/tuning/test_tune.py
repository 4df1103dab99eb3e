"""Real Optuna studies in real databases: draws, resuming, pruning, the budget, and what a killed process leaves."""

from __future__ import annotations

import dataclasses
import json
import math
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState
from typer.testing import CliRunner

from marketplace.errors import TrainingError
from training.commands import app
from training.data.dataset import TrainingData
from training.heads.hyperparameters import DEFAULT, Hyperparameters, read_hyperparameters
from training.stats.significance import paired_randomisation_test
from training.tracking.store import Store, open_store
from training.tuning import study as tune_study
from training.tuning import trials as tune_trials
from training.tuning.result import Tried, TuneResult, tune_text
from training.tuning.run import tune
from training.tuning.study import SPACE, Range, draw, mark_dead, open_study, process_mark, studies_file, study_name
from training.tuning.trials import Work, best_trials, measure_default, search

ROOT = Path(__file__).resolve().parents[3]
SMALL = Hyperparameters(max_rounds=20, feature_sets="strict")
NARROW = {"learning_rate": Range(0.02, 0.2, log=True), "num_leaves": Range(3, 8)}


def drawn(name: str, count: int, *, seed: int | None = None) -> list[Hyperparameters]:
    """The hyperparameters of a study's next trials, each told a value that depends on it alone."""
    candidates = []
    with open_study(name, seed=seed) as study:
        for _ in range(count):
            trial = study.ask()
            candidates.append(draw(trial, SPACE, DEFAULT))
            study.tell(trial, -abs(math.log(candidates[-1].learning_rate / 0.05)))
    return candidates


def test_the_default_lies_within_the_space():
    for name, value in DEFAULT.as_dict().items():
        one = SPACE[name]
        if isinstance(one, Range):
            assert one.low <= value <= one.high
            assert (value - one.low) % one.step == 0 or isinstance(value, float)
        else:
            assert value in one.options


def test_draws_depend_on_seed_and_trial_number_and_not_on_the_process(home):
    whole = drawn("one", 14, seed=3)
    parts = [hyperparameters for count in (5, 1, 8) for hyperparameters in drawn("other", count, seed=3)]
    assert parts == whole
    assert len(set(whole)) == len(whole)
    assert drawn("third", 3, seed=4) != whole[:3]
    for hyperparameters in whole:
        assert float(f"{hyperparameters.learning_rate:.3g}") == hyperparameters.learning_rate


def test_two_processes_at_once_draw_nothing_twice(home):
    with open_study("both", seed=3) as one, open_study("both", seed=None) as other:
        trials = [study.ask() for _ in range(6) for study in (one, other)]
        candidates = [draw(trial, SPACE, DEFAULT) for trial in trials]
    assert sorted(trial.number for trial in trials) == list(range(12))
    assert len(set(candidates)) == 12


def test_a_study_is_named_after_what_it_depends_on(tmp_path):
    given = {"fingerprint": "a" * 64, "cutoff": "2025-05-01", "signals": "s"}
    name = study_name(tmp_path / "shop", **given)
    assert name.startswith("shop-aaaaaaaa-2025-05-01-")
    assert study_name(tmp_path / "shop", **given) == name
    others = [
        study_name(tmp_path / "other", **given),
        study_name(tmp_path / "shop", **given | {"fingerprint": "b" * 64}),
        study_name(tmp_path / "shop", **given | {"cutoff": "2025-05-02"}),
        study_name(tmp_path / "shop", **given | {"signals": "t"}),
        study_name(tmp_path / "shop", **given, space={**SPACE, "num_leaves": Range(3, 17)}),
    ]
    assert len({name, *others}) == 6


@pytest.mark.parametrize(
    ("changed", "message"), [({"minutes": 0}, "0 minutes"), ({"minutes": -1}, "0 minutes"),
                             ({"minutes": math.nan}, "0 minutes"), ({"minutes": 1, "trials": 0}, "1 trial"),
                             ({"minutes": 1, "seed": -1}, "seed")],
)  # fmt: skip
def test_no_time_no_trials_no_seed(home, tmp_path, changed, message):
    with pytest.raises(TrainingError, match=message):
        tune(tmp_path, **changed)


def test_a_database_that_is_none_is_left_alone(home):
    studies_file().write_bytes(b"this is no database" * 100)
    with pytest.raises(TrainingError, match="can be read and written"), open_study("any", seed=7):
        pass
    assert studies_file().read_bytes() == b"this is no database" * 100


def test_a_database_of_another_optuna_is_refused(home):
    drawn("mine", 2)
    with sqlite3.connect(studies_file()) as database:
        database.execute("UPDATE version_info SET schema_version = 11")
        database.execute("UPDATE alembic_version SET version_num = 'v99.0'")
    with pytest.raises(TrainingError, match="can be read and written"), open_study("mine", seed=None):
        pass


def test_a_study_of_another_version_or_seed_is_not_gone_on_with(home, monkeypatch):
    drawn("mine", 2, seed=3)
    with pytest.raises(TrainingError, match="seed"), open_study("mine", seed=4):
        pass
    monkeypatch.setattr(tune_study, "STUDY_VERSION", tune_study.STUDY_VERSION + 1)
    with pytest.raises(TrainingError, match=f"version {tune_study.STUDY_VERSION}"), open_study("mine", seed=3):
        pass
    monkeypatch.undo()
    monkeypatch.setenv("COLLABRANK_HOME", str(home))
    with open_study("mine", seed=None) as study:
        assert len(study.trials) == 2
        assert study.user_attrs["seed"] == 3


def test_a_locked_database_is_told_and_nothing_is_lost(home, monkeypatch):
    drawn("mine", 2)
    monkeypatch.setattr(tune_study, "PATIENCE", 0.1)
    other = sqlite3.connect(studies_file(), isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(TrainingError, match="locked"), open_study("mine", seed=None) as study:
        study.ask()
    other.execute("ROLLBACK")
    assert len(drawn("mine", 1)) == 1


def test_trials_of_processes_that_are_gone_are_failed_and_no_others(home, monkeypatch):
    gone = subprocess.Popen([sys.executable, "-c", "pass"])
    gone.wait()
    marks = {
        "gone": f"{socket.gethostname()} {gone.pid} 1",
        "reused": f"{socket.gethostname()} {os.getpid()} 1",
        "mine": process_mark(),
        "elsewhere": f"elsewhere-{socket.gethostname()} {gone.pid} 1",
    }
    with open_study("mine", seed=7) as study:
        numbers = {}
        for name, mark in marks.items():
            trial = study.ask()
            trial.set_user_attr("process", mark)
            numbers[name] = trial.number
        assert {trial.number for trial in mark_dead(study)} == {numbers["gone"], numbers["reused"]}
        states = {trial.number: trial.state for trial in study.trials}
        unmarked = study.ask()
        assert mark_dead(study) == []
        monkeypatch.setattr(tune_study, "UNMARKED", -1)
        assert [trial.number for trial in mark_dead(study)] == [unmarked.number]
    assert states[numbers["gone"]] == states[numbers["reused"]] == TrialState.FAIL
    assert states[numbers["mine"]] == states[numbers["elsewhere"]] == TrialState.RUNNING


@pytest.fixture
def begin(store: Store, training_data: TrainingData):
    """Begin or go on with a study of the small marketplace, in hyperparameters that take about a second each."""
    from contextlib import contextmanager

    @contextmanager
    def made():
        with open_study("small", seed=7) as study, store.run("tune", command="tune") as parent:
            now = time.monotonic()
            work = Work(training_data, study, store, parent, NARROW, SMALL, lambda _: None, now, now + 600.0,
                        source="small", fingerprint="f" * 64)  # fmt: skip
            measure_default(work)
            yield work

    return made


def children(store: Store, parent: str) -> dict[str, object]:
    found = store.client.search_runs([store.experiment_id], f"tags.`mlflow.parentRunId` = '{parent}'")
    return {run.info.run_name: run for run in found}


def test_a_search_measures_records_goes_on_prunes_and_stops_in_time(begin, store):
    with begin() as work:
        search(work, 1)
        runs = children(store, work.parent.id)
        assert set(runs) == {"default", "trial 1"}
        trial = work.study.trials[1]
        run = runs["trial 1"]
        assert run.data.metrics["validation_share"] == trial.value
        assert run.data.params["learning_rate"] == str(trial.user_attrs["hyperparameters"]["learning_rate"])
        assert set(run.data.params) == set(runs["default"].data.params)
        seen = {one.info.run_name: one.inputs.dataset_inputs for one in runs.values()}
        assert [inputs[0].dataset.name for inputs in seen.values()] == ["training invitations"] * 2
        assert len({inputs[0].dataset.digest for inputs in seen.values()}) == 1, "they learned from the same rows"
        recorded = store.read_json(run.info.run_id, "by_campaign.json")["validation_share"]
        assert list(recorded.values()) == trial.user_attrs["shares"]
        search(work, 1)  # has its one trial already
        assert len(work.study.trials) == 2
    with begin() as work:  # goes on: the default is not measured again, and is one trial still
        assert children(store, work.parent.id) == {}
        for _ in range(5):  # far better ones than can be, so that the next is hopeless
            work.study.add_trial(
                optuna.trial.create_trial(
                    value=2.0, intermediate_values=dict.fromkeys(range(5), 1.0), user_attrs=trial.user_attrs
                )
            )
        search(work, 7)
        last = work.study.trials[-1]
        assert last.state == TrialState.PRUNED
        assert max(last.intermediate_values) == 1  # judged after two blocks, not after one
        assert children(store, work.parent.id)[f"trial {last.number}"].data.tags["state"] == "pruned"
    with begin() as work:
        over = dataclasses.replace(work, end=time.monotonic())
        search(over, None)
        assert work.study.trials[-1].number == last.number  # none is begun
        work.study.optimize(
            lambda trial: tune_trials._objective(over, trial), n_trials=1, catch=(tune_trials._OutOfTimeError,)
        )
        stopped = work.study.trials[-1]
        assert stopped.state == TrialState.FAIL
        assert stopped.user_attrs["state"] == "out of time"
        assert list(stopped.intermediate_values) == [0]  # the block under way when the time ended
        default, tried, states = best_trials(over)
        assert math.isnan(default.again_share)  # no time
        assert states["failed"] == 1
        assert tried[0].label.startswith("trial")


def test_a_shape_that_cannot_be_fitted_fails_alone(begin):
    with begin() as work:
        huge = {"min_data_in_leaf": Range(5000, 6000)}
        study_of_it = dataclasses.replace(work, space=huge)
        told: list[str] = []
        work.study.optimize(
            lambda trial: tune_trials._objective(dataclasses.replace(study_of_it, tell=told.append), trial),
            n_trials=1, catch=(TrainingError,),
        )  # fmt: skip
        assert work.study.trials[-1].state == TrialState.FAIL
        assert "cannot be fitted" in told[-1]
        kept = {**work.study.user_attrs["default"], "hyperparameters": {"min_data_in_leaf": 5000}}
        again = tune_trials._tried(study_of_it, "trial 9", kept)
        assert math.isnan(again.again_share)


def made_up(label: str, shift: float, *, again: float = math.nan) -> Tried:
    rng = np.random.default_rng(5)
    names = [f"ca_{i:02d}" for i in range(30)]
    first, second = rng.uniform(0, 1, 30), rng.uniform(0, 1, 30)
    return Tried(
        label, DEFAULT if label == "default" else Hyperparameters(num_leaves=9), "expected_value",
        0.5 + shift, dict(zip(names, (first + shift).tolist(), strict=True)),
        again, {} if math.isnan(again) else dict(zip(names, (second + again).tolist(), strict=True)),
    )  # fmt: skip


def test_both_measurements_are_told_and_luck_is_called_luck():
    def result(*tried: Tried) -> TuneResult:
        states = {"complete": 1, "pruned": 0, "failed": 0}
        return TuneResult(
            "s", "f.json", "a" * 64, "2025-05-01", 7, "r", states, made_up("default", 0.0, again=0.4), tried
        )

    lucky, real = made_up("trial 1", 0.2, again=0.4), made_up("trial 2", 0.1, again=0.6)
    found = result(lucky, real)
    assert found.best is lucky
    assert "not better than the default by more than chance" in tune_text(found)
    assert "still better" in tune_text(result(real))
    assert "not measured again" in tune_text(result(made_up("trial 3", 0.2)))
    worse = made_up("trial 4", -0.2, again=0.1)
    assert result(worse).best.label == "default"
    assert "no trial did better" in tune_text(result(worse))
    assert found.test(real, again=True) == paired_randomisation_test(
        list(real.again_by_campaign.values()), list(found.default.again_by_campaign.values())
    )
    assert "num_leaves 6 -> 9" in tune_text(found)
    json.dumps(found.as_dict(), allow_nan=False)


def command(market: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "collabrank", "tune", str(market), *words]


def states_of(home: Path, number: int = 2) -> list[str]:
    """States of the home's trials once there are ``number``, the default and others whose runs MLflow has."""
    database = home / "var" / "tune" / "tune.db"
    for _ in range(6000):
        if database.exists():
            with sqlite3.connect(database, timeout=30) as found:
                tables = found.execute("SELECT name FROM sqlite_master WHERE name = 'trials'").fetchall()
                states = [one for (one,) in found.execute("SELECT state FROM trials ORDER BY number")] if tables else []
                begun = (
                    found.execute("SELECT COUNT(*) FROM trial_user_attributes WHERE key = 'run'").fetchone()[0]
                    if tables
                    else 0
                )
            if len(states) >= number and begun >= number - 1:
                return states
        time.sleep(0.1)
    raise AssertionError("no trial began")


@pytest.mark.slow
def test_a_study_goes_on_after_kill_9_and_train_takes_what_it_found(home, small_market):
    running = subprocess.Popen(command(small_market, "--minutes", "30"), cwd=ROOT, stderr=subprocess.DEVNULL)
    states_of(home)  # the default, and a trial under way
    running.send_signal(signal.SIGKILL)
    running.wait()
    before = states_of(home)
    assert before[-1] == "RUNNING"
    done = subprocess.run(
        command(small_market, "--minutes", "30", "--trials", str(len(before)), "--json"),
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "marked failed" in done.stderr
    assert "default: validation_share" not in done.stderr  # kept from before
    found = json.loads(done.stdout)
    assert states_of(home)[len(before) - 1] == "FAIL"
    # So small a marketplace may refuse a set of hyperparameters that is drawn: a failed trial, too, but told as such.
    assert found["trials"]["failed"] == 1 + done.stderr.count("cannot be fitted: ")
    assert found["trials"]["complete"] + found["trials"]["pruned"] == len(before)
    assert found["default"]["again_validation_share"] is not None
    hyperparameters = read_hyperparameters(Path(found["file"]))
    assert hyperparameters.as_dict() == found["hyperparameters"]
    store = open_store()
    runs = store.client.search_runs([e.experiment_id for e in store.client.search_experiments()])
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    assert [run.info.run_id for run in parents] == [found["run"]]
    by_name = {run.info.run_name: run.info.status for run in runs}
    assert by_name[f"trial {len(before) - 1}"] == "FAILED"
    assert "RUNNING" not in by_name.values()
    answer = CliRunner().invoke(app, ["train", str(small_market), "--tuned", "--json"])
    assert answer.exit_code == 0, answer.output
    made = json.loads(answer.stdout)["rankers"][-1]
    params = store.params(made["run_id"])
    assert {name: params[name] for name in found["hyperparameters"]} == {
        k: str(v) for k, v in found["hyperparameters"].items()
    }
    if found["best"] != "default" and made["ranker"] == found["tried"][0]["ranker"]:
        # The search measured what training does, bit for bit.
        assert made["validation"] == found["tried"][0]["validation_share"]


@pytest.mark.slow
def test_two_processes_share_a_study_within_their_budget(home, small_market):
    began = time.monotonic()
    both = [
        subprocess.Popen(
            command(small_market, "--minutes", "30", "--trials", "4", "--json"),
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    answers = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], [err for _, err in answers]
    assert sum("default: validation_share" in err for _, err in answers) == 1
    found = [json.loads(out) for out, _ in answers]
    assert found[0]["study"] == found[1]["study"]
    assert found[0]["run"] == found[1]["run"]
    most = max(sum(one["trials"].values()) for one in found)
    assert 4 <= most <= 5  # who saw four finished stops; the other's trial under way may be a fifth
    with open_study(found[0]["study"], seed=None) as study:
        candidates = [json.dumps(trial.params, sort_keys=True) for trial in study.trials]
    assert len(set(candidates)) == len(candidates)
    taken = (time.monotonic() - began) / 2
    again = time.monotonic()
    result = CliRunner().invoke(app, ["tune", str(small_market), "--minutes", "0.5", "--json"])
    assert result.exit_code == 0, result.output
    # One block of campaigns may be under way when the budget ends; it takes less than half of what a whole call did.
    assert time.monotonic() - again < 30 + taken / 2
