"""imagine: datasets that would suit the task, as a teacher describes them, for the search to look for."""

from __future__ import annotations

from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.teachers.asking.asker import Asker, Put
from p2m.teachers.chat import ChatTeacher
from p2m.teachers.craft.datasets import imagine_ask, read_imagined
from p2m.teachers.craft.replies import Said, said
from p2m.types import Caps, Imagined, Task


@stage(version="1", kind="seeded")
def imagine(task: Task, *, teacher: ChatTeacher, number: int, caps: Caps, run: Run) -> Imagined:
    """Hypothetical documents (Gao et al., 2022, arXiv 2212.10496): `number` of them, asked for once.

    Without an answer the search goes by the prompt alone, which is said.
    """
    asker = Asker(teacher, run, caps)

    async def work(_: str, put: Put) -> Said:
        return await said(put, imagine_ask(task, number), teacher=teacher)

    reply = asker.each(["descriptions"], work, what="questions")[0]
    if reply is None:
        return Imagined(spent=asker.spent)
    texts = () if reply.fault else read_imagined(reply.value, number)
    if len(texts) < number:
        fault = f" ({reply.fault})" if reply.fault else ""
        run.say(f"{len(texts)} of {number} datasets imagined{fault}: the search goes by the prompt and these")
    return Imagined(texts, asker.spent)
