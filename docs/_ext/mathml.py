"""Mathematics as MathML, by docutils: browsers draw it themselves, without a script and without network."""

from __future__ import annotations

from docutils.nodes import SkipNode
from docutils.utils.math.latex2mathml import tex2mathml


def inline(self, node) -> None:
    """Write an inline formula."""
    self.body.append(tex2mathml(node.astext()))
    raise SkipNode


def block(self, node) -> None:
    """Write a displayed formula."""
    self.body.append(tex2mathml(node.astext(), as_block=True))
    raise SkipNode


def setup(app):
    """Register the renderer."""
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"parallel_read_safe": True}
