"""The recipes of docs/recipes.md, as the modules they would be."""

import re
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs/recipes.md"


def recipe(heading: str) -> dict[str, Any]:
    """What the code below a heading defines, once it has run."""
    section = PAGE.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2]
    code = re.search(r"^```python\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    assert code is not None, heading
    module: dict[str, Any] = {"__name__": "recipe"}
    exec(compile(code[1], str(PAGE), "exec"), module)
    return module
