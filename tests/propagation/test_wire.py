"""Shows that what the header says comes back as it was, and that nothing else is read from it."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from string import ascii_letters, digits

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otel_cost import faults
from otel_cost.attribution import wire
from otel_cost.attribution.values import FIELDS, MAX_LENGTH, UNATTRIBUTED, Attribution, make
from otel_cost.attribution.wire import MAX_BYTES, MAX_ENTRIES, SKEW, RefusedError, entries_for, read
from tests import wiring
from tests.sizes import full_size, soak

KEYS = ("the first key of this test", "the second key of this test")
TRACE = "0af7651916cd43dd8448eb211c80319c"
NOW = 1_790_000_000


@pytest.fixture(autouse=True)
def _slate(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with wiring.clean_slate(monkeypatch):
        yield


def refusal(of: Callable[[], object]) -> str:
    with pytest.raises(RefusedError) as refused:
        of()
    return refused.value.kind


NASTY = "a b,c=d;e\"f'g%41+h&i/j\\k<ß 猫🦊"
WHO = Attribution("search", "core", NASTY, "s/1", "Ümlaut & Co", (("env", "eu"), ("x=y;z", NASTY)))


def test_what_a_header_looks_like() -> None:
    who = Attribution("Search & Co", user_id="ü", tags=(("a b", "1,2"),))
    text, left_out = entries_for(who, signed=False)
    assert text == "feature=Search%20%26%20Co,user_id=%C3%BC,tag.a%20b=1%2C2"
    assert left_out == []


def test_entries_come_back_with_and_without_signature() -> None:
    text, _ = entries_for(WHO, signed=True)
    plain = read(text)
    assert (plain.who, plain.expires, plain.seal) == (WHO, None, None)
    message = read(wire.sealed(text, KEYS[0], TRACE, NOW + 60))
    assert (message.who, message.expires) == (WHO, NOW + 60)
    wire.check(message, KEYS, TRACE, NOW)


printable = st.text(st.characters(codec="utf-8"), max_size=MAX_LENGTH + 20)
attributions = st.builds(
    make,
    *(st.none() | printable for _ in FIELDS),
    tags=st.dictionaries(printable, printable, max_size=6),
)
EXAMPLES = 10_000 if full_size else 150

Record = Callable[[str, object], None]


@soak
def test_every_value_is_whole_or_missing(record_property: Record) -> None:
    @settings(max_examples=EXAMPLES, deadline=None)
    @given(attributions, st.booleans())
    def holds(who: Attribution, signed: bool) -> None:
        text, left_out = entries_for(who, signed=signed)
        assert (text, left_out) == entries_for(who, signed=signed)
        names = [name for name, _ in wire.said(who)]
        assert (text == "") == (len(left_out) == len(names))
        if not text:
            return
        header = wire.sealed(text, KEYS[0], TRACE, NOW) if signed else text
        assert len(header) <= MAX_BYTES
        assert header.isascii()
        assert header.isprintable()
        came = dict(wire.said(read(header).who))
        assert came == {n: v for n, v in wire.said(who) if n not in left_out}

    holds()
    record_property("claim", f"header otel-cost: {EXAMPLES:,} attributions whole on the wire")


def test_tags_that_have_become_one_are_said_once() -> None:
    text, _ = entries_for(make("f", tags={"a": "1", "a\n": "2"}), signed=False)
    assert text == "feature=f,tag.a=1"


def test_tags_are_left_out_first_then_the_last_fields() -> None:
    said = {field: field * 20 for field in FIELDS}
    who = make(**said, tags={"big": "x" * 200, "a": "y"})
    text, left_out = entries_for(who, signed=True)
    assert left_out == ["tag.big"]
    wide = make("ß" * 100, "team", "ü" * 40, "session", "c" * 80, tags={"t": "1"})
    text, left_out = entries_for(wide, signed=True)
    assert left_out == ["customer"], "what comes after it and fits is kept"
    assert read(text).who == make("ß" * 100, "team", "ü" * 40, "session", tags={"t": "1"})


def test_no_more_entries_than_are_read() -> None:
    who = make("f", tags={f"{n:02}": "1" for n in range(80)})
    text, left_out = entries_for(who, signed=False)
    assert text.count(",") == MAX_ENTRIES - 1
    assert left_out == [f"tag.{n:02}" for n in range(MAX_ENTRIES - 1, 80)]
    assert len(read(text).who.tags) == MAX_ENTRIES - 1


MALFORMED = [
    "",
    " ",
    "feature",
    "feature=",
    "=search",
    "feature=a,",
    ",feature=a",
    "feature=a,,team=b",
    "feature=a;team=b",
    "feature=a b",
    "feature =a",
    " feature=a",
    "feature=a\n",
    "feature=a\r\nx: y",
    "feature=ü",
    "feature=a=b",
    'feature="a"',
    "feature=%",
    "feature=%4",
    "feature=%zz",
    "feature=%0a",
    "feature=a%00",
    "feature=%7f",
    "feature=%ff",
    "feature=%c3",
    "feature=%ed%a0%80",  # a lone surrogate
    "feature=%c0%af",  # an overlong slash
    "feature=%e2%80%ae",  # writes from right to left
    "feature=" + "a" * (MAX_LENGTH + 1),
    "tag." + "a" * (MAX_LENGTH + 1) + "=b",
    "feature=a,feature=a",
    "feature=a,%66eature=b",
    "feature=a,team=b,feature=c",
    ",".join(f"tag.{n}=1" for n in range(MAX_ENTRIES + 1)),
    "feature=a;e=1790000000",
    "feature=a;s=" + "A" * 43,
    "feature=a;e=1790000000;s=" + "A" * 42,
    "feature=a;e=1790000000;s=" + "A" * 44,
    "feature=a;e=;s=" + "A" * 43,
    "feature=a;e=-1;s=" + "A" * 43,
    "feature=a;e=\u0661\u0667;s=" + "A" * 43,
    "feature=a;e=17900000000;s=" + "A" * 43,
    "feature=a;s=" + "A" * 43 + ";e=1790000000",
    "feature=a;e=1790000000;s=" + "A" * 43 + ",feature=b",
    "feature=a;e=1790000000;s=" + "A" * 43 + "\n",
]


@pytest.mark.parametrize("header", MALFORMED)
def test_what_is_malformed_is_dropped_as_a_whole(header: str) -> None:
    assert refusal(lambda: read(header)) == "malformed"


def test_size_is_looked_at_first() -> None:
    fits = "tag." + "a" * 180 + "=1"
    longest = ",".join([*(f"tag.{n}{'a' * 190}={'b' * 10}" for n in range(4)), fits])
    longest += ",tag.z=" + "c" * (MAX_BYTES - len(longest) - 7)
    assert len(longest) == MAX_BYTES
    assert len(read(longest).who.tags) == 6
    assert refusal(lambda: read(longest + "c")) == "oversized"
    assert refusal(lambda: read("\udcff" * 1_000_000)) == "oversized"


def test_names_of_newer_versions_are_skipped() -> None:
    assert read("project=x,feature=a,tag.=b,TEAM=c").who == Attribution("a")
    assert read("project=x").who is UNATTRIBUTED


text_of_headers = st.text(ascii_letters + digits + "%=,;.~_-e s", max_size=200) | st.text(
    max_size=80
)


@soak
def test_any_text_is_read_or_refused(record_property: Record) -> None:
    @settings(max_examples=EXAMPLES, deadline=None)
    @given(text_of_headers)
    def holds(text: str) -> None:
        for header in (text, f"feature={text}", f"feature=a;e={text}", f"tag.{text}=%C3%BC,team=b"):
            with suppress(RefusedError):
                said = wire.said(read(header).who)
                assert all(text.isprintable() for pair in said for text in pair)
        assert not faults.counts, "values that are read need no cleaning"

    holds()
    record_property("claim", f"header otel-cost: {EXAMPLES:,} texts read or refused")


@soak
def test_no_changed_header_is_believed(record_property: Record) -> None:
    @settings(max_examples=EXAMPLES, deadline=None)
    @given(attributions.filter(lambda who: bool(entries_for(who, signed=True)[0])), st.data())
    def holds(who: Attribution, data: st.DataObject) -> None:
        header = wire.sealed(entries_for(who, signed=True)[0], KEYS[0], TRACE, NOW + 60)
        where = data.draw(st.integers(0, len(header) - 1))
        put = data.draw(st.sampled_from(ascii_letters + digits + "%=,;._"))
        changed = header[:where] + put + header[where + data.draw(st.integers(0, 2)) :]
        try:
            wire.check(read(changed), KEYS, TRACE, NOW)
        except RefusedError:
            return
        assert changed == header

    holds()
    record_property("claim", f"header otel-cost: {EXAMPLES:,} changed headers, none believed")


def signed(key: str = KEYS[0], trace_id: str = TRACE, expires: int = NOW + 60) -> wire.Message:
    return read(wire.sealed("feature=a,team=b", key, trace_id, expires))


def test_every_key_is_believed_and_no_other() -> None:
    for key in KEYS:
        wire.check(signed(key), KEYS, TRACE, NOW)
    assert refusal(lambda: wire.check(signed("somebody else's key"), KEYS, TRACE, NOW)) == "forged"
    assert refusal(lambda: wire.check(signed(), (), TRACE, NOW)) == "unsigned"
    assert refusal(lambda: wire.check(read("feature=a"), KEYS, TRACE, NOW)) == "unsigned"


def test_a_signature_holds_in_its_trace_only() -> None:
    other = TRACE[::-1]
    assert refusal(lambda: wire.check(signed(), KEYS, other, NOW)) == "forged"
    assert refusal(lambda: wire.check(signed(), KEYS, None, NOW)) == "no_trace"


@pytest.mark.parametrize(
    ("expires", "kind"),
    [
        (NOW + wire.LONGEST_TTL + SKEW + 1, "forged"),
        (NOW + wire.LONGEST_TTL + SKEW, None),
        (NOW, None),
        (NOW - SKEW, None),
        (NOW - SKEW - 1, "expired"),
        (0, "expired"),
    ],
)
def test_a_signature_holds_for_its_time(expires: int, kind: str | None) -> None:
    message = signed(expires=expires)
    if kind is None:
        wire.check(message, KEYS, TRACE, NOW)
    else:
        assert refusal(lambda: wire.check(message, KEYS, TRACE, NOW)) == kind


def test_a_key_may_be_any_text_of_the_environment() -> None:
    key = "no utf-8: \udcff\udcfe and more"
    wire.check(signed(key), (key,), TRACE, NOW)
