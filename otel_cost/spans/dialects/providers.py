"""Whose model a span names: the many names of a provider, and what the model alone says."""

from collections.abc import Mapping

_GROUPS: Mapping[str, str] = {
    "openai": "openai",
    "azure": "azure azure.ai.openai az.ai.openai azure.ai.inference az.ai.inference azure_ai "
    "azure_openai azureopenai azure-openai azure_text azure-foundry",
    "anthropic": "anthropic claude",
    "aws": "aws aws.bedrock bedrock aws_bedrock amazon_bedrock bedrock_converse amazon "
    "amazon-bedrock sagemaker",
    "google": "google gcp gcp.vertex_ai gcp.gemini gcp.gen_ai vertex_ai vertexai vertex_ai_beta "
    "google_vertexai google_genai google-gla google-vertex google-cloud gemini vertex",
    "mistral": "mistral mistral_ai mistralai",
    "x-ai": "x-ai x_ai xai grok",
    "cohere": "cohere cohere_chat",
    "deepseek": "deepseek",
    "groq": "groq",
    "perplexity": "perplexity",
    "openrouter": "openrouter",
    "together": "together together_ai togetherai",
    "fireworks": "fireworks fireworks_ai fireworksai",
    "cerebras": "cerebras",
    "moonshotai": "moonshotai moonshot",
    "voyageai": "voyageai voyage",
}
_PROVIDERS = {name: provider for provider, names in _GROUPS.items() for name in names.split()}

_NOBODY = frozenset(
    {
        "",
        "none",
        "unknown",
        "langchain",
        "llamaindex",
        "crewai",
        "litellm",
        "litellm_proxy",
        "openlit",
    }
)
"""What stands where a provider should: the framework, or nothing."""

_FAMILIES: Mapping[str, str] = {
    "gpt-": "openai",
    "chatgpt-": "openai",
    "codex-": "openai",
    "o1": "openai",
    "o3": "openai",
    "o4": "openai",
    "text-embedding-": "openai",
    "dall-e": "openai",
    "whisper": "openai",
    "tts-": "openai",
    "ft:": "openai",
    "claude": "anthropic",
    "gemini": "google",
    "mistral": "mistral",
    "ministral": "mistral",
    "magistral": "mistral",
    "codestral": "mistral",
    "pixtral": "mistral",
    "grok": "x-ai",
    "command": "cohere",
    "deepseek": "deepseek",
    "sonar": "perplexity",
    "voyage-": "voyageai",
    "anthropic.": "aws",
    "amazon.": "aws",
    "us.": "aws",
    "eu.": "aws",
    "apac.": "aws",
    "global.": "aws",
}
"""Whose models have names that begin so."""
_BEGINNINGS = tuple(_FAMILIES)


def provider_of(named: str | None, model: str | None) -> str | None:
    """The provider by the name it is given, else by its model's name."""
    if named is not None:
        found = _PROVIDERS.get(named)
        if found is not None:
            return found
        lower = named.lower()
        if lower not in _NOBODY:
            return _PROVIDERS.get(lower, lower)
    return by_model(model)


def by_model(model: str | None) -> str | None:
    """The provider that a model's name gives away, as in `azure/gpt-4o` and `claude-opus-4-5`."""
    if model is None:
        return None
    lower = model.lower()
    before, slash, _ = lower.partition("/")
    if slash and before in _PROVIDERS:
        return _PROVIDERS[before]
    if lower.startswith(_BEGINNINGS):
        return next(whose for start, whose in _FAMILIES.items() if lower.startswith(start))
    return None


def bare(model: str | None) -> str | None:
    """A model's name without the provider that LiteLLM puts in front."""
    if model is None:
        return None
    before, slash, after = model.partition("/")
    return after if slash and after and before.lower() in _PROVIDERS else model


def is_claude(provider: str | None, model: str | None) -> bool:
    """Whether Anthropic's rules hold, on whichever cloud: of caches and of streams."""
    return provider == "anthropic" or (model is not None and "claude" in model)
