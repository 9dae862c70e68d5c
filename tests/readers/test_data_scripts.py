"""The data scripts as a person runs them: what is absent is explained, what is there is checked, a fetched file arrives whole."""

from __future__ import annotations

import http.server
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mmkit import readers
from tests.readers.bad_inputs import FIXTURES

SCRIPTS = Path(__file__).parent.parent.parent / "data_scripts"


def script(name: str, *options: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPTS / f"{name}.py"), *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("name", ["clothing", "petfinder", "airbnb"])
def test_what_needs_a_login_is_explained(name, tmp_path):
    done = script(name, "--to", tmp_path)
    assert done.returncode == 1
    assert "1. sign in at kaggle.com" in done.stderr
    assert "https://www.kaggle.com/" in done.stderr
    assert f"python data_scripts/{name}.py --to {tmp_path}" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("iwslt14", "1. open https://github.com/facebookresearch/fairseq"),
        ("wmt14", "1. open https://nlp.stanford.edu/projects/nmt/"),
        ("simlex999", "word-sim/EN-SIMLEX-999.txt"),
        ("men", "word-sim/EN-MEN-TR-3k.txt"),
        ("mturk771", "word-sim/EN-MTurk-771.txt"),
        ("mmimdb", "1. open https://archive.org/details/mmimdb"),
        ("moviescope", "1. open https://www.paolacascante.com/research/moviescope.html"),
        ("mosi", "2. in it: git checkout 699dcc55e2fd"),
        ("iemocap", "1. open https://sail.usc.edu/iemocap/iemocap_release.htm"),
        ("meld", "1. open https://github.com/declare-lab/MELD"),
        ("mosi_talks", "2. in it: git checkout 699dcc55e2fd"),
        ("mustard", "1. git clone https://github.com/soujanyaporia/MUStARD"),
        ("sarcasm_clips", "1. the words alone"),
        ("gqa", "1. open https://cs.stanford.edu/people/dorarad/gqa/download.html"),
        ("coco_captions", "1. open https://cocodataset.org/#download"),
        ("karpathy", "caption_datasets.zip"),
        ("flickr8k", "1. open https://hockenmaier.cs.illinois.edu/8k-pictures.html"),
    ],
)
def test_what_is_fetched_by_hand_is_explained(name, step, tmp_path):
    done = script(name, "--to", tmp_path)
    assert done.returncode == 1
    assert step in done.stderr
    assert "login" not in done.stderr
    assert f"python data_scripts/{name}.py --to {tmp_path}" in done.stderr


def test_parts_are_compared_with_the_published_ones():
    done = script("multi30k", "--to", FIXTURES / "multi30k/good")
    assert done.returncode == 3
    told = [line.split(": ", 1)[1] for line in done.stdout.splitlines() if "not the complete published set" in line]
    assert told[:4] == [
        "8 records, expected 31,014",
        "pairs in train: 4, expected 29,000",
        "pairs in valid: 2, expected 1,014",
        "pairs in test: 2, expected 1,000",
    ]
    assert told[4].endswith("expected 0f09b1df18194211")
    for name, folder, different in [
        ("men", "word_similarity", "2 records, expected 3,000"),
        ("gqa", "gqa", "graphs of train: 2, expected 74,942"),
        ("coco_captions", "coco_captions", "pictures in train: 3, expected 118,287"),
        ("karpathy", "karpathy", "pictures of restval, in train: 1, expected 30,504"),
        ("flickr8k", "flickr8k", "pictures in no list, left out: 1, expected 92"),
    ]:
        done = script(name, "--to", FIXTURES / folder / "good")
        assert (done.returncode, f"not the complete published set: {different}\n" in done.stdout) == (3, True), name


def test_a_file_with_another_hash_is_not_kept(tmp_path):
    server = (FIXTURES / "multi30k/good/task1/raw").as_uri()
    done = script("multi30k", "--to", tmp_path / "here", "--server", server)
    assert done.returncode == 1
    assert f"{server}/train.de.gz: sha256 " in done.stderr
    assert "expected 726e39b2fa9eb9ff" in done.stderr
    assert "Traceback" not in done.stderr
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_set_that_is_not_complete_is_read_and_told():
    done = script("clothing", "--to", FIXTURES / "clothing/good_split")
    assert done.returncode == 3
    assert "4 records" in done.stdout
    assert "missing: Title: 1" in done.stdout
    assert "not the complete published set: 4 records, expected 23,486" in done.stdout
    assert "expected bd93cc515747ad1f" in done.stdout


def test_a_malformed_set_is_refused_with_its_problems():
    done = script("petfinder", "--to", FIXTURES / "petfinder/bad_speed")
    assert done.returncode == 1
    assert "train.csv:5: column 'AdoptionSpeed': '5', expected 0 (same day)" in done.stderr
    assert "Traceback" not in done.stderr


def test_inside_airbnb_fetches_once_and_checks(tmp_path):
    data = tmp_path / "server/some/where/city/2021-12-17/data"
    data.mkdir(parents=True)
    shutil.copy(FIXTURES / "airbnb/good_inside_gz/listings.csv.gz", data)
    options = (
        "--to",
        tmp_path / "here",
        "--city",
        "some/where/city",
        "--date",
        "2021-12-17",
        "--server",
        (tmp_path / "server").as_uri(),
    )
    done = script("inside_airbnb", *options)
    assert done.returncode == 0, done.stderr
    assert "3 records" in done.stdout
    assert (tmp_path / "here/some_where_city/listings.csv.gz").read_bytes() == (data / "listings.csv.gz").read_bytes()
    shutil.rmtree(tmp_path / "server")
    again = script("inside_airbnb", *options)
    assert (again.returncode, "fetched" in again.stdout) == (0, False)


def test_without_a_connection_the_error_is_clear_and_nothing_is_left(tmp_path):
    server = (tmp_path / "nowhere").as_uri()
    done = script("inside_airbnb", "--to", tmp_path / "here", "--date", "2021-12-17", "--server", server)
    assert done.returncode == 1
    assert f"{server}/australia/vic/melbourne/2021-12-17/data/listings.csv.gz: cannot be fetched" in done.stderr
    assert "is this machine connected?" in done.stderr
    assert "Traceback" not in done.stderr
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


class Breaks(http.server.BaseHTTPRequestHandler):
    """Promises 1,000 bytes, sends 10 and hangs up."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"0123456789")

    def log_message(self, *_: object) -> None:
        pass


def test_a_download_that_breaks_off_is_not_kept(tmp_path):
    with http.server.HTTPServer(("127.0.0.1", 0), Breaks) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        done = script(
            "inside_airbnb", "--to", tmp_path, "--date", "2021-12-17", "--server", f"http://127.0.0.1:{server.server_port}"
        )
        server.shutdown()
    assert done.returncode == 1
    assert "10 bytes came, expected 1,000" in done.stderr
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_every_reader_has_a_script_and_an_access_card():
    cards = (SCRIPTS / "README.md").read_text(encoding="utf-8")
    for name in readers.READERS:
        assert (SCRIPTS / f"{name}.py").is_file()
        assert f"\n## {name}: " in cards
        assert f"`python data_scripts/{name}.py --to FOLDER`" in cards
