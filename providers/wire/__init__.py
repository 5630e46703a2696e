"""What all wire formats have in common: everything between a `Request` and an SDK's client but the format itself.

turns          a conversation that every backend takes: each call with its result, ids that fit
content        what tools returned, as texts, images and files
schemas        JSON Schemas that a backend takes
sound_schema   what servers list as a schema, made one
calls          calls in a reply: their ids, their arguments, whether they are there
text           text and arguments that can be written as JSON
remembered     what was encoded for the last request, and need not be for this one
sse            server-sent events out of bytes
patience       how long a reply is waited for
failures       how backends fail: all of it as `ProviderError`
client         what an SDK's client is made with
openai_client  the client for both of OpenAI's formats
line           a request sent, and its events as they come
backend        a `Provider` made of a line and a format
estimate       tokens, where a backend does not count them
"""
