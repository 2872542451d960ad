"""Pages of the site that lie outside of docs/: the benchmarks, the changelog and the contributions.

MkDocs reads one folder. These pages are added to it, and links between them and docs/ are changed,
so that the same files work on their own and in the site.
"""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
ADDED = ("BENCHMARKS.md", "CHANGELOG.md", "CONTRIBUTING.md")
LINK = re.compile(r"\]\((?!https?:|#)([^)\s]+)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages."""
    for name in ADDED:
        text = (ROOT / name).read_text(encoding="utf-8")
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Change the links of a page that lead out of docs/, or into it."""
    inside = page.file.src_uri not in ADDED
    depth = page.file.src_uri.count("/")
    return LINK.sub(lambda link: f"]({_target(link[1], depth=depth, inside=inside)})", markdown)


def _target(link: str, *, depth: int, inside: bool) -> str:
    """Return where a link leads in the site."""
    if not inside:
        return link.removeprefix("docs/")
    out_of_docs = "../" * (depth + 1)
    name = link.removeprefix(out_of_docs)
    if link.startswith(out_of_docs) and name.partition("#")[0] in ADDED:
        return "../" * depth + name
    return link
