r"""LaTeX tabulars as papers print them."""

import numpy as np
import pytest

from nashsim import NashsimError
from nashsim.data import load
from nashsim.data.latex import read_latex
from tests.data.material import write

NAN = np.nan

TWO_LEVELS = r"""
% win rates \begin{tabular} in a comment is none
\begin{table}\begin{tabular*}{\textwidth}[t]{@{}ll||c|cc|c@{}}
\toprule
ALG & & \multirow{2}{*}{$\pi_\tref$} & \multicolumn{2}{c|}{OIPO} & NMD \\
 & Ep & & 7 & 9 & 5 \\[2pt] % 90\% of it
\hhline{======} \cmidrule(lr){2-3}
\multirow{2}{*}{OIPO} & 7 & $\red{\boldsymbol{50.5\%}}$ & & & \textbf{49.75\%} \\
 & 9 & \cellcolor[gray]{.9}$25\,\%$ & & & \textcolor{red}{\bf 62.5\%}\\
\cline{1-2}
NMD & 5 & ~$75\%$ & $50.25\%$ & \phantom{0}37.5\% \tabularnewline
\bottomrule
\end{tabular*}\end{table}
"""


def test_two_level_labels_a_common_baseline_and_blank_blocks(tmp_path):
    data = load(write(tmp_path, "table.tex", TWO_LEVELS))
    assert data.labels == ("pi_tref", "OIPO 7", "OIPO 9", "NMD 5")
    expected = [
        [0.5, 0.495, 0.75, 0.25],
        [0.505, 0.5, NAN, 0.4975],
        [0.25, NAN, 0.5, 0.625],
        [0.75, 0.5025, 0.375, 0.5],
    ]
    np.testing.assert_allclose(data.probability, expected, atol=1e-15)
    assert data.asymmetry < 1e-15
    with pytest.raises(
        NashsimError, match=r"1 of 6 pairs were never compared, the first \('OIPO 7', 'OIPO 9'\)"
    ):
        data.game()


def tabular(*rows, spec="c"):
    return rf"\begin{{tabular}}{{{spec}}}" + r"\\ ".join(rows) + r"\end{tabular}"


def test_more_rows_than_columns_are_completed_too():
    data = read_latex(tabular("& b & c", "a & .75 & .25", "b & & .5", "c & & "), "t")
    assert data.labels == ("a", "b", "c")
    np.testing.assert_array_equal(data.probability[0], [0.5, 0.75, 0.25])


def test_units_and_numbers_alone():
    data = read_latex(tabular(r"0 & $-5$", "5 & 0"), "t", range=(-10, 10))
    assert data.labels == ("0", "1") and data.probability[1, 0] == 0.75
    assert (
        read_latex(tabular(r"$-$ & 3", "1 & --", spec="r{2}r"), "t", unit="count").probability[0, 1] == 0.75
    )


def test_escapes_in_labels():
    data = read_latex(tabular(r"& \texttt{a\_b} & R\&D", r"\texttt{a\_b} & & .75", r"R\&D & & "), "t")
    assert data.labels == ("a_b", "R&D") and data.probability[0, 1] == 0.75


BAD = {
    "two": (tabular("a") + tabular("b"), "one LaTeX tabular is needed, found 2"),
    "open": (r"\begin{tabular}{c} a & b", "one LaTeX tabular is needed, found 0"),
    "open brace": (r"\begin{tabular}{c a & b \end{tabular}", "no preference matrix"),
    "other labels": (
        tabular("& a & b", "x & 1 & 2", "y & 3 & 4"),
        "tabular of 3 rows and 3 columns is no preference",
    ),
    "same labels": (tabular("& a & a", "a & .5 & .5", "a & .5 & .5"), "must be distinct and among those"),
    "not square": (tabular(".5 & .6 & .7", ".4 & .5 & .6"), "tabular of 2 rows and 3 columns"),
    "empty": (tabular(""), "the tabular has no rows"),
    "no number": (
        tabular("& a & b", r"a & & .5 $\pm$ .1", "b & & "),
        r"number is needed at \('a', 'b'\), found '.5 pm .1'",
    ),
    "nan": (tabular("& a & b", "a & & nan", "b & & "), r"found 'nan' at \('a', 'b'\); leave the cell blank"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_tabulars(tmp_path, case):
    text, message = BAD[case]
    with pytest.raises(NashsimError, match=f"t.tex: .*({message})"):
        load(write(tmp_path, "t.tex", text))
