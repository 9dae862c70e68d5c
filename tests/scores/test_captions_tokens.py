"""The tokeniser's rules one by one; what Stanford's program makes of the same texts is in the examples."""

from __future__ import annotations

import pytest

from mmkit.scores.captions import tokenise


@pytest.mark.parametrize(
    ("caption", "words"),
    [
        ("A man, sitting; alone... here!", "a man sitting alone here"),
        ("Two dogs' bowls and a cat's toy.", "two dogs bowls and a cat 's toy"),
        ("It isn't his, they're I'm you'll he'd we've DON'T", "it is n't his they 're i 'm you 'll he 'd we 've do n't"),
        ("It’s a “big” ‘one’ – or — not -- so - really", "it 's a big one or not so really"),
        ("A \"STOP\" sign, `so` ``what''", "a stop sign so what"),
        ("A close-up of a tub/shower at 5 o'clock", "a close-up of a tub/shower at 5 o'clock"),
        ("t-shirt- -cat cat--dog cat---dog", "t-shirt cat cat dog cat dog"),
        ("a (very tall) [x] {y}", "a -lrb- very tall -rrb- -lsb- x -rsb- -lcb- y -rcb-"),
        ("A T.V. in the U.S.A at 10 p.m. in Washington D.C.", "a t.v. in the u.s.a at 10 p.m. in washington d.c."),
        ("W. Main St. and 8th Ave. by Mr. X on Sept. 3", "w. main st. and 8th ave. by mr. x on sept. 3"),
        ("The best. A mass. The Mass. coast", "the best a mass the mass. coast"),
        ("#41 3,000 1/2 12:43 10:30pm 50% $5 2x4 10th", "# 41 3,000 1/2 12:43 10:30 pm 50 % $ 5 2x4 10th"),
        ("in the 1950's and '50s", "in the 1950 's and '50s"),
        ("black & white at H&M, M&amp;M's", "black & white at h&m m&m 's"),
        ("Cannot gonna gotta wanna lemme gimme 'Tis", "can not gon na got ta wan na lem me gim me 't is"),
        ("slip 'n' slide, hook 'em", "slip 'n' slide hook 'em"),
        ("parked.A man www.stop.com, a+b", "parked.a man www.stop.com a + b"),
        ("what?? really?!", "what ?? really ?!"),
        ("a\tb\n c\xa0d ", "a b c d"),
        ("", ""),
        (" . ", ""),
    ],
)
def test_rules(caption: str, words: str):
    assert tokenise([caption]) == [words.split()]


def test_each_caption_by_itself():
    captions = ["A dog.", "", "a DOG", "A dog."]
    assert tokenise(captions) == [["a", "dog"], [], ["a", "dog"], ["a", "dog"]]
    one, _, other, _ = tokenise(captions)
    one.append("x")
    assert other == ["a", "dog"]
