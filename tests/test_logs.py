import io
import json
import logging

import structlog
from hypothesis import given
from hypothesis import strategies as st

from telemed_desk import logs


@given(st.dictionaries(st.text(min_size=1), st.text()))
def test_only_listed_keys_reach_a_log_line(fields: dict[str, str]) -> None:
    event = logs.keep_allowed(None, "info", {"event": "x", **fields})
    assert set(event) <= logs.ALLOWED_KEYS


def test_a_value_that_is_not_plain_is_named_by_its_type_only() -> None:
    event = logs.keep_allowed(None, "info", {"event": "x", "reason": ["Nyambura Mfano"]})
    assert event["reason"] == "list"


def test_a_name_given_to_a_logger_does_not_come_out() -> None:
    logs.configure(None)
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logging.getLogger().addHandler(handler)
    try:
        structlog.get_logger("test").warning("patient_seen", patient="Nyambura Mfano", count=2)
    finally:
        logging.getLogger().removeHandler(handler)
    line = json.loads(stream.getvalue())
    assert line["count"] == 2
    assert line["dropped_keys"] == 1
    assert "Mfano" not in stream.getvalue()
