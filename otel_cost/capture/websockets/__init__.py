"""The websockets of the OpenAI SDK: realtime, responses and live."""

CONNECTIONS: tuple[str, ...] = (
    "openai.resources.realtime.realtime",
    "openai.resources.beta.realtime.realtime",
    "openai.resources.responses.responses",
    "openai.resources.beta.responses.responses",
    "openai.resources.live.live",
    "openai.resources.live.forks",
    "openai.resources.live.sideband",
)
"""The modules of the connection classes. Translations say nothing of usage in any event."""

MODULES: tuple[str, ...] = ("openai._websocket_connection", *CONNECTIONS)
"""The modules that have attach points; older SDKs lack some of them."""
