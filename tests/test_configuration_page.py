"""Shows that docs/configuration.md says of every variable what the code says."""

import re
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import cast

from otel_cost.variables import VARIABLES

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "configuration.md"


def test_the_tables_are_those_of_the_code() -> None:
    tool = runpy.run_path(str(ROOT / "tools" / "configuration_page.py"))
    written = cast(Callable[[str], str], tool["written"])
    page = PAGE.read_text(encoding="utf-8")
    assert page == written(page), "run python tools/configuration_page.py"
    assert page.count("\n| `") >= len(VARIABLES)


def test_what_it_points_at_is_there() -> None:
    for variable in VARIABLES.values():
        name, _, anchor = variable.see.partition("#")
        if name:
            page = (PAGE.parent / name).read_text(encoding="utf-8")
            titles = re.findall(r"^#+ (.*)$", page, re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
            assert not anchor or anchor in anchors, variable.see
