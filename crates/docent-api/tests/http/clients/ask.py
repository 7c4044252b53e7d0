"""Asks with OpenAI's own Python client, in both modes, and prints what it made of the answers as JSON."""
import json
import sys

from openai import NotFoundError, OpenAI

client = OpenAI(base_url=sys.argv[1], api_key="secret", max_retries=0)
messages = [{"role": "user", "content": "How many days of annual leave are there?"}]
whole = client.chat.completions.create(model="default", messages=messages)
message = whole.choices[0].message
stream = client.chat.completions.create(model="default", messages=messages, stream=True, stream_options={"include_usage": True})
pieces, last, usage = [], None, None
for chunk in stream:
    usage = chunk.usage or usage
    for choice in chunk.choices:
        pieces.append(choice.delta.content or "")
        last = chunk if choice.finish_reason else last
try:
    client.chat.completions.create(model="attic", messages=messages)
    refused = None
except NotFoundError as error:
    refused = error.code
url_citation = message.annotations[0].url_citation
print(json.dumps({
    "models": [model.id for model in client.models.list()],
    "content": message.content,
    "streamed": "".join(pieces),
    "marked": message.content[url_citation.start_index:url_citation.end_index],
    "title": url_citation.title,
    "outcome": whole.docent["outcome"],
    "streamed_annotations": len(last.choices[0].delta.annotations),
    "streamed_outcome": last.docent["outcome"],
    "tokens": [whole.usage.total_tokens, usage.total_tokens],
    "refused": refused,
}))
