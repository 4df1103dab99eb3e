"""A marketplace that was written as sellers export it, in another language, comes back as it was."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from marketplace.contract import TABLES
from marketplace.simulator import simulate
from marketplace.sources import ingest
from marketplace.sources.files import from_folder, propose
from marketplace.tables import Marketplace, open_marketplace
from tests.marketplace.sources.files.sellers import DIALECTS, seller_files


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Marketplace:
    folder = tmp_path_factory.mktemp("original") / "m"
    simulate(folder, creators=60, campaigns=6, days=60, seed=5)
    return open_marketplace(folder)


def as_clocks_tell(frame: pd.DataFrame, zone: str) -> pd.DataFrame:
    """``frame`` after its instants were told by the clock of ``zone``: the hour that comes twice is the first one."""
    told = frame.copy()
    for name in frame.select_dtypes("datetimetz"):
        local = frame[name].dt.tz_convert(zone).dt.tz_localize(None)
        first = pd.Series(True, index=frame.index)
        told[name] = local.dt.tz_localize(zone, ambiguous=first.to_numpy()).dt.tz_convert("UTC")
    return told


@pytest.mark.parametrize("name", DIALECTS)
def test_what_a_dialect_wrote_comes_back_equal(name: str, original: Marketplace, tmp_path: Path) -> None:
    """All tables and columns are found, and the time zone is the one line to edit."""
    dialect = DIALECTS[name]
    frames = {table: original.frame(table) for table in original.present}
    frames = {table: frame for table, frame in frames.items() if len(frame)}
    seller_files(frames, tmp_path / "exports", dialect)
    proposal = propose(tmp_path / "exports")
    assert not proposal.unread
    assert [one for one in proposal.decisions if "time_zone" not in one] == []
    lines = proposal.text.splitlines()
    zone = next(at for at, line in enumerate(lines) if line.startswith("time_zone"))
    lines[zone] = f'time_zone = "{dialect.zone}"'
    file = tmp_path / "mapping.toml"
    file.write_text("\n".join(lines), encoding="utf-8")
    report = ingest(from_folder(file), tmp_path / "market", folder=tmp_path / "exports")
    # Deliveries that no file tells are made of what was posted.
    assert set(report.rows) - set(frames) <= {"deliveries"}
    assert set(report.rows) >= set(frames)
    back = open_marketplace(tmp_path / "market")
    assert back.check().ok
    for table, frame in frames.items():
        key = list(TABLES[table].key)
        pd.testing.assert_frame_equal(
            back.frame(table).sort_values(key, ignore_index=True),
            as_clocks_tell(frame, dialect.zone).sort_values(key, ignore_index=True),
            check_exact=True,
        )
