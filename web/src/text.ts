// Words and where they stand. The server counts characters (Unicode scalar values), JavaScript counts UTF-16 units.
import type { Citation, Query, Source } from "./api";
import type { Statement } from "./events";

/** Characters from `start` up to `end`. */
export const slice = (text: string, start: number, end?: number): string => Array.from(text).slice(start, end).join("");

/** The statements of a completed answer, each with its evidence. */
export function statements(query: Query): Statement[] {
  const answer = Array.from(query.answer ?? "");
  const found = new Map<number, Statement>();
  for (const citation of query.citations) {
    const { answer_start_index: start, answer_end_index: end } = citation;
    const known = found.get(start);
    if (known) known.citations.push(citation);
    else found.set(start, { text: answer.slice(start, end).join(""), citations: [citation] });
  }
  return [...found.values()];
}

export interface Numbered {
  number: number;
  citation: Citation;
}

const place = (citation: Citation): string =>
  [citation.document_id, citation.page_place, citation.start_char_index, citation.end_char_index].join("/");

/** Citations with their numbers; the same words cited twice have one. */
export function numbered(all: Statement[]): Map<Citation, Numbered> {
  const numbers = new Map<string, Numbered>();
  const result = new Map<Citation, Numbered>();
  for (const citation of all.flatMap((statement) => statement.citations)) {
    const key = place(citation);
    const known = numbers.get(key) ?? { number: numbers.size + 1, citation };
    numbers.set(key, known);
    result.set(citation, known);
  }
  return result;
}

/** Statements as paragraphs and lists: those that begin with a dash or a star are items. */
export function blocks(all: Statement[]): { kind: "paragraph" | "list"; statements: Statement[] }[] {
  const result: { kind: "paragraph" | "list"; statements: Statement[] }[] = [];
  for (const statement of all) {
    const kind = /^[-*•]\s/.test(statement.text) ? "list" : "paragraph";
    const last = result.at(-1);
    if (last?.kind === kind) last.statements.push(statement);
    else result.push({ kind, statements: [statement] });
  }
  return result;
}

export const withoutBullet = (text: string): string => text.replace(/^[-*•]\s+/, "");

/** Where something stands, for people: the page, or the headings. */
export function locator(at: { page?: number | null | undefined; headings: string[]; title: string }): string {
  const headings = at.headings.filter((heading) => heading !== at.title);
  const parts = [at.page ? `page ${at.page}` : "", headings.join(" › ")];
  return parts.filter(Boolean).join(", ");
}

export const citationLocator = (citation: Citation): string =>
  locator({ page: citation.start_page_number, headings: citation.heading_path, title: citation.title });

export const sourceLocator = (source: Source): string =>
  locator({ page: source.page_number, headings: source.heading_path, title: source.title });

/** `1 page`, `2 pages`. */
export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${count.toLocaleString("en-GB")} ${count === 1 ? one : many}`;

const DAY_MS = 86_400_000;

/** The heading that a question of this day stands under. */
export function day(at: string, now: Date): string {
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate()).getTime();
  const time = Date.parse(at);
  if (time >= midnight) return "Today";
  if (time >= midnight - DAY_MS) return "Yesterday";
  if (time >= midnight - 6 * DAY_MS) return "Last seven days";
  return new Date(time).toLocaleDateString("en-GB", { month: "long", year: "numeric" });
}

export const moment = (at: string): string =>
  new Date(at).toLocaleString("en-GB", { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });

export function size(bytes: number): string {
  if (bytes < 1_000) return counted(bytes, "byte");
  if (bytes < 1_000_000) return `${Math.round(bytes / 1_000)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

export const duration = (milliseconds: number): string =>
  milliseconds < 1_000 ? `${Math.max(1, Math.round(milliseconds))} ms` : `${(milliseconds / 1_000).toFixed(1)} s`;
