"""The benchmark of scale: a line a size and step from processes of their own, and slopes over them."""

from __future__ import annotations

import json

import pytest

from benchmarks import scale


def test_lines_a_size_and_step_then_slopes(tmp_path, capfd):
    asked = ["--creators", "60", "120", "--orders-per-creator", "30", "--steps", "check", "--folder", str(tmp_path)]
    assert scale.main(asked) == 0
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [(line["step"], line.get("creators")) for line in lines] == [
        ("simulate", 60), ("check", 60), ("simulate", 120), ("check", 120), ("simulate", None), ("check", None),
    ]  # fmt: skip
    for simulated, checked in (lines[:2], lines[2:4]):
        assert simulated["bytes"] == checked["bytes"] > 0
        assert simulated["order_states"] == checked["order_states"] > simulated["creators"] * 10
        assert checked["seconds"] > 0
        assert 0 < checked["peak_gib"] < 4
    assert lines[-1]["sizes"] == [60, 120]
    assert not list(tmp_path.iterdir())


def test_a_step_that_fails_is_told_and_counted(tmp_path, capfd):
    (tmp_path / "none" / "orders").mkdir(parents=True)
    for table in ("orders", "creators"):
        (tmp_path / "none" / table).mkdir(exist_ok=True)
        (tmp_path / "none" / table / "part.parquet").write_bytes(_PARQUET)
    asked = ["--creators", "60", "--market", str(tmp_path / "none"), "--steps", "check", "--folder", str(tmp_path)]
    assert scale.main(asked) == 1
    line = json.loads(capfd.readouterr().out.splitlines()[0])
    assert line["failed"] == 1


def test_slopes_are_of_logarithms():
    lines = [
        {"step": "check", "creators": n, "seconds": n / 10, "cpu_seconds": n**2.0, "peak_gib": 1.0, "bytes": 7 * n}
        for n in (10, 100, 1_000)
    ]
    (found,) = scale.slopes(lines)
    assert found == {
        "step": "check", "sizes": [10, 100, 1_000],
        "seconds_slope": 1.0, "cpu_seconds_slope": 2.0, "peak_gib_slope": 0.0, "bytes_slope": 1.0,
    }  # fmt: skip
    with pytest.raises(StopIteration):
        next(scale.slopes(lines[:1]))


def _parquet() -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"creator_id": ["cr_1"]}), sink)
    return bytes(sink.getvalue().to_pybytes())


_PARQUET = _parquet()
