"""Files in every dialect that the readers know, with the game that they tell, and damaged so that it shows."""

import bz2
import csv
import gzip
import io
import json
import lzma
from dataclasses import dataclass, field, replace

import numpy as np
from hypothesis import strategies as st

NAMES = (
    "ann",
    "Bo",
    "#zen",
    "Zoë",
    "Doe, J.",
    "a b",
    "x",
    "gpt-4",
    "100",
    "7",
    'the "best"',
    "tie",
    "model_a",
    "1=0",
)
IDS = (
    ("101", "205", "307", "411"),
    ("2019", "2020", "2021", "2022"),
    ("0", "1", "2", "3"),
    ("7", "30", "4", "12"),
)


@dataclass
class File:
    """A file, how it is asked for, and what it tells.

    ``wins`` and ``ties`` hold weights by (winner, loser) and by pair; ``p`` holds P instead where there are no counts.
    """

    rows: list = field(default_factory=list)
    text: str | None = None
    options: dict = field(default_factory=dict)
    labels: tuple = ()
    wins: dict = field(default_factory=dict)
    ties: dict = field(default_factory=dict)
    p: dict | None = None
    used: tuple = ()
    header: int = 1
    has_decimals: bool = False
    is_labelled: bool = True
    damage: str = ""
    content: bytes = b""

    def tell(self, a, b, score, weight=1.0):
        """Count a comparison in which a scored 1, 0.5 or 0."""
        if a == b or (weight == 0 and not {a, b} <= set(self.labels)):
            return
        if score == 0.5:
            self.ties[frozenset((a, b))] = self.ties.get(frozenset((a, b)), 0) + weight
        else:
            pair = (a, b) if score == 1 else (b, a)
            self.wins[pair] = self.wins.get(pair, 0) + weight

    def expected(self):
        """P by ordered pair of labels."""
        if self.p is not None:
            return self.p
        found = {}
        for a in self.labels:
            for b in self.labels:
                win, loss = self.wins.get((a, b), 0), self.wins.get((b, a), 0)
                tied = self.ties.get(frozenset((a, b)), 0)
                if a != b and win + loss + tied:
                    found[a, b] = (win + tied / 2) / (win + loss + tied)
        return found


@st.composite
def labels(draw, least=2, most=4):
    pool = draw(st.sampled_from([NAMES, NAMES, ("a", "b", "c", "d"), *IDS]))
    return tuple(draw(st.lists(st.sampled_from(pool), min_size=least, max_size=most, unique=True)))


@st.composite
def comparisons(draw, names):
    """Rows (a, b, score), every label in one of them."""
    pair = st.lists(st.sampled_from(names), min_size=2, max_size=2, unique=True)
    first = [(a, names[(i + 1) % len(names)]) for i, a in enumerate(names)]
    pairs = [*first, *map(tuple, draw(st.lists(pair, max_size=5)))]
    scores = draw(st.lists(st.sampled_from([1.0, 0.0, 0.5]), min_size=len(pairs), max_size=len(pairs)))
    return [(a, b, score) for (a, b), score in zip(pairs, scores, strict=True)]


def counted(played, names, **more):
    file = File(labels=tuple(names), **more)
    for a, b, score, *weight in played:
        file.tell(a, b, score, *weight)
    return file


WORDS = {
    "model_a": ({1.0: ["model_a"], 0.0: ["model_b"], 0.5: ["tie", "tie (bothbad)", "both_bad"]}, "winner"),
    "home": ({1.0: ["home", "1-0", "3:1"], 0.0: ["away", "0-1", "1:2"], 0.5: ["draw", "tie"]}, "winner"),
    "white": ({1.0: ["1-0", "1"], 0.0: ["0-1", "0"], 0.5: ["1/2-1/2", "½", "=", "0.5", "½-½"]}, "result"),
    "team1": ({1.0: ["1"], 0.0: ["-1"], 0.5: ["0"]}, "result"),
    "player_a": ({1.0: ["True", "win"], 0.0: ["False", "loss"], 0.5: ["draw"]}, "outcome"),
}
SIDES = {"model_a": "model_b", "home": "away", "white": "black", "team1": "team2", "player_a": "player_b"}


@st.composite
def battles(draw):
    names = draw(labels())
    rows = draw(comparisons(names))
    one = draw(st.sampled_from(sorted(SIDES)))
    how = draw(st.sampled_from(["words", "names", "one-hot", "scores", "tie flag", "weights"]))
    words, title = WORDS[one]
    if title == "result" and one == "team1" and not any(score == 0 for *_, score in rows):
        how = "names"  # without a loss 1 and 0 are a win and a loss
    header = [one, SIDES[one]]
    if how == "one-hot":
        header += [f"winner_{one}", f"winner_{SIDES[one]}", "winner_tie"]
        told = [[str(int(score == s)) for s in (1.0, 0.0, 0.5)] for *_, score in rows]
    elif how == "scores":
        header += ["s1", "s2"]
        told = [[str(2 * score + draw(st.integers(0, 2))) for score in (s, s)] for *_, s in rows]
        told = [
            [t[0], str(float(t[0]) + (0.0 if s == 0.5 else 1 - 2 * s))]
            for t, (*_, s) in zip(told, rows, strict=True)
        ]
    elif how in ("names", "tie flag"):
        header += ["winner"] + ["tie"] * (how == "tie flag")
        blank = "" if how == "tie flag" else "tie"
        told = [
            [a if s == 1 else b if s == 0 else blank, *(["1" if s == 0.5 else "0"] * (how == "tie flag"))]
            for a, b, s in rows
        ]
    else:
        header += [title]
        fitting = {
            s: [w for w in w_s if title != "winner" or "-" not in w and ":" not in w]
            for s, w_s in words.items()
        }
        told = [[draw(st.sampled_from(fitting[score]))] for *_, score in rows]
    if how == "weights":
        weight = draw(st.lists(st.sampled_from([1.0, 2.0, 0.5]), min_size=len(rows), max_size=len(rows)))
        header, told = [*header, "weight"], [[*t, str(w)] for t, w in zip(told, weight, strict=True)]
        rows = [(*row, w) for row, w in zip(rows, weight, strict=True)]
    options = {"scores": ("s1", "s2")} if how == "scores" else {}
    table = [header, *([a, b, *t] for (a, b, *_), t in zip(rows, told, strict=True))]
    return counted(
        rows, names, rows=table, options=options, used=(2,), has_decimals=how in ("scores", "weights")
    )


@st.composite
def wins(draw):
    names = draw(labels())
    pairs = [(a, b) for a, b, _ in draw(comparisons(names))]
    counts = [[draw(st.integers(0, 9)) for _ in range(3)] for _ in pairs]
    titles = draw(st.sampled_from([
        ("home", "away", "home_wins", "away_wins", "draws"), ("model_a", "model_b", "wins_a", "wins_b", "ties"),
        ("player", "opponent", "wins", "losses", "draws"), ("p", "q", "for", "against", "even"),
    ]))  # fmt: skip
    options = {} if titles[0] != "p" else {"columns": ("p", "q"), "wins": ("for", "against"), "draws": "even"}
    rows = [
        (*pair, score, n)
        for pair, three in zip(pairs, counts, strict=True)
        for score, n in zip((1.0, 0.0, 0.5), three, strict=True)
    ]
    table = [list(titles), *([*pair, *map(str, three)] for pair, three in zip(pairs, counts, strict=True))]
    return counted(rows, names, rows=table, options=options, used=(2, 3))


@st.composite
def pairs(draw):
    names = draw(labels())
    rows = draw(comparisons(names))
    titles = draw(
        st.sampled_from(
            [("winner", "loser"), ("Winner", "Loser"), ("chosen", "rejected"), ("winner_name", "loser_name")]
        )
    )
    tied = draw(st.booleans())
    rows = [(a, b, 0.5 if s == 0.5 and tied else 1.0) for a, b, s in rows]
    table = [[*titles, "draw"] if tied else list(titles)]
    table += [[a, b, str(s == 0.5)] if tied else [a, b] for a, b, s in rows]
    if not tied and draw(st.booleans()):
        return counted(rows, names, rows=table[1:], options={"format": "pairs", "header": False}, header=0)
    return counted(rows, names, rows=table, used=(2,) if tied else ())


def by_pair(p, names):
    n = range(len(names))
    return {(names[i], names[j]): p[i, j] for i in n for j in n if i != j and not np.isnan(p[i, j])}


@st.composite
def probabilities(draw, n, missing=True):
    p = np.full((n, n), 0.5)
    for i in range(n):
        for j in range(i):
            k = draw(st.sampled_from([0, 1, 16, 24, 32, 33, 48, 64] + [-1] * missing))
            p[i, j], p[j, i] = (k / 64, 1 - k / 64) if k >= 0 else (np.nan, np.nan)
    return p


def scaled(draw, p):
    """Values in one of the units, as text, and the options that say so."""
    unit = draw(st.sampled_from(["", "percent", "sign", "payoff", "margin"]))
    value = {"": p, "percent": 100 * p, "sign": 100 * p, "payoff": 6 * p - 3, "margin": p - 0.5}[unit]
    options = {
        "percent": {"unit": "percent"},
        "payoff": {"range": (-3.0, 3.0)},
        "margin": {"range": (-0.5, 0.5)},
    }
    sign = "%" if unit == "sign" else ""
    texts = [["" if np.isnan(x) else f"{x:.10g}{sign}" for x in row] for row in value]
    return unit, texts, options.get(unit, {})


@st.composite
def triples(draw):
    names = draw(labels(least=3))
    p = draw(probabilities(len(names), missing=False))
    unit, texts, options = scaled(draw, p)
    n = range(len(names))
    both = draw(st.booleans())
    table = [[names[i], names[j], texts[i][j]] for i in n for j in n if i < j or (both and i != j)]
    title = draw(st.sampled_from([[], ["a", "b", "p"], ["first", "second", "value"]]))
    header = int(bool(title))
    # Whole numbers alone may be anything.
    if draw(st.booleans()) or (not title and all(name.isdecimal() for name in names)):
        options = {"format": "triples", **options}
    return File(rows=[title, *table] if title else table, options=options,
                labels=names, p=by_pair(p, names), used=(2,), header=header, has_decimals=True)  # fmt: skip


@st.composite
def matrix(draw):
    names = draw(labels())
    n = len(names)
    p = draw(probabilities(n))
    unit, cells, options = scaled(draw, p)
    diagonal = draw(st.sampled_from(["given", "", "-", "*", "nan", "0", "1"]))
    if diagonal in "01" and diagonal and unit != "":
        diagonal = "given"
    for i in range(n):
        cells[i][i] = cells[i][i] if diagonal == "given" else diagonal
    if draw(st.integers(0, 3)) == 0:
        below = draw(st.booleans())
        filler = "0" if unit == "" and n > 2 and draw(st.booleans()) else ""
        cells = [
            [filler if i != j and (j > i) == below else x for j, x in enumerate(row)]
            for i, row in enumerate(cells)
        ]
    layout = draw(st.sampled_from(["both", "both", "across", "down", "none", "numbered", "rows", "shuffled"]))
    if layout in ("across", "down") and any(name.isdecimal() for name in names):
        layout = "both"
    p_of = by_pair(p, names)
    if layout == "none":
        p_of = by_pair(p, tuple(map(str, range(n))))
    names = names if layout != "none" else tuple(map(str, range(n)))
    return File(rows=laid_out(draw, layout, names, cells), options=options, labels=names,
                p=p_of, used=(-1,), has_decimals=True, header=int(layout != "none"),
                is_labelled=layout != "across")  # fmt: skip


def laid_out(draw, layout, names, cells):
    n = len(names)
    numbers = [str(i) for i in range(1, n + 1)]
    layout = "both" if layout == "numbered" and set(names) & set(numbers) else layout
    corner = draw(st.sampled_from(["", "vs", "model"]))
    down = [[name, *row] for name, row in zip(names, cells, strict=True)]
    if layout == "shuffled":
        order = draw(st.permutations(range(n)))
        down = [[name, *(row[j] for j in order)] for name, row in zip(names, cells, strict=True)]
        return [[corner, *(names[j] for j in order)], *down]
    return {
        "both": [[corner, *names], *down],
        "across": [list(names), *cells],
        "down": down,
        "none": cells,
        "numbered": [[corner, *numbers], *down],
        "rows": [["#", "Name", *numbers], *([k, *row] for k, row in zip(numbers, down, strict=True))],
    }[layout]


@st.composite
def counts(draw):
    names = draw(labels())
    n = range(len(names))
    w = [[draw(st.integers(0, 12)) for _ in n] for _ in n]
    diagonal = draw(st.sampled_from(["", "0", "-", "*"]))
    cells = [[diagonal if i == j else str(w[i][j]) for j in n] for i in n]
    rows = [(names[i], names[j], 1.0, w[i][j]) for i in n for j in n if i != j]
    layout = draw(st.sampled_from(["both", "both", "shuffled", "numbered"]))
    table = laid_out(draw, layout, names, cells)
    if layout == "both" and draw(st.booleans()):
        table = [
            [*row, t]
            for row, t in zip(table, ["Total", *(str(sum(r) - r[i]) for i, r in enumerate(w))], strict=True)
        ]
    return counted(rows, names, rows=table, options={"unit": "count"}, used=(1, 2))


@st.composite
def crosstable(draw):
    names = draw(labels(least=3))
    n = len(names)
    games = {(i, j): draw(st.text("10=", min_size=1, max_size=3)) for i in range(n) for j in range(i)}
    games[1, 0] = "=" + games[1, 0]
    mirrored = str.maketrans("10", "01")
    sign = draw(st.sampled_from("=½"))
    cells = [
        ["*" if i == j else games.get((i, j)) or games[j, i].translate(mirrored) for j in range(n)]
        for i in range(n)
    ]
    rows = [
        (names[i], names[j], {"1": 1.0, "0": 0.0, "=": 0.5}[g])
        for (i, j), text in games.items()
        for g in text
    ]
    layout = draw(st.sampled_from(["both", "numbered", "rows"]))
    cells = [[cell.replace("=", sign) for cell in row] for row in cells]
    return counted(rows, names, rows=laid_out(draw, layout, names, cells), used=(-1,))


def told_by_ballots(file, ballots):
    """Count ballots, each (weight, groups), one pair at a time; who is on none is tied last."""
    for weight, groups in ballots:
        place = {name: k for k, group in enumerate(groups) for name in group}
        for i, a in enumerate(file.labels):
            for b in file.labels[:i]:
                x, y = place.get(a, 99), place.get(b, 99)
                file.tell(a, b, 0.5 if x == y else float(x < y), weight)
    return file


@st.composite
def ballots(draw, names, tied=True):
    found = []
    for _ in range(draw(st.integers(1, 5))):
        order = draw(st.permutations(names))[: draw(st.integers(1, len(names)))]
        groups = []
        for name in order:
            groups[-1].append(name) if tied and groups and draw(st.integers(0, 3)) == 0 else groups.append(
                [name]
            )
        found.append((draw(st.integers(1, 9)), groups))
    return found


@st.composite
def rankings(draw):
    names = tuple(name for name in draw(labels(least=3)) if name not in ("100", "7"))
    found = draw(ballots(names, tied=False)) if len(names) > 1 else []
    found.append((1, [[name] for name in names]))
    width = max(2, len(names) + draw(st.integers(0, 1)))
    title = draw(st.sampled_from(["rank{}", "Rank {}", "choice_{}", "{}. choice"]))
    weighted = draw(st.booleans())
    table = [[title.format(k) for k in range(1, width + 1)] + ["count"] * weighted]
    for weight, groups in found:
        cells = [group[0] for group in groups]
        while len(cells) < width:
            at = draw(st.integers(0, len(cells)))
            cells.insert(at, draw(st.sampled_from(["", "skipped", "overvote", "-", "undervote"])))
        table += [[*cells, str(weight)]] if weighted else [cells] * weight
    return told_by_ballots(File(rows=table, labels=names), found)


@st.composite
def preflib(draw):
    names = tuple(name for name in draw(labels(least=3)) if name == name.strip())
    found = draw(ballots(names))
    index = {name: str(k) for k, name in enumerate(names, 1)}
    style = draw(st.sampled_from(["new", "old", "pwg"]))
    orders = [
        (
            w,
            ",".join(
                index[g[0]] if len(g) == 1 else "{" + ",".join(index[x] for x in g) + "}" for g in groups
            ),
        )
        for w, groups in found
    ]
    total = sum(w for w, _ in found)
    head = [str(len(names)), *(f"{k},{name}" for name, k in index.items())]
    if style == "new":
        lines = [
            f"# NUMBER VOTERS: {total}",
            *(f"# ALTERNATIVE NAME {k}: {name}" for name, k in index.items()),
        ]
        lines += [f"{w}: {order}" for w, order in orders]
    elif style == "old":
        # Two alternatives a line alone would be a pairwise file as well.
        found.append((1, [[name] for name in names]))
        orders.append((1, ",".join(index.values())))
        lines = [*head, f"{total + 1},{total + 1},{len(orders)}", *(f"{w},{order}" for w, order in orders)]
    else:
        file = told_by_ballots(File(labels=names), found)
        lines = [f"{w},{index[a]},{index[b]}" for (a, b), w in file.wins.items()]
        if sum(file.wins.values()) == total or not lines:
            lines = [f"{total + 5},1,2"]
            file.wins = {(names[0], names[1]): total + 5}
        file.text = "\n".join([*head, f"{total},{int(sum(file.wins.values()))},{len(lines)}", *lines]) + "\n"
        file.ties = {}
        return file
    return told_by_ballots(File(text="\n".join(lines) + "\n", labels=names), found)


@st.composite
def blt(draw):
    names = tuple(name for name in draw(labels(least=2)) if '"' not in name)
    found = draw(ballots(names)) if len(names) > 1 else [(1, [list(names)])]
    index = {name: str(k) for k, name in enumerate(names, 1)}
    skip = " -" if draw(st.booleans()) else ""
    lines = [
        f"{len(names)} 1",
        *(f"{w}{skip} {' '.join('='.join(index[x] for x in g) for g in groups)} 0" for w, groups in found),
        "0",
    ]
    lines += [f'"{name}"' for name in (*names, "Title")]
    return told_by_ballots(File(text="\n".join(lines) + "\n", labels=names), found)


@st.composite
def records(draw):
    """JSON and JSON lines of any of the tables with named columns."""
    file = draw(st.one_of(battles(), wins(), pairs().filter(lambda f: f.header)))
    header, *rows = file.rows
    dicts = [dict(zip(header, row, strict=True)) for row in rows]
    for extra in dicts if draw(st.booleans()) else []:
        extra["conversation"] = [{"role": "user", "content": "Hi"}]
    style = draw(st.sampled_from(["lines", "list", "columns", "data"]))
    if style == "columns" and "conversation" not in dicts[0]:
        text = json.dumps({key: [d[key] for d in dicts] for key in header})
    elif style == "lines":
        text = "".join(json.dumps(d, ensure_ascii=False) + "\n" for d in dicts)
    else:
        text = json.dumps(
            {"data": dicts} if style == "data" else dicts, indent=draw(st.sampled_from([None, 1]))
        )
    return replace(file, rows=[], text=text)


@st.composite
def latex(draw):
    names = tuple(draw(labels(least=2)))
    p = draw(probabilities(len(names)))
    unit, cells, options = scaled(draw, p)
    escape = {"#": r"\#", "%": r"\%", "_": r"\_", "&": r"\&"}
    plain = lambda text: "".join(escape.get(c, c) for c in text)  # noqa: E731
    rows = [
        ["", *map(plain, names)],
        *(
            [plain(name), *(f"${plain(c)}$" if c else "" for c in row)]
            for name, row in zip(names, cells, strict=True)
        ),
    ]
    body = "\\\\ \\hline\n".join(" & ".join(row) for row in rows)
    return File(
        text=f"\\begin{{tabular}}{{l|c}}\n{body}\n\\end{{tabular}}\n",
        options=options,
        labels=names,
        p=by_pair(p, names),
    )


FORMATS = {
    "battles": battles, "wins": wins, "pairs": pairs, "triples": triples, "matrix": matrix, "counts": counts,
    "crosstable": crosstable, "rankings": rankings, "preflib": preflib, "blt": blt, "json": records, "latex": latex,
}  # fmt: skip

# What is wrong with a table, so that it shows: the reader finds the same game all the same, or refuses.
DAMAGES = (
    "no header", "a cell gone", "a strange cell", "header twice", "another separator", "a comment inside",
    "text below", "a row short",
)  # fmt: skip


def damaged(draw, file, separator):
    kind = draw(st.sampled_from(DAMAGES))
    rows = [list(row) for row in file.rows]
    body = range(file.header, len(rows))
    at = draw(st.sampled_from(list(body)))
    across, down = rows[0][1:], [row[0] for row in rows[1:]]
    shuffled = across != down and sorted(across) == sorted(
        down
    )  # nothing but the header tells which column is whose
    if kind == "no header" and file.header and file.is_labelled and not shuffled:
        rows = rows[1:]
    elif kind == "a cell gone" and len(rows) > 2:
        del rows[at][draw(st.integers(0, len(rows[at]) - 1))]
    elif kind == "a strange cell" and file.used:
        rows[at][draw(st.sampled_from(file.used))] = "?!"
    elif kind == "header twice" and file.header:
        rows.insert(at + 1, rows[0])
    elif kind == "another separator" and len(rows) > 2:
        rows[at] = [("/" if separator == ";" else ";").join(rows[at])]
    elif kind == "a comment inside":
        rows.insert(at + 1, ["# see below"])
    elif kind == "text below":
        rows.append(["Source: the league"])
    elif kind == "a row short" and file.p is not None and len(rows) > 2 and len(rows[0]) > 3:
        del rows[at]
    else:
        return file
    return replace(file, rows=rows, damage=kind)


def with_comma(cell):
    """Return a number with a decimal comma; text stays."""
    is_number = cell.replace(".", "", 1).lstrip("-").rstrip("%").isdecimal()
    return cell.replace(".", ",") if is_number else cell


def as_text(draw, file):
    """Write the rows in one of the dialects."""
    separator = draw(st.sampled_from(",;\t|"))
    if draw(st.booleans()):
        file = damaged(draw, file, separator)
    rows = [list(row) for row in file.rows]
    if file.has_decimals and draw(st.integers(0, 2)) == 0:
        start = 0 if not file.header else 1
        rows[start:] = [list(map(with_comma, row)) for row in rows[start:]]
    out = io.StringIO()
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    writer = csv.writer(
        out, delimiter=separator, quoting=quoting, lineterminator=draw(st.sampled_from(["\n", "\r\n"]))
    )
    writer.writerows(rows)
    comments = draw(
        st.lists(st.sampled_from(["# from somewhere", "#", "# 2024: see the notes", ""]), max_size=2)
    )
    text = "".join(line + "\n" for line in comments) + out.getvalue()
    if draw(st.integers(0, 4)) == 0:
        text = text.replace("\n", "\n\n", 1)
    return replace(file, text=text)


PACKINGS = {"": lambda b: b, "gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress}


@st.composite
def files(draw, name):
    file = draw(FORMATS[name]())
    if file.text is None:
        file = as_text(draw, file)
    text = file.text
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "utf-8-sig", "utf-16", "cp1252"]))
    content = (
        PACKINGS[packing](text.encode(encoding))
        if (packing := draw(st.sampled_from(["", "", *PACKINGS])))
        else text.encode(encoding)
    )
    damage = file.damage
    if not file.rows and name in ("json", "blt", "latex") and draw(st.integers(0, 4)) == 0 and not packing:
        end = {"blt": '"Title"\n', "latex": "\\end{tabular}\n", "json": None}[name]
        cut = text.removesuffix(end) if end else text.rstrip()[:-1]
        cut = cut if end != '"Title"\n' else cut.rsplit("\n", 2)[0][:-1]
        content, damage = cut.encode(encoding), "cut"
    elif packing and draw(st.integers(0, 9)) == 0:
        content, damage = content[: -draw(st.integers(3, 10))], "cut packing"
    return replace(file, content=content, damage=damage)
