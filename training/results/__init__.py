"""What came of past campaigns, held against what was foretold: the report that a brand prints (``collabrank report``).

- `came`: what became of every invitation of a campaign, in sales, costs and profit.
- `foretold`: what the decision log, or the champion as of the brief, said of the same invitations.
- `words`: verdict, checks and next steps, for readers who know no statistics.
- `gather`, `report`, `page`, `shelf`: the report, its two printed pages, and where they lie.
"""

from __future__ import annotations

from training.results.foretold import LoggedPredictions
from training.results.gather import report_campaigns
from training.results.report import CampaignReport, Reports, reports_text
from training.results.shelf import file_stem, page_of, shelve

__all__ = [
    "CampaignReport",
    "LoggedPredictions",
    "Reports",
    "file_stem",
    "page_of",
    "report_campaigns",
    "reports_text",
    "shelve",
]
