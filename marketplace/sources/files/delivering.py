"""Deliveries that no file tells, from what was posted: a brief's product shown by a creator who had accepted."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from marketplace.contract import GRACE_DAYS

__all__ = ["NEEDS", "deliveries_of"]

NEEDS: Mapping[str, tuple[str, ...]] = {
    "invitations": ("campaign_id", "creator_id"),
    "campaigns": ("product_ids",),
    "contents": ("creator_id", "product_ids", "published_at"),
}
"""Tables and columns that they are made of."""


def deliveries_of(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Rows of ``deliveries``, in the contract's columns.

    A post counts for an invitation that had been accepted by then, where it shows a product of the brief and is not
    later than `marketplace.contract.GRACE_DAYS` days after the content was due; of several invitations for the one
    that was accepted last. What was posted before an answer is no delivery: who accepts what was shown already has
    delivered nothing.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        ``invitations``, ``campaigns`` and ``contents``, by the contract.
    """
    accepted = _accepted(tables["invitations"])
    terms = tables["campaigns"].drop_duplicates("campaign_id").set_index("campaign_id")[["product_ids", "ends_at"]]
    asked = accepted.join(terms, on="campaign_id").explode("product_ids").dropna(subset=["product_ids"])
    posts = tables["contents"].sort_values("known_at", kind="stable").drop_duplicates("content_id")
    posts = posts[["content_id", "creator_id", "product_ids", "published_at", "known_at"]].explode("product_ids")
    met = posts.dropna(subset=["product_ids"]).merge(asked, on=["creator_id", "product_ids"], suffixes=("", "_of"))
    late = met["ends_at"] + pd.Timedelta(days=GRACE_DAYS)
    met = met[(met["published_at"] > met["accepted_at"]) & ~(met["published_at"] > late)]
    met = met.sort_values(["content_id", "accepted_at", "invitation_id"], kind="stable")
    met = met.drop_duplicates("content_id", keep="last")
    known = met[["known_at", "published_at", "answered_at"]].max(axis=1)
    return pd.DataFrame(
        {
            "delivery_id": met["invitation_id"] + ":" + met["content_id"],
            "invitation_id": met["invitation_id"],
            "creator_id": met["creator_id"],
            "campaign_id": met["campaign_id"],
            "content_id": met["content_id"],
            "posted_at": met["published_at"],
            "known_at": known,
        }
    ).reset_index(drop=True)


def _accepted(invitations: pd.DataFrame) -> pd.DataFrame:
    """Invitations whose last state is an acceptance: when it was given, and when it was known."""
    last = invitations.sort_values(["invitation_id", "known_at"], kind="stable").drop_duplicates(
        "invitation_id", keep="last"
    )
    last = last[last["decision"] == "ACCEPT"]
    given = pd.Series(pd.NaT, index=last.index, dtype="datetime64[us, UTC]")
    for name in ("replied_at", "decided_at"):
        if name in last:
            given = given.fillna(last[name])
    # Nothing tells when: any post since it was sent may be what was asked for.
    given = given.fillna(last["sent_at"])
    return pd.DataFrame(
        {
            "invitation_id": last["invitation_id"],
            "creator_id": last["creator_id"],
            "campaign_id": last["campaign_id"],
            "accepted_at": given,
            "answered_at": last["known_at"],
        }
    )
