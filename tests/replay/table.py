"""What the replay found, as the tables of docs/instrumentors.md."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Decision

import otel_cost
from tests.replay import recording
from tests.replay.judge import Verdict, Word, is_call

PAGE = Path(__file__).parents[2] / "docs" / "instrumentors.md"

Verdicts: TypeAlias = Mapping[str, Mapping[str, Verdict]]
"""By library and case."""

_LETTERS: Mapping[Word, str] = {
    "right": "R",
    "partial": "P",
    "unmetered": "U",
    "no span": "-",
    "wrong": "W",
}
_NOT_RECORDED = " "
_HOW = ("sync", "async")
_LISTED = 4
"""How many cases are named that have a reason in common."""


def written(page: str, found: Verdicts) -> str:
    """`page` with its tables as they have to be."""
    for name, lines in (
        ("replay", _replay(found)),
        ("reasons", _reasons(found)),
        ("sampling", _sampling()),
    ):
        start, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
        before, _, rest = page.partition(start)
        _, _, after = rest.partition(end)
        page = "".join((before, start, *(f"{line}\n" for line in lines), end, after))
    return page


def _replay(found: Verdicts) -> Iterator[str]:
    columns = _columns(found)
    for number, libraries in enumerate(columns, 1):
        yield f"{number}. {_named(libraries)}"
    yield ""
    yield f"| case | {' | '.join(map(str, range(1, len(columns) + 1)))} |"
    yield "|---" * (len(columns) + 1) + "|"
    for label, cells in _rows(found, columns):
        yield f"| {label} | {' | '.join(cells)} |"
    yield ""
    yield f"| sum | {' | '.join(_LETTERS.values())} |"
    yield "|---" * (len(_LETTERS) + 1) + "|"
    for libraries in columns:
        said = [each.word for library in libraries for each in found[library].values()]
        yield f"| {_named(libraries)} | {' | '.join(str(said.count(w)) for w in _LETTERS)} |"


def _columns(found: Verdicts) -> Sequence[Sequence[str]]:
    """The libraries; one that was recorded within a span of the application too, once if alike."""
    columns: dict[str, list[str]] = {}
    for library in found:
        base = library.removesuffix("@app")
        alike = base in columns and found[library] == found[base]
        columns.setdefault(base if alike else library, []).append(library)
    return list(columns.values())


def _named(libraries: Sequence[str]) -> str:
    return " and ".join(f"`{library}`" for library in libraries)


def _rows(found: Verdicts, columns: Sequence[Sequence[str]]) -> Iterator[tuple[str, Sequence[str]]]:
    """Every case and its cells; one that was recorded sync and async, once if alike."""
    cells: dict[str, list[str]] = {}
    for case in sorted({case for cases in found.values() for case in cases}):
        cells[case] = [
            _LETTERS[found[first][case].word] if case in found[first] else _NOT_RECORDED
            for first, *_ in columns
        ]
    alike = {case for case in _pairs(cells) if cells[f"{case}_sync"] == cells[f"{case}_async"]}
    for case, row in cells.items():
        bare = _bare(case)
        if bare not in alike:
            yield case, row
        elif case.endswith("_sync"):
            yield f"{bare} (sync, async)", row


def _pairs(cases: Iterable[str]) -> set[str]:
    """The cases that are there as sync and async, by their bare names."""
    there = set(cases)
    return {_bare(case) for case in there if {f"{_bare(case)}_{how}" for how in _HOW} <= there}


def _bare(case: str) -> str:
    return case.removesuffix("_sync").removesuffix("_async")


def _listed(cases: Sequence[str]) -> str:
    """The cases, but of many only how many; a pair of sync and async is one."""
    pairs = _pairs(cases)
    names = dict.fromkeys(_bare(case) if _bare(case) in pairs else case for case in cases)
    if len(names) <= _LISTED:
        return ", ".join(names)
    return f"{', '.join(list(names)[:_LISTED])} and {len(names) - _LISTED} more"


def _reasons(found: Verdicts) -> Iterator[str]:
    for libraries in _columns(found):
        cases: dict[tuple[Word, str], list[str]] = defaultdict(list)
        for case, each in found[libraries[0]].items():
            for reason in each.reasons:
                cases[each.word, reason].append(case)
        if not cases:
            continue
        yield f"**{_named(libraries)}**"
        yield ""
        for word, reason in sorted(cases, key=lambda key: (list(_LETTERS).index(key[0]), key[1])):
            yield f"- {word}: {_listed(cases[word, reason])}. {reason}"
        yield ""


def _sampling() -> Iterator[str]:
    known: dict[str, list[bool]] = defaultdict(list)
    seen: dict[str, set[str]] = defaultdict(set)
    sampler = otel_cost.CostSampler(ALWAYS_OFF)
    for library in recording.libraries():
        for span in (s for each in recording.of_library(library) for s in each.spans):
            if is_call(span):
                said = sampler.should_sample(
                    None, span.trace_id, span.name, span.kind, span.at_start
                )
                known[span.scope.name].append(said.decision is Decision.RECORD_ONLY)
                seen[span.scope.name].add(library)
    yield "| scope of the calls' spans | recorded as | known at their start | needs |"
    yield "|---|---|---|---|"
    for scope, each in sorted(known.items()):
        needs = "llm" if all(each) else "all"
        names = ", ".join(f"`{library}`" for library in sorted(seen[scope]))
        yield f"| `{scope}` | {names} | {sum(each)} of {len(each)} | `{needs}` |"
