"""The parts of the ranking: its rows, the table, the weights and filters above it, and what is told beside it."""

from serving.console.ranked.beside import CreatorBeside
from serving.console.ranked.compared import compare_two
from serving.console.ranked.left_out import left_out_words
from serving.console.ranked.rows import Row, reasons_of, rows_of, unsigned
from serving.console.ranked.table import RankingTable
from serving.console.ranked.weights import Filters, WeightsPanel

__all__ = [
    "CreatorBeside",
    "Filters",
    "RankingTable",
    "Row",
    "WeightsPanel",
    "compare_two",
    "left_out_words",
    "reasons_of",
    "rows_of",
    "unsigned",
]
