"""How Sphinx makes a site of these pages: ``make docs``. Everything that a page loads is in the site itself."""

project = "oc nsexec"
copyright = "the authors, Apache-2.0"  # noqa: A001 - Sphinx calls it so
html_title = project

extensions = ["myst_parser"]
myst_heading_anchors = 3
"""As GitHub makes them: links to headings work in both."""

smartquotes = False
"""Two hyphens are a flag's."""

html_theme = "furo"
html_theme_options = {"navigation_with_keys": True}
html_favicon = "static/icon.svg"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_use_index = False
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
