"""The command ``nashsim explore``: a page in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import import_optional
from .options import LoaderOptions, with_loader_options
from .output import say


@with_loader_options
def explore(
    options: LoaderOptions,
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="[SOURCE]", help="A game of `nashsim games`, or a file; the page opens others."
        ),
    ] = None,
    port: Annotated[int, typer.Option(help="Port of this machine; 0 takes a free one.", metavar="N")] = 5110,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")
    ] = True,
) -> None:
    """Open a page that shows a game, its equilibrium and the ways to it, on this machine alone.

    Examples: nashsim explore;  nashsim explore tldr;  nashsim explore battles.csv --missing half
    """
    import_optional("bokeh", "explore", "explore")
    from ..explore.server import serve

    sources, defaults = _first(source, options)

    def ready(url: str) -> None:
        say(f"nashsim explore: {url} (stop by Ctrl-C)")

    serve(sources, defaults, port, ready, browser)


def _first(source: str | None, options: LoaderOptions):
    """Return what the page may open, and what it shows first."""
    from ..explore.settings import Settings
    from ..explore.sources import Opened, Sources, file_python
    from .source import is_catalogue_name, open_with_data

    if source is None:
        return Sources(), Settings(reference="action:rock=0.6")
    if is_catalogue_name(source):
        return Sources(), Settings(source=source)
    game, data = open_with_data(source, options)
    how = options.game_arguments() if data is not None else {}
    if data is None:
        text = f"from nashsim.theory.claims.files import load_instance\ngame = load_instance({source!r}).game"
    else:
        given = {name: value for name, value in options.load_arguments().items() if value is not None}
        text = file_python(source, given, how)
    sources = Sources(Opened(game, data, text, how), Path(source).name)
    return sources, Settings(source="given", **({"tau": game.tau} if game.tau else {}))
