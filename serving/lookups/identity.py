"""Whose key it is that asks, and what answers: what a tool signs in with."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from serving.keys import ApiKey
from serving.pair import Served

__all__ = ["KeyAnswer", "MeAnswer", "ServiceAnswer", "me"]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class KeyAnswer(_Answer):
    """The key that asks; never the key itself."""

    name: str = Field(description="As it was given when the key was made.")
    scope: str = Field(description="What the key opens: brand, creator, reviewer, admin or metrics.")
    brands: list[str] | None = Field(description="The brands that it is bound to; null: all of them.")
    creator_id: str | None = Field(description="The creator whom a key of scope `creator` is for.")
    expires: str | None = Field(description="When it ends by itself, ISO 8601; null: it does not.")


class ServiceAnswer(_Answer):
    """What is served."""

    model_version: str
    ranker: str = Field(description="The kind of model.")
    snapshot_as_of: str = Field(description="The snapshot's day: nothing that became known after it is used.")
    creators: int = Field(description="In the snapshot, over all markets.")


class MeAnswer(_Answer):
    """Who asks, and what answers."""

    key: KeyAnswer = Field(description="The key that was sent.")
    service: ServiceAnswer = Field(description="What is served now.")


def me(served: Served, key: ApiKey) -> MeAnswer:
    """What ``key`` is, and what is served."""
    return MeAnswer(
        key=KeyAnswer(
            name=key.name,
            scope=key.scope,
            brands=None if key.brands is None else list(key.brands),
            creator_id=key.creator_id,
            expires=key.expires_at,
        ),
        service=ServiceAnswer(
            model_version=served.bundle.model_version,
            ranker=served.bundle.ranker,
            snapshot_as_of=f"{served.as_of:%Y-%m-%d}",
            creators=len(served.snapshot),
        ),
    )
