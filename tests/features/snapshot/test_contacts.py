"""Contacts before a brief: from a snapshot of any later day, by hand from the table, and nothing of what came after."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from features.contacts import CONTACT_DAYS, Contacts, sent_before
from features.snapshot.build import build_snapshot
from features.snapshot.disk import save_snapshot
from features.snapshot.parts import load_snapshot
from features.time.entities import default_as_of
from marketplace.signature import Signer


def by_hand(frames, at):
    """Invitations of the days before ``at``'s midnight that were known then: by creator, and by brand."""
    at, sent = at.floor("D"), frames["invitations"]
    since = at - pd.Timedelta(days=CONTACT_DAYS)
    sent = sent[(sent["known_at"] < at) & (sent["sent_at"] < at) & (sent["sent_at"] >= since)]
    sent = sent[sent["origin"].fillna("") != "REQUESTED"].drop_duplicates("invitation_id")
    brands = frames["campaigns"].drop_duplicates("campaign_id").set_index("campaign_id")["brand_id"]
    return sent["creator_id"].value_counts().to_dict(), sent["campaign_id"].map(brands).value_counts().to_dict()


def days_of_invitations(frames):
    """Midnights at which something begins or ends to count, and some between."""
    sent = frames["invitations"]["sent_at"].dt.floor("D")
    last = default_as_of_frames(frames)
    found = {day + pd.Timedelta(days=more) for day in sent.unique()[::7] for more in (0, 1, CONTACT_DAYS, 31, 15)}
    return sorted(day for day in found if day <= last)


def default_as_of_frames(frames):
    return frames["invitations"]["known_at"].max().floor("D")


def test_a_later_snapshot_counts_what_the_brief_s_own_day_knew(wee, wee_frames, tmp_path):
    snapshot = build_snapshot(wee, default_as_of(wee))
    ids = set(snapshot.creator_ids.tolist())
    signer = Signer.new()
    save_snapshot(snapshot, tmp_path / "snapshot", signer)
    parts = load_snapshot(tmp_path / "snapshot", signer.public_key)
    seen = 0
    for day in days_of_invitations(wee_frames):
        at = day + pd.Timedelta(hours=13)
        creators, brands = by_hand(wee_frames, at)
        expected = {name: count for name, count in creators.items() if name in ids}
        assert snapshot.contacts.before(at, snapshot.creator_ids) == (expected, brands)
        own = [parts.of_market(name) for name in parts.markets]
        told = [one.contacts.before(at, one.creator_ids) for one in own]
        assert {name: count for one, _ in told for name, count in one.items()} == expected
        assert all(one == brands for _, one in told)
        # As of the brief's own day, which is what the command reads, it is the same.
        assert Contacts.of(sent_before(wee, day), np.asarray(snapshot.creator_ids)).before(
            day, snapshot.creator_ids
        ) == (expected, brands)
        seen += sum(expected.values())
    assert seen > 100


def test_what_does_not_fit_is_told(wee, wee_frames):
    ids = np.array(sorted(wee_frames["creators"]["creator_id"].unique()))
    contacts = Contacts.of(sent_before(wee, default_as_of_frames(wee_frames)), ids)
    assert contacts.fits(len(ids))
    assert not contacts.fits(int(contacts.creators.max()))
    assert not replace(contacts, brand_ids=contacts.brand_ids[:-1]).fits(len(ids))
    assert not replace(contacts, creators_from=contacts.creators_from[1:]).fits(len(ids))
    assert not replace(contacts, brands_sent=-contacts.brands_sent).fits(len(ids))
    assert not replace(contacts, creators_till=contacts.creators_till.astype(np.int64)).fits(len(ids))


@pytest.mark.parametrize("rows", [[], [0], [2, 5, 9]])
def test_some_creators_keep_their_own(wee, wee_frames, rows):
    ids = np.array(sorted(wee_frames["creators"]["creator_id"].unique()))
    at = default_as_of_frames(wee_frames)
    contacts = Contacts.of(sent_before(wee, at), ids)
    some = contacts.take(np.array(rows, dtype=np.int64))
    assert some.fits(max(len(rows), 1))
    whole, _ = contacts.before(at, ids)
    assert some.before(at, ids[rows])[0] == {name: whole[name] for name in ids[rows].tolist() if name in whole}
