"""How Sphinx builds the documentation: python -m sphinx -W docs docs/_build."""

import tomllib
from pathlib import Path

pyproject = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))

project = pyproject["project"]["name"]
release = version = pyproject["project"]["version"]
author = "The gpuconv developers"
copyright = f"2026, {author}"  # noqa: A001 - the name that Sphinx reads

extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.mathjax"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3

autodoc_typehints = "none"  # the Parameters sections say more
autodoc_member_order = "bysource"
numpydoc_show_class_members = False

html_theme = "pydata_sphinx_theme"
html_title = "gpuconv"
html_show_sourcelink = False
html_sidebars = {"**": []}  # the pages are few: the bar at the top names them all
html_theme_options = {"header_links_before_dropdown": 7, "secondary_sidebar_items": ["page-toc"]}
