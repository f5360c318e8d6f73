"""Tells which blocks of a generator are still open while its consumer runs."""

import dis
from itertools import pairwise
from types import CodeType, FrameType
from typing import Any

_GENERATOR, _ASYNC_GENERATOR = 0x20, 0x200
GENERATORS = _GENERATOR | _ASYNC_GENERATOR
"""The flags of code that its consumer runs step by step; those of `inspect`."""

_DRIVERS = ("contextlib", "_pytest.", "pytest_asyncio.", "otel_cost.attribution.")
"""Modules that step through a generator on behalf of whoever is to be inside its blocks, or that
keep what the generator attaches to itself."""

_known: dict[tuple[str, int, int], bool] = {}
"""Of each place that has been looked at, whether a generator is suspended within its block."""


def reaches_consumer(frame: FrameType) -> bool:
    """Whether the block that a generator's `frame` is entering holds for its consumer too.

    So it does where the generator yields within the block, unless that is what it is there for.
    """
    code = frame.f_code
    place = (code.co_filename, code.co_firstlineno, frame.f_lasti)
    suspended = _known.get(place)
    if suspended is None:
        suspended = _known[place] = _yields_within(code, frame.f_lasti)
    return suspended and not _driven(frame)


def _driven(frame: FrameType) -> bool:
    """Whether one of `_DRIVERS` runs the generator, or one that it is a part of."""
    consumer = frame.f_back
    while consumer is not None and consumer.f_code.co_flags & GENERATORS:
        if str(consumer.f_globals.get("__name__", "")).startswith(_DRIVERS):
            return True
        consumer = consumer.f_back
    name = "" if consumer is None else str(consumer.f_globals.get("__name__", ""))
    return name.startswith(_DRIVERS)


def _yields_within(code: CodeType, entering: int) -> bool:
    """Whether code yields to its consumer within the block that the instruction there enters.

    What leaves a block on an error is found by the table of handlers; everything that ends up
    there, by way of other handlers or not, is within the block.
    """
    entries: Any = vars(dis.Bytecode(code))["exception_entries"]
    handlers = [(e.start, e.end, e.target) for e in entries]
    instructions = list(dis.get_instructions(code))

    def handler(offset: int) -> int | None:
        return next((target for start, end, target in handlers if start <= offset < end), None)

    block = next((handler(i.offset) for i in instructions if i.offset > entering), None)
    if block is None or "WITH_EXCEPT_START" not in _at(instructions, block):
        return False  # entered by hand
    asynchronous = bool(code.co_flags & _ASYNC_GENERATOR)
    for before, instruction in pairwise(instructions):
        # In an asynchronous generator `await` yields too, to the loop.
        if instruction.opname != "YIELD_VALUE" or (asynchronous and not _wraps(before)):
            continue
        outwards = handler(instruction.offset)
        while outwards is not None and outwards != block:
            outwards = handler(outwards)
        if outwards == block:
            return True
    return False


def _at(instructions: list[dis.Instruction], offset: int) -> list[str]:
    """The names of the two instructions that a handler begins with."""
    return [i.opname for i in instructions if i.offset >= offset][:2]


def _wraps(instruction: dis.Instruction) -> bool:
    return "ASYNC_GEN_WRAP" in (instruction.opname + instruction.argrepr)
