"""Real data sets, from their official files into the schema that the worlds fill too. Nothing here downloads: data_scripts/ does.

A reader refuses a file with one DataError that lists every problem by file, line, column, value and expectation.
Missing values are empty fields; other words for them ("nan", "NA") stay what they are in text and categories and are
refused where a number belongs. `Dataset.counts` says what was read, what is missing and what was left out.
Ids (Clothing ID, PetID, RescuerID) are never features. Pickles are never loaded as such (pickles.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mmkit.errors import DataError, SettingsError, nearest
from mmkit.readers import (
    airbnb,
    clothing,
    coco_captions,
    flickr8k,
    folders,
    gqa,
    iemocap,
    inside_airbnb,
    iwslt14,
    karpathy,
    meld,
    mmimdb,
    mosi,
    mosi_talks,
    moviescope,
    multi30k,
    mustard,
    petfinder,
    sarcasm_clips,
    wmt14,
)
from mmkit.readers.word_pairs import MEN, MTURK771, SIMLEX999
from mmkit.schema import Dataset


@dataclass(frozen=True)
class Reader:
    """One real data set. `stands_in_for`: its world; `locate` finds the files under a folder, `read` reads them."""

    name: str
    title: str
    papers: tuple[str, ...]
    stands_in_for: str  # reviews | pets | listings | translation | movies | scenes | dialogues
    expects: str
    locate: Callable[[Path], Path | None]
    read: Callable[[Path], Dataset]
    levels: str = "two levels"  # how far below the root `locate` looks


READERS: dict[str, Reader] = {
    reader.name: reader
    for reader in (
        Reader("clothing", "Women's E-Commerce Clothing Reviews", ("05_tabular",), "reviews",
               "'Womens Clothing E-Commerce Reviews.csv' (plain, .gz or .zip), or a folder with train.csv, val.csv, test.csv",
               clothing.locate, clothing.read),
        Reader("petfinder", "PetFinder.my Adoption Prediction", ("05_tabular",), "pets",
               "a folder with train.csv (Kaggle) or train.csv, val.csv, test.csv (toolkit); "
               "the tables of breed, color and state labels beside it or in the folder above",
               petfinder.locate, petfinder.read),
        Reader("airbnb", "Melbourne Airbnb Open Data", ("05_tabular",), "listings",
               "'cleansed_listings_dec18.csv' (plain, .gz or .zip), or a folder with train.csv, val.csv, test.csv",
               airbnb.locate, airbnb.read),
        Reader("inside_airbnb", "Inside Airbnb, one city", ("05_tabular",), "listings",
               "'listings.csv.gz' or 'listings.csv', the detailed file",
               inside_airbnb.locate, inside_airbnb.read),
        Reader("multi30k", "Multi30k, task 1, German and English", ("08_fixed_targets",), "translation",
               "a folder with train.de, train.en, val.de, val.en, test_2016_flickr.de, test_2016_flickr.en (each plain or .gz)",
               multi30k.locate, multi30k.read, "three levels"),
        Reader("iwslt14", "IWSLT'14, German and English", ("08_fixed_targets",), "translation",
               "a folder with train.de, train.en, valid.de, valid.en, test.de, test.en (plain or .gz; also train.de-en.de ...), "
               "not below a folder called wmt or multi30k",
               iwslt14.locate, iwslt14.read, "three levels"),
        Reader("wmt14", "WMT'14, English and German", ("08_fixed_targets",), "translation",
               "a folder with train, newstest2013 and newstest2014, each .de and .en (plain or .gz); "
               "below a folder called wmt also valid and test",
               wmt14.locate, wmt14.read, "three levels"),
        Reader("simlex999", "SimLex-999, similarity of words", ("08_fixed_targets",), "translation",
               "'EN-SIMLEX-999.txt' (collected) or 'SimLex-999.txt' (as published; plain, .gz or .zip)",
               SIMLEX999.locate, SIMLEX999.read),
        Reader("men", "MEN, relatedness of words", ("08_fixed_targets",), "translation",
               "'EN-MEN-TR-3k.txt' (collected) or 'MEN_dataset_natural_form_full' (as published; plain, .gz or .zip)",
               MEN.locate, MEN.read),
        Reader("mturk771", "MTurk-771, relatedness of words", ("08_fixed_targets",), "translation",
               "'EN-MTurk-771.txt' (collected) or 'MTURK-771.csv' (as published; plain, .gz or .zip)",
               MTURK771.locate, MTURK771.read),
        Reader("mmimdb", "MM-IMDb, films with plot, poster and genres", ("01_pmmo",), "movies",
               "'multimodal_imdb.hdf5' (vectors), or a folder with split.json and dataset/<id>.json, dataset/<id>.jpeg "
               "(words, pictures, credits)",
               mmimdb.locate, mmimdb.read),
        Reader("moviescope", "Moviescope, films with trailers", ("02_mult_gmu",), "movies",
               "a folder with train.jsonl, dev.jsonl, test.jsonl and any of 200F_VGG16/<id>.p, Melspectrogram/<id>.p, "
               "PosterFeatures/<id>.p, Metadata_matrices/, movie_metadata.csv",
               moviescope.locate, moviescope.read),
        Reader("mosi", "CMU-MOSI, features per utterance", ("02_mult_gmu",), "movies",
               "a folder with transcripts.csv and text_train.csv, audio_train0.csv, video_train0.csv, "
               "text_test.csv, audio_test0.csv, video_test0.csv",
               mosi.locate, mosi.read),
        Reader("iemocap", "IEMOCAP, emotions in talks of two", ("07_coin",), "dialogues",
               "'IEMOCAP_features_raw.pkl' or 'IEMOCAP_features.pkl' (features), or 'iemocap.pkl' (transcripts alone), "
               "plain, .gz or .zip",
               iemocap.locate, iemocap.read),
        Reader("meld", "MELD, emotions in talks of several people", ("07_coin",), "dialogues",
               "a folder with train_sent_emo.csv, dev_sent_emo.csv, test_sent_emo.csv",
               meld.locate, meld.read),
        Reader("mosi_talks", "CMU-MOSI, one row per utterance", ("06_sarcasm", "07_coin"), "dialogues",
               "a folder with transcripts.csv and text_train.csv, audio_train0.csv, video_train0.csv, "
               "text_test.csv, audio_test0.csv, video_test0.csv",
               mosi_talks.locate, mosi_talks.read),
        Reader("mustard", "MUStARD, sarcasm in television series", ("06_sarcasm",), "dialogues",
               "'sarcasm_data.json' (plain, .gz or in a .zip), with 'split_indices.p' beside it",
               mustard.locate, mustard.read),
        Reader("sarcasm_clips", "Spanish sarcasm, clips", ("06_sarcasm",), "dialogues",
               "'utterances.csv' (plain, .gz or in a .zip), with the folders audio and frames beside it",
               sarcasm_clips.locate, sarcasm_clips.read),
        Reader("gqa", "GQA, questions about pictures and their scene graphs", ("11_graphvqa",), "scenes",
               "a folder with train_sceneGraphs.json or val_sceneGraphs.json and the questions "
               "({train,val}_balanced_questions.json, ..._all_questions), in it or in the folders right below it",
               gqa.locate, gqa.read, "three levels"),
        Reader("coco_captions", "COCO captions", ("08_fixed_targets",), "scenes",
               "a folder with captions_train2017.json and captions_val2017.json, or those of 2014",
               coco_captions.locate, coco_captions.read),
        Reader("karpathy", "COCO captions in Karpathy's splits", ("08_fixed_targets",), "scenes",
               "'dataset_coco.json' (plain, .gz or .zip; also dataset_flickr30k.json, dataset_flickr8k.json)",
               karpathy.locate, karpathy.read),
        Reader("flickr8k", "Flickr8k, captions", ("08_fixed_targets",), "scenes",
               "a folder with Flickr8k.token.txt and the lists Flickr_8k.trainImages.txt, Flickr_8k.devImages.txt, "
               "Flickr_8k.testImages.txt",
               flickr8k.locate, flickr8k.read),
    )
}  # fmt: skip


def find(name: str) -> Reader:
    """The reader called `name`. Raises SettingsError naming the nearest."""
    if name not in READERS:
        raise SettingsError(f"no data set {name!r}{nearest(name, READERS)}")
    return READERS[name]


def locate(name: str, root: str | Path) -> Path:
    """The file or folder of the data set: `root`, in it, or some levels below. Raises DataError saying where it looked.

    A zip archive that is cut off cannot tell what is in it: it is named as damaged.
    """
    reader, root = find(name), Path(root).expanduser()
    get = f"Get it with: python data_scripts/{name}.py --to FOLDER (access and licence: data_scripts/README.md)"
    if not root.exists():
        raise DataError(f"{name}: {root} does not exist, expected {reader.expects}", advice=get)
    found = reader.locate(root)
    if found is None:
        damaged = [f"{path}: is a damaged zip archive; is the data set in it?" for path in folders.damaged(root)]
        looked = f"{root} and {reader.levels} below it"
        raise DataError(f"{name}: not found in {looked}, expected {reader.expects}", damaged, get)
    return found


def load(name: str, root: str | Path) -> Dataset:
    """Find and read a data set. Raises SettingsError for an unknown name, DataError for absent or malformed files."""
    return find(name).read(locate(name, root))
