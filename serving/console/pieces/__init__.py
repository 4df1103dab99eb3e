"""What pages are drawn with: text, fields, buttons, panels, bars, and the states in which there is nothing to show."""

from serving.console.pieces.answers import Answers
from serving.console.pieces.bars import confidence_chip, index_meter, interval_bar
from serving.console.pieces.field import Field, field
from serving.console.pieces.file import FilePicker
from serving.console.pieces.layout import (
    button,
    columns,
    empty_state,
    facts,
    form,
    link,
    notice,
    panel,
    plain_table,
    refusal_panel,
    submit_button,
    text,
    tidy,
    waiting,
)
from serving.console.pieces.signs import sign
from serving.console.pieces.wording import (
    UNKNOWN,
    count_text,
    counted_text,
    index_name,
    interval_text,
    money_text,
    percent_text,
    said_of,
    score_text,
)

__all__ = [
    "UNKNOWN",
    "Answers",
    "Field",
    "FilePicker",
    "button",
    "columns",
    "confidence_chip",
    "count_text",
    "counted_text",
    "empty_state",
    "facts",
    "field",
    "form",
    "index_meter",
    "index_name",
    "interval_bar",
    "interval_text",
    "link",
    "money_text",
    "notice",
    "panel",
    "percent_text",
    "plain_table",
    "refusal_panel",
    "said_of",
    "score_text",
    "sign",
    "submit_button",
    "text",
    "tidy",
    "waiting",
]
