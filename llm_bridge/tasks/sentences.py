"""Sentences in styles: each is written by a few lines, and read by a pattern that shares nothing with them but words.

There are things to learn in them: the topic of the prompt returns as the subject, ``who`` and ``which`` agree with it,
a formal sentence ends on the verb it began with, and a playful one never does the same thing twice in a row.
"""

from __future__ import annotations

import re

#: Topics that take ``who``, and those that take ``which``.
ANIMATE = ("poet", "robot", "queen", "baker", "child", "pilot")
THINGS = ("ship", "river", "garden", "letter", "engine", "storm")
TOPICS = tuple(topic for pair in zip(ANIMATE, THINGS, strict=True) for topic in pair)

SAID = ("noted", "recorded", "observed", "established")
GRAVE = ("eminent", "considerable", "venerable", "remarkable", "distinguished")
DOES = ("merits", "commands", "sustains", "warrants")
ESTEEM = ("attention", "respect", "inquiry", "admiration")
CRY = ("oh", "hey", "wow", "look")
SILLY = ("giggly", "bouncy", "fluffy", "wobbly", "sparkly", "cheeky")
PLAY = ("wiggles", "dances", "twirls", "hops", "sings", "tumbles")
SHORT = ("works", "stays", "ends", "waits", "moves", "holds")
WHEN = ("now", "here", "again", "still")
IS = ("was", "seemed", "looked")
QUIET = ("old", "small", "quiet", "new")
PLAIN = (":", "about", "the", "a", "and", "it", "is", "that", "so", "what", ".", "!", ",", "who", "which")

#: Every word that a sentence or a prompt may hold.
WORDS = (*PLAIN, *TOPICS, *SAID, *GRAVE, *DOES, *ESTEEM, *CRY, *SILLY, *PLAY, *SHORT, *WHEN, *IS, *QUIET)


def formal(topic, rng) -> str:
    """``it is noted that the eminent poet , who merits attention and commands respect , is so noted .``"""
    said = rng.choice(SAID)
    pronoun = "who" if topic in ANIMATE else "which"
    deeds = " and ".join(f"{rng.choice(DOES)} {rng.choice(ESTEEM)}" for _ in range(rng.integers(1, 4)))
    return f"it is {said} that the {rng.choice(GRAVE)} {topic} , {pronoun} {deeds} , is so {said} ."


def playful(topic, rng) -> str:
    """``oh what a giggly bouncy poet ! it wiggles and hops !``"""
    adjectives = " ".join(rng.choice(SILLY, size=rng.integers(1, 3), replace=False))
    plays = " and ".join(rng.choice(PLAY, size=rng.integers(1, 4), replace=False))
    return f"{rng.choice(CRY)} what a {adjectives} {topic} ! it {plays} !"


def terse(topic, rng) -> str:
    """``poet waits .``"""
    when = f" {rng.choice(WHEN)}" if rng.random() < 0.5 else ""
    return f"{topic} {rng.choice(SHORT)}{when} ."


def other(topic, rng) -> str:
    """``the poet seemed old and quiet .``"""
    qualities = " and ".join(rng.choice(QUIET, size=rng.integers(1, 3), replace=False))
    return f"the {topic} {rng.choice(IS)} {qualities} ."


WRITERS = {"formal": formal, "playful": playful, "terse": terse, "other": other}
#: Words of each one's longest sentence.
LONGEST = {"formal": 22, "playful": 14, "terse": 4, "other": 7}


def _one(words) -> str:
    return f"(?:{'|'.join(words)})"


def _deed() -> str:
    return f"{_one(DOES)} {_one(ESTEEM)}"


_PATTERNS = {
    "formal": rf"it is (?P<said>{_one(SAID)}) that the {_one(GRAVE)} TOPIC , PRONOUN {_deed()}(?: and {_deed()}){{0,2}}"
    r" , is so (?P=said) \.",
    "playful": rf"{_one(CRY)} what a (?P<one>{_one(SILLY)})(?: (?!(?P=one)){_one(SILLY)})? TOPIC !"
    rf" it (?P<first>{_one(PLAY)})(?: and (?!(?P=first))(?P<next>{_one(PLAY)}))?"
    rf"(?: and (?!(?P=first)|(?P=next)){_one(PLAY)})? !",
    "terse": rf"TOPIC {_one(SHORT)}(?: {_one(WHEN)})? \.",
    "other": rf"the TOPIC {_one(IS)} (?P<one>{_one(QUIET)})(?: and (?!(?P=one)){_one(QUIET)})? \.",
}


def reads(style: str, topic: str, body: str) -> bool:
    """Return whether a body is a sentence of a style about a topic.

    Parameters
    ----------
    style, topic : str
        Names of the style and the topic.
    body : str
        Words separated by spaces, without style token and EOS.

    Examples
    --------
    >>> reads("terse", "ship", "ship waits ."), reads("terse", "ship", "poet waits .")
    (True, False)
    """
    pronoun = "who" if topic in ANIMATE else "which"
    pattern = _PATTERNS[style].replace("TOPIC", topic).replace("PRONOUN", pronoun)
    return re.fullmatch(pattern, body) is not None
