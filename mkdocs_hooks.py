"""What the site has beside the pages of docs/: its first page is the README, its reference is made from the
schema and the verbs, and a link to a file of the repository becomes that file's name.
"""

from __future__ import annotations

import json
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).parent
_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)\s]+)\)")


def on_files(files: Any, config: Any) -> Any:
    from p2m.cli import manual

    made = {
        "index.md": _from_readme((ROOT / "README.md").read_text(encoding="utf-8")),
        "quickstart.md": _from_notebook(ROOT / "docs" / "quickstart.ipynb"),
        "reference/recipe.md": manual.recipe_reference(),
        "reference/commands.md": manual.commands_reference(),
    }
    for name, text in made.items():
        files.append(File.generated(config, name, content=text))
    return files


def _from_readme(text: str) -> str:
    """Links as seen from docs/."""
    return _LINK.sub(lambda each: f"[{each[1]}]({_seen(each[2])})", text)


def _seen(target: str) -> str:
    if re.match(r"\w+:|#", target):
        return target
    return target.removeprefix("docs/") if target.startswith("docs/") else f"../{target}"


def _from_notebook(path: Path) -> str:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells]
    return "\n\n".join(
        f"```python\n{text}\n```" if cell["cell_type"] == "code" else text
        for cell, text in zip(cells, texts, strict=True)
    )


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """A file outside docs/, which the site has not, by its name alone."""
    folder = posixpath.dirname(page.file.src_uri)

    def named(found: re.Match[str]) -> str:
        text, target = found[1], found[2]
        if re.match(r"\w+:|#", target):
            return found[0]
        place = posixpath.normpath(posixpath.join(folder, target.partition("#")[0]))
        if not place.startswith("../") and (ROOT / "docs" / place).suffix == ".md":
            return found[0]
        own = place.removeprefix("../")
        return text if own in text else f"{text} (`{own}`)"

    return _LINK.sub(named, markdown)
