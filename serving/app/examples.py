"""Examples on the OpenAPI page: bodies that a simulated marketplace answers as they stand, and what comes back.

The names are those that `collabrank simulate` gives; a test sends every body to a running service.
"""

from __future__ import annotations

from typing import Any

__all__ = ["ANSWERS", "BODIES", "ERRORS", "PARAMETERS"]

_ID = "bb486e33e253451dba12b38a11fe5540"

_BRIEF = {
    "brand_id": "br_001", "market": "ID", "category_id": "beauty", "commission_rate": 0.12, "price": 18,
    "has_free_sample": True,
}  # fmt: skip

BODIES: dict[str, dict[str, Any]] = {
    "rank": {
        "a_brief": {"brief": _BRIEF, "top": 3},
        "a_brief_with_fee_and_dates": {
            "brief": {
                "market": "ID", "category_id": "beauty", "objective": "LAUNCH", "commission_rate": 0.1,
                "flat_fee": 500000, "budget": 20000000, "price": 280000, "currency": "IDR",
                "has_free_sample": True,
            },
            "filters": {"min_followers": 1000, "languages": ["id"]},
            "top": 3,
            "explain": False,
        },
        "a_campaign": {"campaign_id": "ca_0002", "top": 5},
        "those_who_asked_for_a_sample": {
            "campaign_id": "ca_0002", "candidates": "applicants", "applicants": ["cr_000003", "cr_000007"]
        },
        "own_weights": {"brief": _BRIEF, "top": 3, "weights": {"model": 0.5, "cooperation": 0.3, "diligence": 0.2}},
    },
    "rank_batch": {"two_briefs": {"requests": [{"brief": _BRIEF, "top": 2}, {"campaign_id": "ca_0002", "top": 2}]}},
    "explain": {"two_creators": {"campaign_id": "ca_0002", "creator_ids": ["cr_000003", "cr_000007"]}},
    "plan": {
        "a_campaign": {"campaign_id": "ca_0002", "budget": 300, "invitations": 10, "terms": [[0, 0.15]]},
        "a_shortlist": {
            "brief": _BRIEF, "budget": 100, "filters": {"include_only_creator_ids": ["cr_000003", "cr_000007"]},
            "terms": [],
        },
    },
    "feedback": {"invited": {"request_id": _ID, "creator_id": "cr_001313", "event": "INVITED"}},
}  # fmt: skip
"""Operation to named bodies. The ``request_id`` of `feedback` is that of an answer before it."""

ANSWERS: dict[str, dict[str, Any]] = {
    "rank": {
        "the_best": {
            "request_id": _ID,
            "model_version": "2",
            "as_of": "2025-08-29T00:00:00Z",
            "considered": 720,
            "basis": None,
            "warnings": [],
            "filtered_out": {"market": 2280},
            "unknown_applicants": [],
            "creators": [
                {
                    "creator_id": "cr_001313",
                    "username": "limoan.1313",
                    "position": 1,
                    "score": 99.12,
                    "utility": {"expected": 1045.85, "low": -480.13, "high": 3419.94, "currency": "USD"},
                    "success_probability": 0.807,
                    "nothing_posted_probability": None,
                    "lift": {"expected": 3740.6, "low": 163.34, "high": 9307.93, "currency": "USD"},
                    "indices": {"cooperation": {"value": 82.01}, "diligence": {"value": 96.4}},
                    "reasons": [
                        {
                            "signal": "brief_sales_expected_365d",
                            "value": 503.04,
                            "unit": "USD",
                            "head": "lift",
                            "contribution": 1453.83,
                            "text": "Raises the expected extra sales. Sales expected of one post for what the brief "
                            "sells: 503 USD (+1,453.83 USD of expected profit)",
                            "words": "Raises the expected extra sales. Sales expected of one post for what the brief "
                            "sells",
                        }
                    ],
                }
            ],
        }
    },
    "feedback": {"logged": {"request_id": _ID, "logged": True}},
    "me": {
        "a_brands_tool": {
            "key": {"name": "my-tool", "scope": "brand", "brands": ["br_001"], "creator_id": None, "expires": None},
            "service": {
                "model_version": "2", "ranker": "expected_value", "snapshot_as_of": "2025-08-29", "creators": 3000
            },
        }
    },
    "products": {
        "two_and_more": {
            "products": [
                {
                    "product_id": "pr_00000", "name": None, "brand_id": "br_000", "category_id": "health",
                    "price": 12.96, "currency": "USD",
                }
            ],
            "more": True,
        }
    },
    "leaders": {
        "beauty_in_indonesia": {
            "index": "category_influence", "category_id": "beauty", "of": 720,
            "leaders": [
                {
                    "position": 1, "creator_id": "cr_001313", "username": "limoan.1313", "market": "ID",
                    "followers": 1310, "value": 97.21, "confidence": 97.53, "interval": [96.43, 97.95],
                }
            ],
        }
    },
    "similar": {
        "by_category": {
            "creator_id": "cr_001293", "by": "category", "note": None,
            "similar": [
                {
                    "creator_id": "cr_000143", "username": "huyodee.143", "market": "SG", "followers": 9120,
                    "similarity": 0.976, "alike": ["sports: 69% of this creator's orders and 69% of theirs"],
                }
            ],
        }
    },
    "history": {
        "two_weeks": {
            "creator_id": "cr_001293", "days": ["2025-08-22", "2025-08-29"],
            "indices": {"cooperation": [47.5, 48.5]}, "confidence": {"cooperation": [61.0, 62.0]}, "note": None,
        }
    },
    "behind": {
        "one_partnership": {
            "creator_id": "cr_001231", "as_of": "2025-08-29", "others": {"on_time_rate": 7},
            "events": [
                {
                    "component": "on_time_rate", "day": "2025-08-14", "brand_id": "br_010", "value": 1.0,
                    "unit": "fraction", "weight": 0.794,
                }
            ],
            "left_out": [
                {
                    "what": "sample", "id": "sa_002198", "day": "2025-08-16", "brand_id": "br_010",
                    "reason": "still open (delivery open)",
                }
            ],
            "partnerships": [
                {
                    "invitation_id": "inv_008932", "campaign_id": "ca_0164", "brand_id": "br_010",
                    "category_id": "food", "invited": "2025-08-05", "due": "2025-08-27", "posted": "2025-08-14",
                    "outcome": "on_time", "reason": "on_time",
                }
            ],
            "note": None,
        }
    },
    "outcomes": {
        "one_invited": {
            "campaign_id": "ca_0179", "rankings": 4, "reported": {"INVITED": 1}, "expected_profit": 2307.53,
            "currency": "USD",
            "creators": [
                {
                    "creator_id": "cr_001293", "username": "fikagia.1293", "request_id": _ID, "model_version": "2",
                    "shown_at": "2025-08-29T10:00:00+00:00", "rankings": 4, "position": 1, "score": 96.93,
                    "expected_profit": 2307.53, "currency": "USD",
                    "events": {"INVITED": "2025-08-29T11:00:00+00:00"},
                }
            ],
        }
    },
}  # fmt: skip

ERRORS: dict[int, dict[str, Any]] = {
    400: {
        "error": "BriefError",
        "expected": "'brief.commission_rate' to be at most 1",
        "received": "12 (and 1 more to put right)",
        "look": "/docs.json",
        "problems": [
            {
                "field": "brief.commission_rate",
                "expected": "'brief.commission_rate' to be at most 1",
                "received": "12",
            },
            {"field": "top", "expected": "'top' to be at most 1,000", "received": "5000"},
        ],
        "request_id": _ID,
    },
    401: {
        "error": "AccessError",
        "expected": "a valid key in the X-API-Key header",
        "received": "no key",
        "look": "`collabrank keys create NAME` makes one",
        "request_id": _ID,
    },
    404: {
        "error": "BriefError",
        "expected": "a campaign that the snapshot knows",
        "received": "'ca_9999'",
        "look": "`collabrank snapshot DIR` for a newer snapshot, or send the brief itself as `brief`",
        "request_id": _ID,
    },
}

PARAMETERS: dict[str, dict[str, Any]] = {
    "creator_id": {"description": "The creator's id, or their username.", "example": "cr_000003"},
    "file": {"schema": {"type": "string", "enum": ["start.js", "swagger-ui.css", "swagger-ui-bundle.js"]}},
}
"""What is told of a parameter in a path, beside its name."""
