"""p2m doctor: this machine."""

from __future__ import annotations

import argparse

from p2m.cli import common

GROUP = "result"
SUMMARY = "say what this machine has and lacks"
EXAMPLES = "p2m doctor"


def arguments(parser: argparse.ArgumentParser) -> None:
    common.json_argument(parser)


def run(arguments: argparse.Namespace, _argv: list[str]) -> int:
    from p2m.cli import doctor

    findings = doctor.examine()
    common.answer(arguments, findings, lambda: doctor.as_text(findings))
    return 1 if any(finding.state == "bad" for finding in findings) else 0
