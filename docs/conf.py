"""Settings of the documentation site: `make docs` builds it from the repository's own pages, without a network."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "docs"))

project = "Leadlens"
version = release = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
project_copyright = "Leadlens contributors, Apache-2.0"
language = "en"

# The source is the repository's root, so that a link works here as it does where the repository is browsed.
include_patterns = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "docs/**.md"]
exclude_patterns = [".*", "site", "demo", "**/__pycache__"]
root_doc = "docs/index"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "leadlens_docs"]
# What somebody wrote as a reference must lead somewhere. Types in signatures need not: many have no page, and nothing is
# looked up on the network.
nitpicky = True
nitpick_ignore_regex = [("py:(class|exc)", r".*"), ("py:obj", r"typing\..*")]

myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]

autodoc_default_options = {"members": True, "exclude-members": "model_config"}
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
napoleon_google_docstring = False
napoleon_custom_sections = [("Attributes", "params_style")]
napoleon_use_param = False
napoleon_use_rtype = False

html_theme = "pydata_sphinx_theme"
html_title = "Leadlens"
html_theme_options = {
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_prev_next": False,
}
html_context = {"default_mode": "auto"}
html_show_sourcelink = False
html_copy_source = False
html_additional_pages = {"index": "start.html"}
templates_path = ["_templates"]
