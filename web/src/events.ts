// Follows a query through its server-sent events. `EventSource` cannot send a key, so the stream is read here; whatever
// breaks it, the next connection goes on behind the last event that was seen.
import { type Citation, type Query, type Source, address, send } from "./api";

export interface Statement {
  text: string;
  citations: Citation[];
}

export type Told =
  | { name: "status"; data: { status: "in_progress" } }
  | { name: "sources"; data: { sources: Source[] } }
  | { name: "statement"; data: Statement }
  | { name: "done"; data: Query };

const PAUSE_MIN_MS = 250;
const PAUSE_MAX_MS = 5_000;

/** Tells every event until the query is done or the signal says stop; true unless the query is gone. */
export async function follow(id: string, stop: AbortSignal, tell: (told: Told) => void): Promise<boolean> {
  let seen = "";
  let pause = PAUSE_MIN_MS;
  while (!stop.aborted) {
    try {
      const headers: Record<string, string> = seen ? { "last-event-id": seen } : {};
      const response = await send(new Request(address(`/v1/queries/${id}/events`), { headers, signal: stop }));
      if (response.status === 404) return false;
      if (response.ok && response.body) {
        for await (const { id: number, told } of events(response.body)) {
          seen = number;
          pause = PAUSE_MIN_MS;
          tell(told);
          if (told.name === "done") return true;
        }
      }
    } catch {
      // The connection broke: that is what the next round is for.
    }
    await rest(pause, stop);
    pause = Math.min(pause * 2, PAUSE_MAX_MS);
  }
  return true;
}

async function* events(body: ReadableStream<Uint8Array>): AsyncGenerator<{ id: string; told: Told }> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += decoder.decode(value, { stream: true });
    const blocks = text.split(/\r?\n\r?\n/);
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      const event = parsed(block);
      if (event) yield event;
    }
  }
}

function parsed(block: string): { id: string; told: Told } | undefined {
  const fields = new Map<string, string>();
  for (const line of block.split(/\r?\n/)) {
    const colon = line.indexOf(":");
    if (colon < 1) continue; // A comment, which keeps the connection alive.
    const name = line.slice(0, colon);
    const value = line.slice(colon + 1).replace(/^ /, "");
    fields.set(name, name === "data" && fields.has(name) ? `${fields.get(name)}\n${value}` : value);
  }
  const data = fields.get("data");
  if (data === undefined) return undefined;
  return { id: fields.get("id") ?? "", told: { name: fields.get("event"), data: JSON.parse(data) } as Told };
}

function rest(milliseconds: number, stop: AbortSignal): Promise<void> {
  return new Promise((go) => {
    const timer = setTimeout(go, milliseconds);
    stop.addEventListener("abort", () => (clearTimeout(timer), go()), { once: true });
  });
}
