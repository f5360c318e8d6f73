"""The websockets of the OpenAI SDK: realtime, responses and live."""
