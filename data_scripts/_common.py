"""What the data scripts share: options, the check of a data set through its reader, and one-line errors."""

from __future__ import annotations

import argparse
import hashlib
import http.client
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the scripts run from the repository, installed or not

from mmkit import readers
from mmkit.errors import MMKitError
from mmkit.schema import Dataset


@dataclass(frozen=True)
class Card:
    """What is known of a complete data set. `fingerprint`: first 16 hex digits of the sha256 of its CSV; empty when not known."""

    name: str
    page: str
    file: str
    steps: tuple[str, ...]
    records: int | None = None
    fingerprint: str = ""


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
    """For data behind a login: check what is there, or say how to get it. Returns 0 complete, 1 absent, 3 not complete."""
    args = options(card).parse_args()
    found = readers.find(card.name).locate(args.to) if args.to.exists() else None
    if found is None:
        print(f"{card.name}: not in {args.to}. It needs a login, so it is fetched by hand:", file=sys.stderr)
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
    if card.fingerprint and not data.fingerprint.startswith(card.fingerprint):
        found.append(f"fingerprint {data.fingerprint[:16]}, expected {card.fingerprint}")
    return found


def fetch(url: str, path: Path) -> None:
    """Download `url` to `path`; a broken download leaves nothing behind. Raises MMKitError that says what failed."""
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(url, timeout=60) as answer, part.open("wb") as file:
            while block := answer.read(1 << 20):
                file.write(block)
        expected = answer.headers.get("Content-Length")
        if expected is not None and part.stat().st_size != int(expected):
            raise MMKitError(f"{url}: {part.stat().st_size:,} bytes came, expected {int(expected):,}; run this again")
        part.replace(path)
    except urllib.error.HTTPError as why:
        raise MMKitError(
            f"{url}: the server answers {why.code} {why.reason}; is there a snapshot of that city and date?"
        ) from why
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
