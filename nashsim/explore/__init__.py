"""The explorer: a page in the browser that shows one game, its answers and the ways to them.

It is built on Bokeh. Asked for were: a server that needs no network (no file from elsewhere), that answers a moved
slider within 100 ms, that runs no code of the page, charts drawn in the browser, and few packages. Bokeh's server
sends its own scripts, keeps a connection over which only data of declared types move, and adds three packages to
those that nashsim has. Panel is Bokeh with ten packages more; Dash answers each move by a request and redraws whole
figures of plotly's, five megabytes of script; Shiny draws its charts as images; NiceGUI brings a stack of servers;
marimo in run mode runs a notebook, whose cells are code.

Nothing here computes: the numbers are those of the functions that users call, and the page gives the Python for them.
"""
