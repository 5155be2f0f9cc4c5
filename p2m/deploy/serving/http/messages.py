"""What a chat message asks a model: the row that its text stands for.

Models have learnt their task, so instructions, earlier turns and examples are not needed and not read: the
last message of the user counts. Its text is, in this order,

- what p2m's own teachers are sent for one row: `Answer this input.` with the row between <data> and </data>;
- a JSON object with the task's fields;
- of a task with one field, the text itself;
- of a task with several, one line `field: text` for each, where a text may go on over further lines.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..asking import asked
from ..objects import once, reason
from ..rows import InputError, named

_TAUGHT = re.compile(r"\AAnswer this input\.\n<data>\n(.*)\n</data>\s*\Z", re.DOTALL)


def asked_text(messages: Sequence[Mapping[str, Any]]) -> str:
    """The text of the last message of the user; parts of a message are put together."""
    last = next(each for each in reversed(messages) if each.get("role") == "user")
    content = last["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def row_of(text: str, fields: Sequence[str]) -> tuple[dict[str, str], bool]:
    """The row, and whether it was asked as p2m's teachers are.

    Raises:
        InputError: the text is none of what stands above.
    """
    taught = _TAUGHT.match(text)
    if taught:
        found = _object(taught[1])
        if isinstance(found, dict) and isinstance(found.get("input"), dict):
            return asked(found["input"], fields), True
    found = _object(text) if text.lstrip().startswith("{") else None
    if isinstance(found, dict):
        return asked(found, fields), False
    if len(fields) == 1:
        return asked({fields[0]: text}, fields), False
    return asked(_in_lines(text, fields), fields), False


def _object(text: str) -> Any:
    """What JSON says; None where it is not JSON, and so a text.

    Raises:
        InputError: it is JSON that cannot be read.
    """
    try:
        return json.loads(text, object_pairs_hook=once)
    except json.JSONDecodeError:
        return None
    except (ValueError, RecursionError) as error:
        raise InputError(f"the message is not JSON that can be read: {reason(error)}") from None


def _in_lines(text: str, fields: Sequence[str]) -> dict[str, str]:
    """Field -> text, of lines that begin with a field's name and a colon."""
    names = "|".join(re.escape(name) for name in sorted(fields, key=len, reverse=True))
    parts = re.split(rf"^[ \t]*({names})[ \t]*:", text, flags=re.MULTILINE | re.IGNORECASE)
    spelled = {name.casefold(): name for name in fields}
    found = {
        spelled.get(name.casefold(), name): said.strip()
        for name, said in zip(parts[1::2], parts[2::2], strict=True)
    }
    if set(found) != set(fields) or len(parts) != 1 + 2 * len(fields) or parts[0].strip():
        example = json.dumps(dict.fromkeys(fields, "..."))
        raise InputError(
            f"the task has the fields {named(fields)}: the user's message must be JSON, {example}, or"
            " a line `field: text` for each"
        )
    return found
