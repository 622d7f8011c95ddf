"""The text of JSON files is that of json.dumps."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from stilts.json_text import json_text

LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@settings(max_examples=30)
@given(VALUES)
def test_the_text_is_that_of_json_dumps(content):
    assert json_text(content) == json.dumps(content, indent=2, ensure_ascii=False)
