// What the views share: the questions that are known, where the user is, and what stands in the reader.
import { computed, effect, signal } from "@preact/signals";
import { type Citation, type Collection, type Query, type Source, api, got } from "./api";
import { type Statement, type Told, follow } from "./events";
import { random, rememberCollection, rememberedCollection, user } from "./memory";

/** A question with as much of its answer as has arrived. */
export interface Asked {
  query: Query;
  sources: Source[];
  statements: Statement[];
}

export const isOver = (query: Query): boolean => !["queued", "in_progress"].includes(query.status);

// ---- Questions

const HISTORY_PART = 20;
/** How often questions in the list are looked up while one of them is not answered yet. */
const LOOK_EVERY_MS = 2_000;

export const asked = signal<ReadonlyMap<string, Asked>>(new Map());
/** Newest first: ids sort by the time of asking. */
export const history = computed(() => [...asked.value.values()].sort((a, b) => (a.query.id < b.query.id ? 1 : -1)));
export const hasOlder = signal(false);
export const historyLoaded = signal(false);
let oldest: string | undefined;

function put(id: string, change: (known: Asked | undefined) => Asked | undefined): void {
  const next = new Map(asked.value);
  const changed = change(next.get(id));
  if (changed) next.set(id, changed);
  else next.delete(id);
  asked.value = next;
}

const keep = (query: Query): void =>
  put(query.id, (known) => ({ sources: query.sources, statements: known?.statements ?? [], query }));

/** Loads the newest questions, or those before the oldest that is known. */
export async function loadHistory(part: "newest" | "older"): Promise<void> {
  const after = part === "older" && oldest ? { after: oldest } : {};
  const query = { user_id: user, limit: HISTORY_PART, ...after };
  const list = await got(api.GET("/v1/queries", { params: { query } }));
  for (const found of list.data as Query[]) keep(found);
  historyLoaded.value = true;
  if (part === "newest" && oldest) return;
  oldest = list.last_id ?? oldest;
  hasOlder.value = list.has_more;
}

/** Forgets what is known of questions and loads the newest, when the server has changed stored answers. */
export async function reloadHistory(): Promise<void> {
  asked.value = new Map();
  oldest = undefined;
  await loadHistory("newest");
}

let looking: ReturnType<typeof setTimeout> | undefined;
effect(() => {
  const isWaiting = history.value.some(({ query }) => !isOver(query));
  if (!isWaiting || looking !== undefined) return;
  looking = setTimeout(() => {
    const look = loadHistory("newest").catch(() => undefined);
    void look.then(() => {
      looking = undefined;
      // Says again that something is waited for, if it is.
      asked.value = new Map(asked.value);
    });
  }, LOOK_EVERY_MS);
});

/** Finds a question that is not in the list, such as one behind a link; false if there is none. */
export async function find(id: string): Promise<boolean> {
  if (asked.value.has(id)) return true;
  const { data, response } = await api.GET("/v1/queries/{id}", { params: { path: { id } } });
  if (response.status === 404 || !data) return false;
  keep(data as Query);
  return true;
}

/** Asks, and goes to where the answer will be. The same `attempt` sent again is the same question. One that follows another is
 * asked where that one was. */
export async function ask(question: string, attempt: string, before?: Query): Promise<void> {
  const where = before?.collection ?? collection.value;
  const follows = before ? { previous_query_id: before.id } : {};
  const body = { query: question, user_id: user, ...(where ? { collection: where } : {}), ...follows };
  const params = { header: { "Idempotency-Key": attempt } };
  const query = (await got(api.POST("/v1/queries", { body, params }))) as Query;
  keep(query);
  go({ at: "query", id: query.id });
}

/** Asks the same question anew, in the collection it was asked in. */
export async function askAgain({ query: question, collection: where }: Query): Promise<void> {
  const body = { query: question, user_id: user, collection: where };
  const query = (await got(api.POST("/v1/queries", { body, params: { header: { "Idempotency-Key": random(16) } } }))) as Query;
  keep(query);
  go({ at: "query", id: query.id });
}

export async function cancel(id: string): Promise<void> {
  keep((await got(api.POST("/v1/queries/{id}/cancel", { params: { path: { id } } }))) as Query);
}

export async function forget(id: string): Promise<void> {
  await got(api.DELETE("/v1/queries/{id}", { params: { path: { id } } }));
  put(id, () => undefined);
  if (route.value.at === "query" && route.value.id === id) go({ at: "ask" });
}

/** Watches a question until it is answered or the signal says stop. */
export async function watch(id: string, stop: AbortSignal): Promise<void> {
  const isThere = await follow(id, stop, (told) => put(id, (known) => known && after(known, told)));
  if (!isThere) put(id, () => undefined);
}

function after(known: Asked, told: Told): Asked {
  switch (told.name) {
    case "status":
      return { ...known, query: { ...known.query, status: told.data.status }, statements: [] };
    case "sources":
      return { ...known, sources: told.data.sources };
    case "statement":
      return { ...known, statements: [...known.statements, told.data] };
    case "done":
      return { query: told.data, sources: told.data.sources, statements: known.statements };
  }
}

// ---- Collections

export const collections = signal<Collection[] | undefined>(undefined);
const chosen = signal(rememberedCollection());
/** Where questions look: the collection that was chosen, or the first. */
export const collection = computed(() => {
  const names = (collections.value ?? []).map(({ name }) => name);
  return [chosen.value ?? "", "default"].find((name) => names.includes(name)) ?? names[0];
});

export async function loadCollections(): Promise<void> {
  collections.value = (await got(api.GET("/v1/collections"))).data;
}

export function choose(name: string): void {
  chosen.value = name;
  rememberCollection(name);
}

// ---- Where the user is

export type Route = { at: "ask" } | { at: "query"; id: string } | { at: "documents" };

const written = (to: Route): string => (to.at === "query" ? `#/q/${to.id}` : to.at === "documents" ? "#/documents" : "#/");

function understood(hash: string): Route {
  const id = /^#\/q\/(qry_[0-9a-f]+)$/.exec(hash)?.[1];
  if (id) return { at: "query", id };
  return hash === "#/documents" ? { at: "documents" } : { at: "ask" };
}

export const route = signal<Route>(understood(location.hash));
export const link = written;

export function go(to: Route): void {
  location.hash = written(to);
}

addEventListener("hashchange", () => {
  route.value = understood(location.hash);
  reading.value = undefined;
  isMenuOpen.value = false;
});

export const isMenuOpen = signal(false);

// ---- The reader

/** A page of a document, with the words that are to be seen on it. */
export interface Reading {
  collection: string;
  documentId: string;
  title: string;
  filename: string;
  place: number;
  marked?: { place: number; start: number; end: number; words: string; kind: "quote" | "passage" };
}

export const reading = signal<Reading | undefined>(undefined);
let opener: EventTarget | null = null;

export function openReader(to: Reading, from: EventTarget | null): void {
  opener = from;
  reading.value = to;
}

export function closeReader(): void {
  reading.value = undefined;
}

/** Once it is closed, the keyboard goes back to where it came from. */
export function backFromReader(): void {
  if (opener instanceof HTMLElement) opener.focus();
  opener = null;
}

export const ofCitation = (citation: Citation, where: string): Reading => ({
  collection: where,
  documentId: citation.document_id,
  title: citation.title,
  filename: citation.filename,
  place: citation.page_place,
  marked: {
    place: citation.page_place,
    start: citation.start_char_index,
    end: citation.end_char_index,
    words: citation.cited_text,
    kind: "quote",
  },
});

export const ofSource = (source: Source, where: string): Reading => {
  const reading = {
    collection: where,
    documentId: source.document_id,
    title: source.title,
    filename: source.filename,
    place: source.page_place ?? source.page_number ?? 1,
  };
  const { start_char_index: start, end_char_index: end } = source;
  if (start == null || end == null) return reading;
  return { ...reading, marked: { place: reading.place, start, end, words: source.text, kind: "passage" } };
};

// ---- Decisions that cannot be taken back

export interface Decision {
  title: string;
  text: string;
  /** More that can be wanted, to be ticked. */
  option?: string;
  verb: string;
  act: (withOption: boolean) => Promise<void>;
}

export const decision = signal<Decision | undefined>(undefined);
