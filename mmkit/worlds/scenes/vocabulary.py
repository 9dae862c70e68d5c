"""What there is in the world of scenes: categories and their hypernyms, attributes, places, relations, geometry slots."""

from __future__ import annotations

import numpy as np

HYPERNYMS: dict[str, tuple[str, ...]] = {
    "person": ("man", "woman", "child"),
    "animal": ("dog", "cat", "bird"),
    "furniture": ("table", "chair", "bench", "bed"),
    "vehicle": ("bicycle", "skateboard", "car"),
    "container": ("box", "bowl", "basket"),
    "tableware": ("cup", "bottle", "plate"),
    "food": ("apple", "cake", "sandwich"),
    "toy": ("ball", "kite"),
    "clothing": ("hat", "shirt", "scarf"),
    "media": ("book", "phone", "sign"),
}
KINDS = tuple(HYPERNYMS)
CATEGORIES = tuple(category for members in HYPERNYMS.values() for category in members)
KIND_OF = np.array([k for k, members in enumerate(HYPERNYMS.values()) for _ in members], dtype=np.int8)  # (30,) category -> kind
ANIMATE = np.isin(KIND_OF, [KINDS.index("person"), KINDS.index("animal")])  # (30,)

COLOURS = ("red", "blue", "green", "yellow", "orange", "purple", "pink", "brown", "black", "white")
MATERIALS = ("wooden", "metal", "plastic", "glass", "cloth", "paper")
SHAPES = ("round", "square", "triangular", "oval", "hexagonal", "star-shaped")
SIZES = ("small", "", "large")  # medium is not said
SIZE_FACTOR = (0.75, 1.0, 1.3)
STATES = ("standing", "sitting", "walking", "lying", "open", "closed")
PLACES = ("kitchen", "office", "bedroom", "park", "beach", "street")
OUTDOORS = (False, False, False, True, True, True)
WEATHER = ("sunny", "cloudy", "snowy")
TIMES = ("day", "night")

# Which values an attribute may take, by kind; a kind that is not named has none.
MATERIALS_OF: dict[str, tuple[str, ...]] = {
    "furniture": ("wooden", "metal", "plastic", "glass"),
    "vehicle": ("metal", "plastic"),
    "container": ("wooden", "metal", "plastic", "glass", "paper"),
    "tableware": ("metal", "plastic", "glass", "paper"),
    "toy": ("wooden", "plastic", "cloth"),
    "clothing": ("cloth", "plastic"),
    "media": ("paper", "plastic", "metal", "glass"),
}
SHAPED = ("furniture", "container", "tableware", "toy", "media")
STATES_OF: dict[str, tuple[str, ...]] = {
    "person": ("standing", "sitting", "walking", "lying"),
    "animal": ("standing", "sitting", "walking", "lying"),
    "container": ("open", "closed"),
}
WRITTEN = ("media", "container", "clothing", "vehicle")  # kinds that may carry text; the bottle does, too

# Where the object of a relation lies, told from its subject: in its hand, under its feet ("top": the subject is on top of it),
# or above it ("under": the subject hangs under it). Within a slot the relation is drawn without a look at the boxes: they cannot
# tell it.
SLOTS: dict[str, tuple[str, ...]] = {
    "hand": ("holding", "carrying", "playing with"),
    "top": ("sitting on", "standing on", "walking on", "riding", "lying on"),
    "gaze": ("watching", "looking at"),
    "body": ("wearing",),
    "mouth": ("eating",),
    "under": ("hanging from",),
    "side": ("attached to",),
    "over": ("covering",),
}
SEMANTIC = tuple(relation for members in SLOTS.values() for relation in members)  # 15
SLOT_OF = np.array([s for s, members in enumerate(SLOTS.values()) for _ in members], dtype=np.int8)  # (15,) relation -> slot
SPATIAL = ("to the left of", "to the right of", "above", "below", "in front of", "behind", "near")
RELATIONS = SEMANTIC + SPATIAL  # 22: the numbers that graphs use
REVERSE = {  # what a spatial relation is called when seen from its object
    "to the left of": "to the right of", "to the right of": "to the left of", "above": "below", "below": "above",
    "in front of": "behind", "behind": "in front of", "near": "near",
}  # fmt: skip

SYNONYMS: dict[str, tuple[str, str]] = {  # half of the categories have two further names, for captions and paraphrases
    "man": ("guy", "gentleman"), "woman": ("lady", "girl"), "child": ("kid", "toddler"), "dog": ("puppy", "hound"),
    "cat": ("kitten", "kitty"), "table": ("desk", "counter"), "bench": ("seat", "pew"), "bicycle": ("bike", "cycle"),
    "car": ("automobile", "sedan"), "box": ("crate", "carton"), "basket": ("hamper", "pannier"), "cup": ("mug", "beaker"),
    "plate": ("dish", "saucer"), "sandwich": ("sub", "toastie"), "phone": ("telephone", "handset"),
}  # fmt: skip
BRANDS = (
    "acme", "bolt", "calla", "dorn", "ember", "fjord", "gusto", "halo", "indigo", "juno", "kappa", "lumen", "mira", "nexo",
    "orbit", "pixel", "quill", "rondo", "sable", "tango", "umbra", "vento", "willow", "xenia", "yonder", "zephyr", "atlas",
    "birch", "cobalt", "delta", "echo", "flint", "grove", "heron", "ivory", "jasper", "karma", "lotus", "maple", "north",
)  # fmt: skip


def article(word: str) -> str:
    """'a' or 'an', by the first letter."""
    return "an" if word[:1] in "aeiou" else "a"


def plural(word: str) -> str:
    irregular = {"man": "men", "woman": "women", "child": "children", "person": "people"}
    if word in irregular:
        return irregular[word]
    return word + ("es" if word.endswith(("s", "sh", "ch", "x")) else "s")
