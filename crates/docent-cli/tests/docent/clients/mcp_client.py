"""Calls every tool with the protocol's own Python client, and prints what came back as JSON.

Usage: mcp_client.py MODE http URL [KEY]
       mcp_client.py MODE stdio PROGRAM VARIABLES_AS_JSON [ARGUMENT ...]
MODE is `legacy` (the handshake of older clients) or `auto` (what new clients try first).
"""
import asyncio
import json
import sys

import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client


def server(how, where, *more):
    if how == "stdio":
        return StdioServerParameters(command=where, env=json.loads(more[0]), args=list(more[1:]))
    headers = {"authorization": f"Bearer {more[0]}"} if more else {}
    return streamable_http_client(where, http_client=httpx2.AsyncClient(headers=headers, timeout=60))


async def tell(mode, *where):
    async with Client(server(*where), mode=mode) as client:
        async def call(tool, **arguments):
            result = await client.call_tool(tool, arguments)
            text = result.content[0].text
            return {"is_error": bool(result.is_error), "text": text, "structured": result.structured_content}

        tools = (await client.list_tools()).tools
        found = await call("search", query="annual leave")
        results = (found["structured"] or {}).get("results") or [{"id": "people/nothing/1"}]
        return {
            "server": client.server_info.name,
            "tools": {tool.name: tool.annotations.model_dump() for tool in tools},
            "search": found,
            "fetch": await call("fetch", id=results[0]["id"]),
            "ask": await call("ask", query="How many days of annual leave do we have?"),
            "status": await call("status"),
            "elsewhere": await call("search", query="annual leave", collection="secret"),
            "nonsense": await call("fetch", id="nonsense"),
            "misspelt": await call("ask", question="Why?"),
        }


print(json.dumps(asyncio.run(tell(*sys.argv[1:]))))
