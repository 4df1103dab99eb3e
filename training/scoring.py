"""Use the champion on a marketplace's own tables: score every brief, or rank one, without the service."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from features.briefs import Brief, completed, doubts_of, read_briefs, told_campaigns
from features.signals import build_matrix, eligible_pairs
from marketplace.cache import code_version
from marketplace.display import Shown, text_of
from marketplace.errors import BriefError, ContractError, FileError
from marketplace.progress import say, track
from marketplace.state import ending_of
from marketplace.tables import Marketplace, open_marketplace
from marketplace.text import printable
from models.batch import frame_of, score_pairs
from models.bundle import Bundle, load_champion
from models.ranking import RankedCreator, rank
from training.applicants import read_applicants
from training.shards import SCORES, open_shards, shards_of

if TYPE_CHECKING:
    from features.snapshot import Snapshot

__all__ = [
    "ENDINGS",
    "SCORES",
    "Ranking",
    "Scores",
    "briefed",
    "candidates_of",
    "rank_brief",
    "ranking_text",
    "require_one",
    "score_campaigns",
    "score_marketplace",
]

ENDINGS = (".parquet", ".csv")
"""What the name of a file of scores may end in; the ending says the format."""


@dataclass(frozen=True, repr=False)
class Scores(Shown):
    """What `score_marketplace` wrote, or holds in memory.

    Attributes
    ----------
    campaigns, rows : int
    file : Path or None
        Where the rows lie; None where they were kept in memory.
    """

    campaigns: int
    rows: int
    file: Path | None
    kept: pd.DataFrame | None = None

    @property
    def headline(self) -> str:
        """How many rows, and where."""
        where = "in memory" if self.file is None else f"in {self.file}"
        return f"{self.rows} rows {where}"

    def to_frame(self) -> pd.DataFrame:
        """The columns of `SCORES`, campaigns in order of brief, best creator first; read back where they lie in a file.

        Raises
        ------
        FileError
            The file is gone or was replaced.
        """
        if self.kept is not None:
            return self.kept.copy()
        try:
            if self.file is not None and self.file.suffix.lower() == ".csv":
                table = pc.read_csv(self.file, convert_options=pc.ConvertOptions(column_types=SCORES))
            else:
                table = pq.read_table(self.file, schema=SCORES)
        except (OSError, pa.ArrowException) as reason:
            raise FileError("the scores that were written", received=str(reason), look=str(self.file)) from reason
        return pd.DataFrame(table.to_pandas())

    def as_dict(self) -> dict[str, Any]:
        """For JSON: how much, and where; not the rows."""
        return {"campaigns": self.campaigns, "rows": self.rows, "file": None if self.file is None else str(self.file)}


@dataclass(frozen=True, repr=False)
class Ranking(Shown):
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
    basis : str
        What the model stands on where outcomes were too few for heads of its own; empty where they were not.
    applicants : bool
        Whether they asked for a sample: chances and money are then of approving and not of inviting.
    """

    brief: Brief
    model_version: str
    as_of: str
    considered: int
    creators: tuple[RankedCreator, ...]
    usernames: tuple[str, ...]
    basis: str = ""
    applicants: bool = False

    @property
    def headline(self) -> str:
        """How many creators, of how many, by which model."""
        who = "applicants" if self.applicants else "eligible creators"
        return (
            f"{len(self.creators)} of {self.considered} {who} as of {self.as_of}, "
            f"model version {self.model_version}" + (f" ({self.basis})" if self.basis else "")
        )

    def to_frame(self) -> pd.DataFrame:
        """One row a creator (the index), best first; money in USD, with the ends of the 80 % intervals."""
        rows = [
            {
                "creator_id": one.creator_id,
                "username": username,
                "position": one.position,
                "score": one.score,
                "utility_usd": one.utility.expected,
                "utility_low": one.utility.low,
                "utility_high": one.utility.high,
                "success_probability": one.success_probability,
                "lift_usd": one.lift.expected,
                "lift_low": one.lift.low,
                "lift_high": one.lift.high,
                **one.indices,
                "first_reason": one.reasons[0].text if one.reasons else "",
            }
            for one, username in zip(self.creators, self.usernames, strict=True)
        ]
        return pd.DataFrame(rows).set_index("creator_id") if rows else pd.DataFrame()

    def as_dict(self) -> dict[str, Any]:
        """For JSON, in the service's words."""
        return {
            "campaign_id": self.brief.campaign_id,
            "model_version": self.model_version,
            "as_of": self.as_of,
            "considered": self.considered,
            "basis": self.basis or None,
            "creators": [
                {
                    "creator_id": one.creator_id,
                    "username": username,
                    "position": one.position,
                    "score": one.score,
                    "utility": asdict(one.utility),
                    "success_probability": one.success_probability,
                    **({"nothing_posted_probability": 1.0 - one.success_probability} if self.applicants else {}),
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


def candidates_of(market: str | Path | Marketplace, campaigns: Sequence[str]) -> pd.DataFrame:
    """Every eligible creator of ``campaigns``, each as of the brief, with all that the champion reads of them.

    Returns
    -------
    DataFrame
        The columns of `models.batch.frame_of`, by campaign in the order asked, then creator.

    Raises
    ------
    BundleError
        There is no champion that reads today's signals.
    ContractError
        A campaign is not among the marketplace's.
    """
    from features.indices import index_scores

    bundle = load_champion()
    market = open_marketplace(market)
    _in_order(market, campaigns)
    pairs = eligible_pairs(market, campaigns)
    return frame_of(
        bundle,
        pairs,
        X=build_matrix(market, pairs)[list(bundle.signals)].to_numpy(dtype=np.float64),
        indices=index_scores(market, pairs),
        briefs=read_briefs(market, campaigns),
    )


def score_marketplace(
    market: str | Path | Marketplace, out: str | Path | None = None, *, campaigns: Sequence[str] | None = None
) -> Scores:
    """Score every eligible creator of every campaign, into the file ``out`` where one is named.

    Campaigns come in order of brief, a shard at a time, so the memory of writing a file does not grow with their
    number. A run that was killed goes on where it was; the file is renamed into place when it is whole
    (`training.shards`).

    Parameters
    ----------
    market : path or Marketplace
    out : path, optional
        A name that ends in ``.parquet`` or ``.csv``, which says the format. Left out: the rows stay in memory.
    campaigns : sequence of str, optional
        These campaigns alone.

    Raises
    ------
    FileError
        ``out`` has another ending, or another process is writing it.
    BundleError
        There is no champion that reads today's signals.
    ContractError
        The tables cannot be read, or a campaign is not among them.
    """
    file = None if out is None else Path(out)
    if file is not None:
        ending_of(file, ENDINGS)
    bundle = load_champion()
    market = open_marketplace(market)
    ids = _in_order(market, campaigns)
    parts = shards_of(market, ids)
    numbers = track(range(len(parts)), f"scoring {len(ids)} campaigns", total=len(parts))
    if file is None:
        kept = [score_campaigns(bundle, market, parts[number]) for number in numbers]
        frame = pd.concat(kept, ignore_index=True) if kept else pd.DataFrame(SCORES.empty_table().to_pandas())
        return Scores(len(ids), len(frame), None, frame)
    rows = 0
    with open_shards(file, _plan(bundle, market, parts)) as shards:
        for number in numbers:
            there = shards.rows(number)
            if there is None:
                frame = score_campaigns(bundle, market, parts[number])
                shards.write(number, frame)
                there = len(frame)
            rows += there
        shards.publish(len(parts), file)
    return Scores(len(ids), rows, file)


def _plan(bundle: Bundle, market: Marketplace, parts: Sequence[Sequence[str]]) -> dict[str, Any] | None:
    """All that the scores hang on; None where it cannot be told, as of tables in memory."""
    files, code = market.kept_as(), code_version("training.scoring")
    if files is None or code is None or not bundle.fingerprint:
        return None
    return {"tables": files, "code": code, "bundle": bundle.fingerprint, "campaigns": [list(part) for part in parts]}


def _in_order(market: Marketplace, asked: Sequence[str] | None) -> list[str]:
    """The campaigns asked for, or all of them, in order of brief."""
    frame = market.frame("campaigns", ["campaign_id", "briefed_at"]).drop_duplicates("campaign_id")
    if asked is not None:
        strange = sorted(set(asked) - set(frame["campaign_id"]))
        if strange:
            raise ContractError(
                "campaigns of the marketplace", received=", ".join(strange[:5]), look="the table campaigns"
            )
        frame = frame[frame["campaign_id"].isin(list(asked))]
    return told_campaigns(market, list(frame.sort_values(["briefed_at", "campaign_id"], kind="stable")["campaign_id"]))


def rank_brief(
    market: str | Path | Marketplace,
    *,
    campaign: str | None = None,
    brief: str | Path | Mapping[str, Any] | None = None,
    top: int = 20,
    applicants: str | Path | Sequence[str] | None = None,
) -> Ranking:
    """Rank the eligible creators for a campaign (as of its brief) or for an inline brief (as of the newest day).

    The way is the service's own: a snapshot, its candidates, one scoring pass, reasons for those returned.

    Parameters
    ----------
    market : path or Marketplace
    campaign : str
        A campaign of the marketplace; or
    brief : path or mapping
        a brief written out, as ``POST /rank`` takes it, or a JSON file with one.
    top : int
        How many creators.
    applicants : path or sequence of str, optional
        Who asked for a sample: these alone are ranked, by the expected profit of sending each one. Their ids, or a CSV
        or Parquet file with a column ``creator_id``.

    Raises
    ------
    ContractError
        The file of applicants cannot be read, or names creators that the marketplace does not know.
    BriefError
        Neither or both given, an unknown campaign, or a brief that cannot be completed.
    BundleError
        There is no champion that reads today's signals.
    """
    require_one(campaign, brief)
    bundle = load_champion()
    market = open_marketplace(market)
    asking = None if applicants is None else read_applicants(applicants, market)
    asked, snapshot = briefed(market, campaign=campaign, brief=brief)
    filters: dict[str, Any] = {}
    if asking is not None:
        asked, filters = replace(asked, has_free_sample=True), {"include_only_creator_ids": asking}
    rows, _ = snapshot.candidates(asked, filters)
    if asking is not None and len(rows) < len(asking):
        say(f"{len(asking) - len(rows)} of {len(asking)} applicants cannot sell in {asked.market}, or joined later")
    creators = rank(
        bundle,
        snapshot.matrix(asked, rows),
        snapshot.indices(asked, rows),
        snapshot.creator_ids[rows],
        asked,
        top=top,
        applied=asking is not None,
    )
    return Ranking(
        brief=asked,
        model_version=bundle.model_version,
        as_of=f"{snapshot.as_of:%Y-%m-%d}",
        considered=len(rows),
        creators=tuple(creators),
        usernames=tuple(str(snapshot.usernames[rows[one.row]]) for one in creators),
        basis="" if bundle.basis is None else bundle.basis.text,
        applicants=asking is not None,
    )


def require_one(campaign: str | None, brief: object) -> None:
    """A campaign or a brief, and not both.

    Raises
    ------
    BriefError
        Neither or both.
    """
    if (campaign is None) == (brief is None):
        raise BriefError(
            "one of a campaign and a brief",
            received="neither" if campaign is None else "both",
            look="`collabrank rank --help`",
        )


def briefed(
    market: Marketplace, *, campaign: str | None, brief: str | Path | Mapping[str, Any] | None
) -> tuple[Brief, Snapshot]:
    """The brief of ``campaign``, or ``brief`` completed, and the snapshot that it is answered from.

    As of the campaign's brief, or of the newest day.

    Raises
    ------
    BriefError
        An unknown campaign, or a brief that cannot be completed.
    """
    from features.snapshot import build_snapshot

    if brief is not None:
        body = _inner(brief, "the brief") if isinstance(brief, Mapping) else _read_body(Path(brief))
        snapshot = build_snapshot(market, body.get("briefed_at"))
        asked = completed(body, snapshot.known)
        for doubt in doubts_of(body, asked, snapshot.known):
            meant = f" (did you mean {' or '.join(doubt.closest)}?)" if doubt.closest else ""
            say(f"{doubt.field}: {doubt.message}{meant}")
        return asked, snapshot
    asked = read_briefs(market, told_campaigns(market, [str(campaign)]))[str(campaign)]
    return asked, build_snapshot(market, asked.briefed_at)


@text_of.register
def ranking_text(ranking: Ranking) -> str:
    """The ranking in words: a line a creator, its reasons beneath."""
    lines = [ranking.headline]
    for one, username in zip(ranking.creators, ranking.usernames, strict=True):
        lines.append(
            f"{one.position:>4}  {printable(username or one.creator_id):<24} score {one.score:5.1f}  "
            f"profit {one.utility.expected:8.2f} USD ({one.utility.low:.2f} .. {one.utility.high:.2f})  "
            f"{_chance(ranking, one)}  lift {one.lift.expected:8.2f} USD"
        )
        lines += [f"        {reason.text}" for reason in one.reasons]
    return "\n".join(lines)


def _chance(ranking: Ranking, one: RankedCreator) -> str:
    if ranking.applicants:
        return f"posts nothing {1.0 - one.success_probability:.0%}"
    return f"delivers {one.success_probability:.0%}"


def _read_body(path: Path) -> Mapping[str, Any]:
    """The brief in a JSON file."""
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as reason:
        raise BriefError("a JSON file with a brief", received=str(reason), look=str(path)) from reason
    return _inner(body, str(path))


def _inner(body: Any, where: str) -> Mapping[str, Any]:
    """The object itself, or what lies under ``brief`` as ``POST /rank`` takes it."""
    inner = body.get("brief", body) if isinstance(body, Mapping) else body
    if not isinstance(inner, Mapping):
        raise BriefError("a JSON object with a brief", received=type(inner).__name__, look=where)
    return inner
