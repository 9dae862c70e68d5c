"""What the data scripts share: options, the check of a data set through its reader, and one-line errors."""

from __future__ import annotations

import argparse
import hashlib
import http.client
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the scripts run from the repository, installed or not

from mmkit import readers
from mmkit.errors import MMKitError
from mmkit.schema import Dataset

# Sets of word pairs in one form: word, word, score, separated by tabs
COLLECTED = "https://raw.githubusercontent.com/mfaruqui/eval-word-vectors/94b3dd9fdbac7ed08dbee7179cd5ee464acf0594/data/word-sim"


@dataclass(frozen=True)
class Card:
    """What is known of a complete data set.

    file: what to put into the folder; gate: why it is fetched by hand; steps: how; counts: what its reader has to count
    (each part of a parallel text, for example); fingerprint: how the one that the reader gives begins; empty when not known.
    """

    name: str
    page: str
    file: str
    steps: tuple[str, ...]
    records: int | None = None
    fingerprint: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    gate: str = "It needs a login, so it is fetched by hand"


def options(card: Card) -> argparse.ArgumentParser:
    """The options that every script has; `inside_airbnb.py` adds its own."""
    parser = argparse.ArgumentParser(description=f"Get and check {readers.find(card.name).title}: {card.page}")
    parser.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="where the data set lies or shall lie")
    return parser


def run(main: Callable[[], int]) -> None:
    """Exit with what `main` returns; an expected error becomes its message on stderr and exit code 1."""
    try:
        sys.exit(main())
    except MMKitError as error:
        print(error, file=sys.stderr)
        sys.exit(1)


def by_hand(card: Card) -> int:
    """For data that a person has to fetch: check it, or say how to get it. Returns 0 complete, 1 absent, 3 not complete."""
    args = options(card).parse_args()
    found = readers.find(card.name).locate(args.to) if args.to.exists() else None
    if found is None:
        print(f"{card.name}: not in {args.to}. {card.gate}:", file=sys.stderr)
        steps = (
            *card.steps,
            f"put {card.file} into {args.to}",
            f"run this again: python data_scripts/{card.name}.py --to {args.to}",
        )
        for n, step in enumerate(steps, start=1):
            print(f"  {n}. {step}", file=sys.stderr)
        return 1
    return check(card, found)


def check(card: Card, path: Path) -> int:
    """Read the data set, print what was counted, compare with what is known. 0 as published, 3 readable but different."""
    data = readers.find(card.name).read(path)
    print(f"{data.source}\n  {len(data.records):,} records, fingerprint {data.fingerprint}")
    for what, count in data.counts.items():
        print(f"  {what}: {count:,}")
    different = list(differences(card, data))
    for line in different:
        print(f"  not the complete published set: {line}")
    return 3 if different else 0


def differences(card: Card, data: Dataset) -> list[str]:
    """Where `data` is not what the card says."""
    found = []
    if card.records is not None and len(data.records) != card.records:
        found.append(f"{len(data.records):,} records, expected {card.records:,}")
    for what, expected in card.counts.items():
        if data.counts.get(what, 0) != expected:
            found.append(f"{what}: {data.counts.get(what, 0):,}, expected {expected:,}")
    if card.fingerprint and not data.fingerprint.startswith(card.fingerprint):
        found.append(f"fingerprint {data.fingerprint[:16]}, expected {card.fingerprint}")
    return found


def fetch(url: str, path: Path, digest: str = "", hint: str = "is there a snapshot of that city and date?") -> None:
    """Download `url` to `path`; a broken download leaves nothing behind. Raises MMKitError that says what failed.

    digest: the sha256 that the file must have, when it is known; hint: what to look at when the server has no such file.
    """
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(url, timeout=60) as answer, part.open("wb") as file:
            while block := answer.read(1 << 20):
                file.write(block)
        expected = answer.headers.get("Content-Length")
        if expected is not None and part.stat().st_size != int(expected):
            raise MMKitError(f"{url}: {part.stat().st_size:,} bytes came, expected {int(expected):,}; run this again")
        if digest and sha256(part) != digest:
            raise MMKitError(f"{url}: sha256 {sha256(part)}, expected {digest}; the file was changed there or on the way")
        part.replace(path)
    except urllib.error.HTTPError as why:
        raise MMKitError(f"{url}: the server answers {why.code} {why.reason}; {hint}") from why
    except (OSError, http.client.HTTPException) as why:  # URLError is an OSError
        reason = getattr(why, "reason", why)
        raise MMKitError(
            f"{url}: cannot be fetched ({reason}); is this machine connected? Or fetch it elsewhere to {path}"
        ) from why
    finally:
        part.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """Of the file as it lies on disk."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
