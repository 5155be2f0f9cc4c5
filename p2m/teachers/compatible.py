"""Any server that speaks OpenAI's Chat Completions: vLLM, Ollama, llama.cpp, LiteLLM, a gateway."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from p2m.teachers import chat_completions
from p2m.teachers.chat import Ask, Reply
from p2m.teachers.remote import Remote, is_loopback


@dataclass(frozen=True, slots=True)
class Compatible(Remote):
    """A model at `base_url`, which is in no key: the same model elsewhere is the same model."""

    provider: ClassVar[str] = "compatible"
    sdk: ClassVar[str] = "openai"
    path: ClassVar[str] = "/chat/completions"
    needs_key: ClassVar[bool] = False

    takes_schema: bool = True  # false: a server that ignores `response_format`; the prompt asks instead
    takes_temperature: bool = True

    @property
    def is_local(self) -> bool:
        return is_loopback(self.base_url)

    @property
    def takes_of_machine(self) -> dict[str, int | str]:
        return {"cpus": "all"} if self.is_local else {}  # the server's, and it is asked by one step at a time

    def problem(self) -> str | None:
        if not self.base_url:
            return (
                "a compatible server needs its address: teacher.base_url=URL, as http://127.0.0.1:8000/v1 of"
                " vLLM, port 11434 of Ollama, 8080 of llama.cpp"
            )
        return Remote.problem(self)

    def body(self, ask: Ask) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.model, "messages": chat_completions.messages_of(ask), "max_tokens": ask.max_tokens,
        }  # fmt: skip
        if ask.temperature is not None and self.takes_temperature:
            body["temperature"] = ask.temperature
        if ask.schema is not None and self.takes_schema:
            body["response_format"] = chat_completions.schema_format(ask.schema, strict=True)
        return body | self.options

    def read(self, answer: Mapping[str, Any]) -> Reply | None:
        return chat_completions.read(answer)

    def client(self, key: str, http_client: Any) -> Any:
        import openai

        # What the environment holds for OpenAI itself is not this server's to see.
        absent: Any = {"OpenAI-Organization": openai.Omit(), "OpenAI-Project": openai.Omit()}
        return openai.AsyncOpenAI(
            api_key=key or "none", base_url=self.base_url, max_retries=0, timeout=http_client.timeout,
            http_client=http_client, default_headers=absent,
        )  # fmt: skip
