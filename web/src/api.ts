// Calls to this server. Their types come from its OpenAPI description, so a call that the server does not know fails to
// compile. A call that is refused for want of a key waits until the user has given one.
import { signal } from "@preact/signals";
import createClient from "openapi-fetch";
import type { components, paths } from "./schema";

type Schemas = components["schemas"];
export type Status = "queued" | "in_progress" | "completed" | "failed" | "cancelled";
export type Outcome = "answered" | "partial" | "not_found";
export type Query = Omit<Schemas["QueryBody"], "status" | "outcome"> & { status: Status; outcome?: Outcome | null };
export type Citation = Schemas["CitationBody"];
export type Source = Schemas["SourceBody"];
export type Document = Schemas["DocumentBody"];
export type Collection = Schemas["CollectionBody"];
export type Page = Schemas["PageBody"];
export type Job = Schemas["JobBody"];
export type Uploads = Schemas["UploadsBody"];

/** A refusal, in the server's words. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly hint?: string,
  ) {
    super(message);
  }
}

const KEY = "docent.key";

/** Whether the user is asked for a key, and why. */
export const keyWanted = signal<"no" | "yes" | "again">("no");
/** False while the server does not answer. */
export const reachable = signal(true);

let key = sessionStorage.getItem(KEY);
let waiting: (() => void)[] = [];

/** The user has typed a key; what waited for one goes on. */
export function giveKey(given: string): void {
  key = given;
  sessionStorage.setItem(KEY, given);
  keyWanted.value = "no";
  const all = waiting;
  waiting = [];
  for (const go of all) go();
}

function anotherKeyThan(tried: string | null): Promise<void> {
  if (key !== tried) return Promise.resolve();
  keyWanted.value = tried === null ? "yes" : "again";
  return new Promise((go) => waiting.push(go));
}

/** Sends a request, with a key if there is one. */
export async function send(request: Request): Promise<Response> {
  for (;;) {
    const tried = key;
    const attempt = request.clone();
    if (tried !== null) attempt.headers.set("authorization", `Bearer ${tried}`);
    let response;
    try {
      response = await fetch(attempt);
    } catch (error) {
      if (!request.signal.aborted) reachable.value = false;
      throw error;
    }
    reachable.value = true;
    if (response.status !== 401) return response;
    await anotherKeyThan(tried);
  }
}

/** What the server answered to a file. */
export interface Answer {
  status: number;
  body: unknown;
}

/** Sends a file as it is and tells how much of it has left; `fetch` cannot tell that. */
export async function sendFile(to: string, file: File, progress: (share: number) => void): Promise<Answer> {
  for (;;) {
    const tried = key;
    const answer = await putFile(to, file, tried === null ? {} : { authorization: `Bearer ${tried}` }, progress);
    if (answer.status !== 401) return answer;
    await anotherKeyThan(tried);
  }
}

/** The same with these headers, to anywhere. */
export function putFile(to: string, file: File, headers: Record<string, string>, progress: (share: number) => void): Promise<Answer> {
  return new Promise((found, failed) => {
    const call = new XMLHttpRequest();
    call.open("PUT", to);
    call.responseType = "json";
    for (const [name, value] of Object.entries(headers)) call.setRequestHeader(name, value);
    call.upload.onprogress = ({ loaded, total }) => progress(total > 0 ? loaded / total : 1);
    call.onload = () => found({ status: call.status, body: call.response });
    call.onerror = () => failed(new TypeError("the connection broke"));
    call.send(file);
  });
}

export const problemOf = ({ status, body }: Answer): Problem => problem(status, body);

/** The bytes behind an address, to be saved: with a key where one is needed, which a link cannot send. */
export async function saved(path: string): Promise<string> {
  const response = await send(new Request(address(path)));
  if (!response.ok) throw problem(response.status, await response.json());
  return URL.createObjectURL(new Blob([await response.arrayBuffer()], { type: "application/octet-stream" }));
}

/** The address of something on this server; it may live below a path. */
export const address = (path: string): string => new URL(`.${path}`, document.baseURI.replace(/#.*/, "")).href;

export const api = createClient<paths>({ baseUrl: address("/").replace(/\/$/, ""), fetch: send });

/** What a call brought, or its refusal thrown as a {@link Problem}. */
export async function got<T>(call: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await call;
  if (response.ok) return data as T;
  throw problem(response.status, error);
}

function problem(status: number, body: unknown): Problem {
  const detail = (body as { error?: { message?: string; hint?: string | null } } | undefined)?.error;
  return new Problem(status, detail?.message ?? `the server answered with status ${status}`, detail?.hint ?? undefined);
}

/** What to tell the user about something thrown. */
export function explained(error: unknown): string {
  if (!(error instanceof Problem)) return "The server cannot be reached. Try again in a moment.";
  const sentence = (text: string) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.?!]$/.test(text) ? "" : ".");
  return sentence(error.message) + (error.hint ? ` ${sentence(error.hint)}` : "");
}
