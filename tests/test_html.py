"""How results show in a notebook: every label escaped, large ones cut, nothing computed that is not there."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from nashsim import PreferenceGame, games, inspect, lottery, rankings, run, solve
from nashsim.html import text
from nashsim.solutions import solutions
from nashsim.theory import get_claim, verify

BAD = '<script>alert("x")</script>'
GAME = PreferenceGame(
    [[0.5, 0.9, 0.2], [0.1, 0.5, 0.8], [0.8, 0.2, 0.5]], tau=0.1, labels=[BAD, "a & b", "c"], name=BAD
)


class Reader(HTMLParser):
    """Collects tags, what is open at the end, and the text."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.open, self.words = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def results():
    stack = PreferenceGame(np.stack([GAME.probabilities[0]] * 6), tau=0.1, labels=GAME.labels)
    return {
        "game": GAME,
        "stack": stack,
        "large": games.get("uniform:n=100,seed=1"),
        "run": run(GAME, "omd", queries=20),
        "run of contexts": run(stack, "omd", queries=20),
        "equilibrium": solve(GAME),
        "lottery": lottery(GAME),
        "rankings": rankings(GAME),
        "solutions": solutions(GAME),
        "inspection": inspect(GAME),
        "claim": get_claim("nash-md-step"),
        "verification": verify(["gap-identity"], games=2)[0],
    }


@pytest.mark.parametrize("name", list(results()))
def test_pages_are_well_formed_and_labels_escaped(name):
    page = results()[name]._repr_html_()
    read = Reader(page)
    assert not read.open and "script" not in read.tags and len(read.words) > 3
    if name not in ("claim", "verification", "large"):
        assert BAD in read.words and "a & b" in read.words


def test_numbers_are_those_of_the_result():
    found = solve(GAME)
    words = Reader(found._repr_html_()).words
    assert {f"{p:.4g}" for p in found.probabilities[0]} <= set(words) and found.status in words
    large = Reader(games.get("uniform:n=100,seed=1")._repr_html_()).words
    assert "and 88 more actions" in large


def test_type_and_ground_are_the_page_s():
    for one in results().values():
        for style in re.findall(r'style="([^"]*)"', one._repr_html_()):
            words = {part.split(":")[0] for part in style.split(";")}
            assert not words & {"color", "background-color", "font-family"} and "#" not in style


def test_texts():
    assert [text(x) for x in (0.5, None, float("nan"), [], [1, 2], False)] == [
        "0.5",
        "–",
        "–",
        "none",
        "1, 2",
        "no",
    ]
