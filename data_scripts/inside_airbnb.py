"""Inside Airbnb, one city: fetch and check.   python data_scripts/inside_airbnb.py --to FOLDER --city CITY --date YYYY-MM-DD"""

from __future__ import annotations

from _common import Card, check, fetch, options, run, sha256

from mmkit import readers

SERVER = "https://data.insideairbnb.com"
CARD = Card("inside_airbnb", "https://insideairbnb.com/get-the-data/", "listings.csv.gz", ())


def main() -> int:
    """Fetch unless the file is there, then read it. A snapshot stays online for about a year, so city and date are asked for."""
    parser = options(CARD)
    parser.add_argument(
        "--city", default="australia/vic/melbourne", help="country/region/city as in the site's links (%(default)s)"
    )
    parser.add_argument("--date", metavar="YYYY-MM-DD", help=f"a snapshot of that city: see {CARD.page}")
    parser.add_argument("--server", default=SERVER, help="another place with the same folders (%(default)s)")
    args = parser.parse_args()

    found = readers.find(CARD.name).locate(args.to) if args.to.exists() else None
    if found is None:
        if args.date is None:
            parser.error(f"{args.to} holds no listings.csv.gz; to fetch it name a date from {CARD.page} with --date")
        found = args.to / args.city.replace("/", "_") / "listings.csv.gz"
        fetch(f"{args.server}/{args.city}/{args.date}/data/listings.csv.gz", found)
        print(f"fetched {found}, sha256 {sha256(found)}")
    return check(CARD, found)


if __name__ == "__main__":
    run(main)
