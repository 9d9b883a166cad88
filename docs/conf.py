"""Settings of the documentation: built without network, and every warning is an error (`make docs`)."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]

import nashsim  # noqa: E402

project = "nashsim"
author = "nashsim developers"
copyright = author
version = release = nashsim.__version__
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_gallery.gen_gallery",
    "generated",
    "gallery_of_experiments",
    "docstrings",
    "mathml",
]
exclude_patterns = ["_build", "_generated/*.md", "_generated/gallery/*", "gallery/*.py", "gallery/*.ipynb"]
root_doc = "index"

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"nashsim {version}"
html_static_path = ["_static"]
html_css_files = ["own.css"]
html_math_renderer = "mathml"
html_copy_source = html_show_sourcelink = html_show_copyright = False
# Fonts, scripts and mathematics all come from this folder: a page opened without network is whole.
html_theme_options = {"top_of_page_buttons": []}
pygments_style, pygments_dark_style = "friendly", "monokai"

autodoc_member_order = "bysource"
autodoc_typehints = "none"
napoleon_google_docstring = False
napoleon_use_param = napoleon_use_rtype = False
napoleon_custom_sections = [("Fields", "params_style")]  # what docstrings of classes call Attributes

suppress_warnings = ["config.cache"]

sphinx_gallery_conf = {
    "examples_dirs": [str(HERE / "_generated" / "gallery")],
    "gallery_dirs": ["gallery"],
    "filename_pattern": r".*\.py$",
    "ignore_pattern": r"$^",
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "show_memory": False,
    "write_computation_times": False,
    "min_reported_time": 1e9,
    "abort_on_example_error": True,
    "only_warn_on_example_error": False,
    "remove_config_comments": True,
    "show_signature": False,
    "copyfile_regex": r"$^",
    "reset_modules": (),
}
