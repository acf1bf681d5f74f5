"""Tidies the titles of content items before they are written."""

from typing import Optional

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports.item import Draft, Item
from wit_world.imports.tap_types import Refusal


class TapItemPresave(exports.TapItemPresave):
    def presave(self, previous: Optional[Item], draft: Draft) -> Draft:
        draft.title = draft.title.strip()
        if draft.title.endswith("!"):
            raise Err(Refusal("a title does not end with an exclamation mark"))
        return draft
