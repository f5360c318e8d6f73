"""Fails a run in which no test ran, or one was skipped for a reason that is not on the list."""

import sys
from pathlib import Path
from xml.etree import ElementTree


def main(report: Path, allowed: Path) -> int:
    """The exit status: 0 if every test of the JUnit report ran or was allowed not to."""
    reasons = [
        line.strip()
        for line in allowed.read_text(encoding="utf-8").splitlines()
        if line.strip() and not line.startswith("#")
    ]
    cases = list(ElementTree.parse(report).iter("testcase"))  # noqa: S314 - pytest wrote it
    skipped = [
        (f"{case.get('classname')}::{case.get('name')}", skip.get("message", ""))
        for case in cases
        for skip in case.iter("skipped")
        if skip.get("type") != "pytest.xfail"
    ]
    refused = [(test, why) for test, why in skipped if not any(r in why for r in reasons)]
    for test, why in refused:
        sys.stderr.write(f"skipped without leave: {test}: {why}\n")
    if len(cases) == len(skipped):
        sys.stderr.write("no test ran\n")
        return 1
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
