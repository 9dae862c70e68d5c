"""Bad files of captioned pictures: what is wrong with each, and every problem that its reader has to name."""

# ruff: noqa: E501 - a message stands on one line, as a person reads it

from __future__ import annotations

FORMAT, AGAIN = "data_scripts/README.md", "fetch it again"
V, T, K = "captions_val2017.json", "captions_train2017.json", "dataset_coco.json"

# id -> (reader, file or folder under tests/fixtures, what is wrong with it)
FILES = {
    "coco_cut": ("coco_captions", "coco_captions/bad_cut", "COCO captions: a file that is cut off"),
    "coco_list": ("coco_captions", "coco_captions/bad_list", "COCO captions: a list where an object belongs"),
    "coco_no_keys": ("coco_captions", "coco_captions/bad_no_keys", "COCO captions: neither pictures nor captions"),
    "coco_entries": ("coco_captions", "coco_captions/bad_entries", "COCO captions: an object where a list belongs, a number where a picture belongs"),
    "coco_no_picture": ("coco_captions", "coco_captions/bad_no_picture", "COCO captions: a caption without its picture"),
    "coco_no_caption": ("coco_captions", "coco_captions/bad_no_caption", "COCO captions: a picture without a caption"),
    "coco_repeated": ("coco_captions", "coco_captions/bad_repeated", "COCO captions: ids that stand twice"),
    "coco_two_parts": ("coco_captions", "coco_captions/bad_two_parts", "COCO captions: a picture in train and in val"),
    "coco_empty_caption": ("coco_captions", "coco_captions/bad_empty_caption", "COCO captions: captions without text"),
    "coco_types": ("coco_captions", "coco_captions/bad_types", "COCO captions: values of another type"),
    "karpathy_list": ("karpathy", "karpathy/bad_list", "Karpathy's splits: an object where a list belongs"),
    "karpathy_values": ("karpathy", "karpathy/bad_values", "Karpathy's splits: unknown splits, values that are missing or of another type"),
    "karpathy_repeated": ("karpathy", "karpathy/bad_repeated", "Karpathy's splits: ids that stand twice, captions in another form"),
    "flickr8k_lines": ("flickr8k", "flickr8k/bad_lines", "Flickr8k: lines that cannot be split"),
    "flickr8k_lists": ("flickr8k", "flickr8k/bad_lists", "Flickr8k: lists of pictures that are absent, or name pictures twice or without captions"),
}  # fmt: skip

# id -> (part of the first line, every problem in full and in order, part of the advice)
EXPECTED: dict[str, tuple[str, list[str], str]] = {
    "coco_cut": ("coco_captions: 1 problem in ", [f"{V}:48: Unterminated string starting at (column 15), expected JSON; is it cut off?"], AGAIN),
    "coco_list": ("coco_captions: 1 problem in ", [f"{V}: holds a list, expected an object with the keys images, annotations"], FORMAT),
    "coco_no_keys": ("coco_captions: 2 problems in ", [
        f"{V}: 'images' is missing, expected a list",
        f"{V}: 'annotations' is missing, expected a list",
    ], FORMAT),
    "coco_entries": ("coco_captions: 2 problems in ", [
        f"{V}: 'annotations' is an object, expected a list",
        f"{V}: images[0] is a number (139), expected an object",
    ], FORMAT),
    "coco_no_picture": ("coco_captions: 1 problem in ", [f"{V}: annotations[1]: picture 286 is not among the images, expected it"], FORMAT),
    "coco_no_caption": ("coco_captions: 1 problem in ", [f"{V}: images[2]: picture '632' has no caption, expected at least one"], FORMAT),
    "coco_repeated": ("coco_captions: 2 problems in ", [
        f"{V}: images[2]: id 139 was already used by {V}: images[0]",
        f"{V}: annotations[3]: id 200 was already used by {V}: annotations[0]",
    ], FORMAT),
    "coco_two_parts": ("coco_captions: 1 problem in ", [f"{V}: images[0]: id '25' was already used by {T}: images[1]"], FORMAT),
    "coco_empty_caption": ("coco_captions: 2 problems in ", [
        f"{V}: annotations[0]: 'caption' is ' \\n', expected a sentence",
        f"{V}: annotations[2]: 'caption' is '', expected a sentence",
    ], FORMAT),
    "coco_types": ("coco_captions: 6 problems in ", [
        f"{V}: images[0]: 'id' is a text ('139'), expected a whole number",
        f"{V}: annotations[1]: 'id' is a truth value (True), expected a whole number",
        f"{V}: annotations[0]: picture 139 is not among the images, expected it",
        f"{V}: annotations[0]: 'caption' is missing, expected a text",
        f"{V}: annotations[2]: 'image_id' is a number (285.0), expected a whole number",
        f"{V}: annotations[3]: 'caption' is a list, expected a text",
    ], FORMAT),
    "karpathy_list": ("karpathy: 1 problem in ", [f"{K}: 'images' is an object, expected a list"], FORMAT),
    "karpathy_values": ("karpathy: 6 problems in ", [
        f"{K}: images[0]: 'split' is a text ('tset'), expected one of train, restval, val, test; did you mean 'test'?",
        f"{K}: images[1]: 'cocoid' is missing, expected a whole number",
        f"{K}: images[1]: 'split' is a number (7), expected one of train, restval, val, test",
        f"{K}: images[3]: sentences[0]: 'imgid' is a number (9), expected the picture's, 3",
        f"{K}: images[3]: sentences[1]: 'raw' is ' ', expected a sentence",
        f"{K}: images[2]: picture '184613' has no caption, expected at least one",
    ], FORMAT),
    "karpathy_repeated": ("karpathy: 5 problems in ", [
        f"{K}: images[1]: 'sentences' is a text ('A zebra.'), expected a list",
        f"{K}: images[2]: sentences[0] is a text ('A kitchen.'), expected an object",
        f"{K}: images[3]: id '391895' was already used by {K}: images[0]",
        f"{K}: images[3]: sentid 0 was already used by {K}: images[0]",
        f"{K}: images[1]: picture '522418' has no caption, expected at least one",
    ], FORMAT),
    "flickr8k_lines": ("flickr8k: 6 problems in ", [
        "Flickr8k.token.txt:1: '101_aa.jpg#0 A child on stairs .', expected a picture's name, '#', a number, a tab and a caption",
        "Flickr8k.token.txt:2: '101_aa.jpg\\tA girl in a wooden house .', expected a picture's name, '#', a number, a tab and a caption",
        "Flickr8k.token.txt:3: the caption is ' ', expected a sentence",
        "Flickr8k.token.txt:4: '102_bb.jpg#x\\tA cat .', expected a picture's name, '#', a number, a tab and a caption",
        "Flickr8k.token.txt:7: '', expected a picture's name, '#', a number, a tab and a caption",
        "Flickr8k.token.txt:6: caption '103_cc.jpg#0' was already used by Flickr8k.token.txt:5",
    ], FORMAT),
    "flickr8k_lists": ("flickr8k: 4 problems in ", [
        "Flickr_8k.devImages.txt: no such file",
        "Flickr_8k.testImages.txt:2: an empty line, expected the name of a picture",
        "Flickr_8k.testImages.txt:3: picture '102_bb.jpg' was already used by Flickr_8k.trainImages.txt:1",
        "Flickr_8k.trainImages.txt:2: picture '105_ee.jpg' has no caption, expected at least one",
    ], FORMAT),
}  # fmt: skip
