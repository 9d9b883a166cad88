"""Every format that :func:`nashsim.data.load` reads, with an example of each."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Example:
    """A small file and how it is read.

    Attributes
    ----------
    title : str
    text : str
    options : dict
        Arguments of :func:`nashsim.data.load` that it needs.
    """

    title: str
    text: str
    options: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Format:
    """A format in words for people, the options that belong to it, and examples.

    Attributes
    ----------
    words : str
    options : tuple of str
        Arguments of :func:`nashsim.data.load`.
    examples : tuple of Example
    """

    words: str
    options: tuple[str, ...]
    examples: tuple[Example, ...]


def _json(*records: str) -> str:
    return "\n".join(f"{{{record}}}" for record in records) + "\n"


#: The formats by name.
FORMATS = {
    "battles": Format(
        "rows of model_a, model_b, winner",
        ("ties", "columns", "weight", "scores", "result"),
        (
            Example("winner in words", "model_a,model_b,winner\nx,y,model_a\ny,z,model_b\nz,x,tie\n"),
            Example("winner by name", "model_a,model_b,winner\nx,y,x\ny,z,z\nz,x,tie\n"),
            Example(
                "one column an outcome",
                "model_a,model_b,winner_model_a,winner_model_b,winner_tie\nx,y,1,0,0\ny,z,0,1,0\nz,x,0,0,1\n",
            ),
            Example("results", "white,black,result\nx,y,1-0\ny,z,0-1\nz,x,1/2-1/2\n"),
            Example(
                "scores",
                "home,away,goals_home,goals_away\nx,y,3,1\ny,z,0,2\nz,x,1,1\n",
                {"scores": ("goals_home", "goals_away")},
            ),
            Example(
                "JSON lines",
                _json(
                    '"model_a": "x", "model_b": "y", "winner": "model_a"',
                    '"model_a": "y", "model_b": "z", "winner": "model_b"',
                    '"model_a": "z", "model_b": "x", "winner": "both_bad"',
                ),
            ),
        ),
    ),
    "wins": Format(
        "one row a pair with the wins of both",
        ("ties", "columns", "wins", "draws"),
        (
            Example("named so", "home,away,home_wins,away_wins,draws\nx,y,3,1,0\ny,z,0,2,1\nz,x,1,1,1\n"),
            Example(
                "named by options",
                "p,q,for,against\nx,y,3,1\ny,z,0,2\nz,x,1,1\n",
                {"columns": ("p", "q"), "wins": ("for", "against")},
            ),
        ),
    ),
    "matrix": Format(
        "a square matrix as CSV, text, JSON, LaTeX or .npy",
        ("unit", "range"),
        (
            Example("labels across and down", ",x,y,z\nx,,0.75,0.4\ny,0.25,,0.6\nz,0.6,0.4,\n"),
            Example("numbers alone", "0.5 0.75 0.4\n0.25 0.5 0.6\n0.6 0.4 0.5\n"),
            Example("decimal commas", ";x;y;z\nx;-;75,5;40\ny;24,5;-;60\nz;60;40;-\n", {"unit": "percent"}),
            Example("payoffs", ",x,y,z\nx,0,3,-1\ny,-3,0,2\nz,1,-2,0\n", {"range": (-3.0, 3.0)}),
            Example(
                "LaTeX",
                "\\begin{tabular}{lccc}\n & x & y & z \\\\ \\hline\nx & & 75\\% & 40\\% \\\\\n"
                "y & 25\\% & & 60\\% \\\\\nz & 60\\% & 40\\% & \\\\\n\\end{tabular}\n",
            ),
            Example(
                "JSON",
                '{"labels": ["x", "y", "z"],\n "matrix": [[0.5, 0.75, 0.4], [0.25, 0.5, 0.6], [0.6, 0.4, 0.5]]}\n',
            ),
        ),
    ),
    "counts": Format(
        "a square matrix of win counts",
        ("unit",),
        (Example("wins of the row", ",x,y,z\nx,,3,4\ny,5,,2\nz,1,6,\n", {"format": "counts"}),),
    ),
    "crosstable": Format(
        "a square of results such as 1=0, a game a character",
        ("ties",),
        (Example("a tournament", ",Name,1,2,3,Points\n1,x,*,1=,01,2.5\n2,y,0=,*,11,2.5\n3,z,10,00,*,1\n"),),
    ),
    "pairs": Format(
        "winner, loser a line",
        ("ties", "columns", "weight"),
        (
            Example("named", "winner,loser\nx,y\ny,z\nz,x\nx,y\n"),
            Example("with ties", "winner,loser,tie\nx,y,0\ny,z,0\nz,x,1\n"),
            Example("alone", "x y\ny z\nz x\nx y\n"),
            Example(
                "chosen and rejected models",
                _json(
                    '"prompt": "Hi", "chosen": "Hello!", "rejected": "No", "chosen_model": "x", "rejected_model": "y"',
                    '"prompt": "Hi", "chosen": "Hello!", "rejected": "No", "chosen_model": "y", "rejected_model": "x"',
                ),
            ),
        ),
    ),
    "triples": Format(
        "a, b, value a line",
        ("columns", "unit", "range"),
        (
            Example("a header or none", "a,b,p\nx,y,0.75\ny,z,0.6\nz,x,0.6\n"),
            Example("python tuples", "('x', 'y', 0.75)\n('y', 'z', 0.6)\n('z', 'x', 0.6)\n"),
        ),
    ),
    "rankings": Format(
        "ballots in rows of rank1, rank2, ...",
        ("ties", "weight"),
        (Example("cast votes", "rank1,rank2,rank3\nx,y,z\ny,skipped,z\nz,x,overvote\n"),),
    ),
    "preflib": Format(
        "PrefLib soc, soi, toc, toi, pwg",
        ("ties",),
        (
            Example(
                "ballots",
                "# ALTERNATIVE NAME 1: x\n# ALTERNATIVE NAME 2: y\n# ALTERNATIVE NAME 3: z\n"
                "4: 1,2,3\n3: 2,{1,3}\n2: 3,1\n",
            ),
            Example("the older format", "3\n1,x\n2,y\n3,z\n9,9,3\n4,1,2,3\n3,2,{1,3}\n2,3,1\n"),
            Example(
                "pairwise counts (pwg), older",
                "3\n1,x\n2,y\n3,z\n9,27,6\n6,1,2\n3,2,1\n4,1,3\n5,3,1\n7,2,3\n2,3,2\n",
            ),
        ),
    ),
    "blt": Format(
        "BLT ballots",
        ("ties",),
        (Example("an election", '3 1\n4 1 2 3 0\n3 2 1=3 0\n2 3 - 1 0\n0\n"x"\n"y"\n"z"\n"Title"\n'),),
    ),
}
