"""Use the champion on a marketplace's own tables: score every brief, or rank one, without the service."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from features.briefs import Brief, read_briefs
from features.signals import build_matrix, eligible_pairs
from marketplace.errors import BriefError
from marketplace.progress import track
from marketplace.tables import Marketplace, open_marketplace
from models.batch import score_pairs
from models.bundle import Bundle, load_champion
from models.ranking import RankedCreator, rank

__all__ = ["SCORES", "Ranking", "print_ranking", "rank_brief", "score_campaigns", "score_marketplace"]

SCORES = pa.schema(
    [
        ("campaign_id", pa.string()),
        ("creator_id", pa.string()),
        ("rank", pa.int64()),
        ("score", pa.float64()),
        ("utility_usd", pa.float64()),
        ("success_probability", pa.float64()),
        ("lift_usd", pa.float64()),
    ]
)
"""Columns of the file that `score_marketplace` writes."""

CHUNK = 40
"""Campaigns scored at a time: what bounds the memory."""


@dataclass(frozen=True)
class Ranking:
    """The best creators for one brief.

    Attributes
    ----------
    brief : Brief
    model_version : str
    as_of : str
        ISO date: what was known before it.
    considered : int
        Eligible creators.
    creators : tuple of RankedCreator
        Best first.
    usernames : tuple of str
        Their public handles.
    """

    brief: Brief
    model_version: str
    as_of: str
    considered: int
    creators: tuple[RankedCreator, ...]
    usernames: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON, in the service's words."""
        return {
            "campaign_id": self.brief.campaign_id,
            "model_version": self.model_version,
            "as_of": self.as_of,
            "considered": self.considered,
            "creators": [
                {
                    "creator_id": one.creator_id,
                    "username": username,
                    "position": one.position,
                    "score": one.score,
                    "utility": asdict(one.utility),
                    "success_probability": one.success_probability,
                    "lift": asdict(one.lift),
                    "indices": {name: {"value": value} for name, value in one.indices.items()},
                    "reasons": [asdict(reason) for reason in one.reasons],
                }
                for one, username in zip(self.creators, self.usernames, strict=True)
            ],
        }


def score_campaigns(bundle: Bundle, market: Marketplace, campaign_ids: Sequence[str]) -> pd.DataFrame:
    """Every eligible creator of ``campaign_ids``, each as of the brief: the columns of `SCORES`, best first.

    Sorted by campaign in the order asked, then rank.
    """
    from features.indices import index_scores

    pairs = eligible_pairs(market, campaign_ids)
    if pairs.empty:
        return pd.DataFrame(SCORES.empty_table().to_pandas())
    matrix = build_matrix(market, pairs)[list(bundle.signals)].to_numpy(dtype=np.float64)
    frame, _ = score_pairs(
        bundle,
        pairs,
        X=matrix,
        indices=index_scores(market, pairs),
        briefs=read_briefs(market, campaign_ids),
    )
    place = frame["campaign_id"].map({name: i for i, name in enumerate(campaign_ids)})
    return frame.iloc[np.lexsort((frame["rank"], place))].reset_index(drop=True)


def score_marketplace(market_dir: str | Path, out: Path) -> int:
    """Score every eligible creator of every campaign into the Parquet file ``out``; returns the number of rows.

    Campaigns come in order of brief, `CHUNK` at a time, so memory does not grow with their number. The file
    is written under a temporary name and renamed when it is whole.

    Raises
    ------
    BundleError
        There is no champion that reads today's signals.
    ContractError
        The tables cannot be read.
    """
    bundle = load_champion()
    market = open_marketplace(market_dir)
    campaigns = market.frame("campaigns", ["campaign_id", "briefed_at"]).drop_duplicates("campaign_id")
    ids = campaigns.sort_values(["briefed_at", "campaign_id"], kind="stable")["campaign_id"].to_list()
    chunks = [ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK)]
    out.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.")
    os.close(handle)
    rows = 0
    try:
        with pq.ParquetWriter(name, SCORES) as writer:
            for chunk in track(chunks, f"scoring {len(ids)} campaigns", total=len(chunks)):
                frame = score_campaigns(bundle, market, chunk)
                rows += len(frame)
                writer.write_table(pa.Table.from_pandas(frame, schema=SCORES, preserve_index=False))
        Path(name).chmod(0o644)
        Path(name).replace(out)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return rows


def rank_brief(
    market_dir: str | Path, *, campaign_id: str | None = None, brief_file: Path | None = None, top: int = 20
) -> Ranking:
    """Rank the eligible creators for a campaign (as of its brief) or for an inline brief (as of the newest day).

    The way is the service's own: a snapshot, its candidates, one scoring pass, reasons for those returned.

    Raises
    ------
    BriefError
        Neither or both given, an unknown campaign, or a brief that cannot be completed.
    BundleError
        There is no champion that reads today's signals.
    """
    from features.snapshot import build_snapshot

    if (campaign_id is None) == (brief_file is None):
        raise BriefError(
            "one of --campaign and --brief",
            received="neither" if campaign_id is None else "both",
            look="`collabrank rank --help`",
        )
    bundle = load_champion()
    market = open_marketplace(market_dir)
    if brief_file is not None:
        body = _read_body(brief_file)
        snapshot = build_snapshot(market, body.get("briefed_at"))
        brief = snapshot.complete(body)
    else:
        brief = read_briefs(market, [str(campaign_id)])[str(campaign_id)]
        snapshot = build_snapshot(market, brief.briefed_at)
    rows, _ = snapshot.candidates(brief)
    creators = rank(
        bundle,
        snapshot.matrix(brief, rows),
        snapshot.indices(brief, rows),
        snapshot.creator_ids[rows],
        brief,
        top=top,
    )
    return Ranking(
        brief=brief,
        model_version=bundle.model_version,
        as_of=f"{snapshot.as_of:%Y-%m-%d}",
        considered=len(rows),
        creators=tuple(creators),
        usernames=tuple(str(snapshot.usernames[rows[one.row]]) for one in creators),
    )


def print_ranking(ranking: Ranking) -> None:
    """The ranking in words on standard output: a line a creator, its reasons beneath."""
    print(
        f"{len(ranking.creators)} of {ranking.considered} eligible creators as of {ranking.as_of}, "
        f"model version {ranking.model_version}"
    )
    for one, username in zip(ranking.creators, ranking.usernames, strict=True):
        print(
            f"{one.position:>4}  {username or one.creator_id:<24} score {one.score:5.1f}  "
            f"profit {one.utility.expected:8.2f} USD ({one.utility.low:.2f} .. {one.utility.high:.2f})  "
            f"delivers {one.success_probability:.0%}  lift {one.lift.expected:8.2f} USD"
        )
        for reason in one.reasons:
            print(f"        {reason.text}")


def _read_body(path: Path) -> dict[str, Any]:
    """The brief in a JSON file: the object itself, or under ``brief`` as ``POST /rank`` takes it."""
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as reason:
        raise BriefError("a JSON file with a brief", received=str(reason), look=str(path)) from reason
    inner = body.get("brief", body) if isinstance(body, dict) else body
    if not isinstance(inner, dict):
        raise BriefError("a JSON object with a brief", received=type(inner).__name__, look=str(path))
    return inner
