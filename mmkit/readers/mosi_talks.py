"""CMU-MOSI as talks: one row per utterance with its three vectors, one dialogue per video, one speaker in each.

The files, the parts and what is checked are those of mosi.py; here a record is the utterance alone and what came before it is
told by `dialogue` and `turn`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mmkit.readers import mosi
from mmkit.readers.talks import dataset
from mmkit.schema import ConversationSchema, Dataset, Modality, steps, vectors

VERSION = "talks1"
ABOUT = {"text": "what is said", "audio": "how it sounds", "video": "how the speaker looks"}
NAMES = {"text": "text_vector", "audio": "audio", "video": "video"}  # in mosi.py -> here, where `text` is the words

SCHEMA = ConversationSchema(
    "mosi_talks",
    "binary",
    (
        Modality("text", "text", about="what is said in the utterance"),
        *(Modality(NAMES[kind], "vector", (width,), about=ABOUT[kind]) for kind, width in mosi.WIDTH.items()),
    ),
    "sentiment",
    ("negative", "positive"),
)

locate = mosi.locate


def read(folder: Path) -> Dataset:
    """All utterances with features, part by part, each video in the order of speaking. Raises DataError as mosi.read does.

    dialogue and speaker: the name of the video; turn: the number at the end of the id, so gaps are utterances without features.
    """
    data = mosi.read(folder, context=0)
    table = data.records.table
    found = [mosi.ID.fullmatch(id) for id in table["id"].to_pylist()]
    video = [match[1] for match in found]
    columns = {
        "id": table["id"],
        "dialogue": video,
        "turn": np.array([int(match[2]) for match in found]),
        "speaker": video,
        "text": table["transcript"],
        "sentiment": table["sentiment"],
        "part": table["part"],
    }
    columns |= {name: vectors(steps(table[kind])[0]) for kind, name in NAMES.items()}  # without context each has one step
    left_out = {what: n for what, n in data.counts.items() if "left out" in what}
    source = f"{data.source}, as talks"
    return dataset(SCHEMA, columns, source, f"{data.fingerprint}-{VERSION}", left_out)
