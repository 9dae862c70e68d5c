"""Melbourne Airbnb Open Data (December 2018): Kaggle's cleansed_listings_dec18.csv or the splits of the paper's toolkit."""

from __future__ import annotations

from pathlib import Path

from mmkit.readers import amenities, folders
from mmkit.readers.csv_tables import Raw
from mmkit.readers.fill import fill
from mmkit.schema import Column, Dataset, TableSchema

VERSION = "airbnb1"
NAMES = ("cleansed_listings_dec18.csv",)
TEXT = ("name", "summary", "host_about")
CATEGORIES = (
    "host_location", "host_is_superhost", "host_neighborhood", "host_identity_verified", "neighborhood", "city", "suburb",
    "state", "property_type", "room_type", "bed_type", "cancellation_policy", "instant_bookable",
)  # fmt: skip
# The toolkit lists 74 categories; `wifi` and `step_free_access` stand there twice, so there are 13 + 59 = 72.
FLAGS = (
    "internet", "wifi", "pets_live_on_this_property", "dog(s)", "tv", "air_conditioning", "kitchen", "heating",
    "family/kid_friendly", "washer", "smoke_detector", "first_aid_kit", "fire_extinguisher", "essentials", "shampoo",
    "lock_on_bedroom_door", "hair_dryer", "iron", "laptop_friendly_workspace", "private_entrance", "hot_tub",
    "microwave", "coffee_maker", "refrigerator", "dishes_and_silverware", "cooking_basics", "oven", "stove",
    "garden_or_backyard", "luggage_dropoff_allowed", "long_term_stays_allowed", "free_parking_on_premises", "elevator",
    "buzzer/wireless_intercom", "dryer", "hangers", "self_check_in", "lockbox", "bed_linens",
    "extra_pillows_and_blankets", "dishwasher", "patio_or_balcony", "breakfast", "pool", "bathtub", "host_greets_you",
    "smoking_allowed", "gym", "room_darkening_shades", "single_level_home", "bbq_grill", "step_free_access",
    "flat_path_to_front_door", "well_lit_path_to_entrance", "paid_parking_on_premises", "free_street_parking",
    "carbon_monoxide_detector", "private_living_room", "cable_tv",
)  # fmt: skip
FEES = ("security_deposit", "cleaning_fee", "extra_people")

SCHEMA = TableSchema(
    "airbnb",
    "regression",
    (
        *(Column(name, "text") for name in TEXT),
        *(Column(name, "category") for name in CATEGORIES),
        *(Column(name, "category", about="amenity, t or f") for name in FLAGS),
        Column("accommodates", "number", "guests", 0),
        Column("bathrooms", "number", low=0),
        Column("beds", "number", low=0),
        Column("security_deposit", "number", "AUD", 0),
        Column("cleaning_fee", "number", "AUD", 0),
        Column("guests_included", "number", "guests", 0),
        Column("extra_people", "number", "AUD", 0, about="per further guest and night"),
        Column("minimum_nights", "number", "nights", 0),
        *(Column(f"availability_{days}", "number", "days", 0, days) for days in (30, 60, 90, 365)),
        Column("number_of_reviews", "number", low=0),
        Column("review_scores_rating", "number", low=0, high=100),
        Column("reviews_per_month", "number", low=0),
    ),
    "price",
    label_unit="AUD per night",
)


def locate(root: Path) -> Path | None:
    return folders.official(root, NAMES) or folders.split(root, SCHEMA)


def read(path: Path) -> Dataset:
    """All listings of a file, or of a folder with train.csv, val.csv, test.csv. Raises DataError that lists every problem.

    A file without the columns of single amenities gets them from its list `amenities` (t or f). Fees may carry a '$';
    the price of the cleansed file is a plain number, and one that is not is refused.
    """
    raw, where = folders.read(path, {*SCHEMA.arrow.names, "amenities", "id"}, NAMES, SCHEMA.label)
    folders.check_roles(raw, path if path.is_dir() else path.parent, SCHEMA)
    advice = _derive_flags(raw)
    return fill(SCHEMA, raw, f"Melbourne Airbnb Open Data, {where}", VERSION, money=FEES, unique="id", advice=advice)


def _derive_flags(raw: Raw) -> str:
    if any(name in raw.columns for name in FLAGS):
        return ""
    if "amenities" not in raw.columns:
        return "The amenities may also stand in one column 'amenities' as a list. Files of Inside Airbnb: data set inside_airbnb."
    lists = [{amenities.as_name(name) for name in names} for names in amenities.read(raw)]
    for flag in FLAGS:
        raw.columns[flag] = ["t" if flag in names else "f" for names in lists]
    raw.counts["columns derived from 'amenities'"] = len(FLAGS)
    return ""
