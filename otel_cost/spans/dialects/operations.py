"""What a span is about, by the many names of one operation."""

from collections.abc import Mapping

from otel_cost.spans.dialects.dialect import Kind
from otel_cost.spans.dialects.values import Said

OPERATION = "gen_ai.operation.name"

_GROUPS: Mapping[str, str] = {
    "chat": "chat completion acompletion responses aresponses response messages message generate",
    "text_completion": "text_completion atext_completion completions",
    "embeddings": "embeddings embedding aembedding",
    "generate_content": "generate_content agenerate_content generate_content_stream image "
    "image_generation aimage_generation image_edit aimage_edit image_variation speech aspeech "
    "text_to_speech transcription atranscription speech_to_text audio video video_generation",
}
CALLS: Mapping[str, str] = {
    name: operation for operation, names in _GROUPS.items() for name in names.split()
}
"""Operations that are billed as calls, by every name, and OpenTelemetry's name for each."""


def kind_by_operation(_name: str, said: Said) -> Kind:
    """A call or something around one, as the operation says; no name of a span is looked at."""
    operation = said.get(OPERATION)
    return "call" if type(operation) is str and operation in CALLS else "around"


def starts_by_operation(_name: str, said: Said) -> bool:
    """Whether the operation that a starting span names is billed."""
    operation = said.get(OPERATION)
    return type(operation) is str and operation in CALLS


def operation_of(said: Said) -> str:
    """OpenTelemetry's name of a call's operation."""
    operation = said.get(OPERATION)
    return CALLS.get(operation, "chat") if type(operation) is str else "chat"


def first_word(name: str) -> str:
    """The operation in a span's name such as `chat gpt-5`."""
    return name.partition(" ")[0]
