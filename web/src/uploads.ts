// Files on their way in: sent a few at a time, with how far each has come, until the server says what became of it.
import { signal } from "@preact/signals";
import { type Job, type Uploads, address, api, explained, got, problemOf, putFile, sendFile } from "./api";
import { random } from "./memory";
import { collection, loadCollections } from "./state";

/** Files that are sent at the same time. */
const AT_ONCE = 2;
/** Seconds that the server holds back an answer about a file that it is still reading. */
const WAIT_S = 20;

/** A file and how far it has come. */
export interface Sent {
  id: string;
  name: string;
  state: "waiting" | "sending" | "reading" | "done" | "refused";
  /** Of its bytes, from 0 to 1. */
  share: number;
  /** What became of it, in words. */
  said: string;
}

export const uploads = signal<Uploads | undefined>(undefined);
export const sent = signal<Sent[]>([]);
/** Counts up whenever the list of documents has changed. */
export const arrivals = signal(0);

const waiting: { key: string; file: File; path: string; where: string | undefined }[] = [];
let running = 0;

export async function loadUploads(): Promise<void> {
  uploads.value = await got(api.GET("/v1/uploads"));
}

const change = (key: string, to: Partial<Sent>): void => {
  sent.value = sent.value.map((one) => (one.id === key ? { ...one, ...to } : one));
};

/** Takes away what has come to an end. */
export function clearEnded(): void {
  sent.value = sent.value.filter(({ state }) => state !== "done" && state !== "refused");
}

/** Sends files into the collection that is looked at. */
export function add(files: { file: File; path: string }[]): void {
  for (const { file, path } of files) {
    const key = random(8);
    sent.value = [...sent.value, { id: key, name: path, state: "waiting", share: 0, said: "" }];
    waiting.push({ key, file, path, where: collection.value });
  }
  while (running < AT_ONCE && waiting.length > 0) void work();
}

async function work(): Promise<void> {
  running += 1;
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    const { key } = next;
    try {
      const { state, said } = await bring(next);
      change(key, { state, said, share: 1 });
    } catch (error) {
      change(key, { state: "refused", said: explained(error) });
    }
    arrivals.value += 1;
    await loadCollections().catch(() => undefined);
  }
  running -= 1;
}

async function bring({ key, file, path, where }: (typeof waiting)[number]): Promise<Pick<Sent, "state" | "said">> {
  const most = uploads.value?.file_bytes_max;
  if (most && file.size > most) return { state: "refused", said: `It is larger than the ${Math.floor(most / 2 ** 20)} MiB that are read.` };
  change(key, { state: "sending" });
  const progress = (share: number) => change(key, share < 1 ? { share } : { share, state: "reading" });
  const isLarge = file.size > (uploads.value?.body_bytes_max ?? Infinity);
  const job = await (isLarge ? putThere(file, path, where, progress) : sendHere(file, path, where, progress));
  change(key, { state: "reading", share: 1 });
  return told(await end(job));
}

type Progress = (share: number) => void;

async function sendHere(file: File, path: string, where: string | undefined, progress: Progress): Promise<Job> {
  const parts = path.split("/").map(encodeURIComponent).join("/");
  const inside = where ? `?collection=${encodeURIComponent(where)}` : "";
  const answer = await sendFile(address(`/v1/documents/${parts}${inside}`), file, progress);
  if (answer.status >= 300) throw problemOf(answer);
  return answer.body as Job;
}

/** A file that is too large for a request to this server goes where the server says. */
async function putThere(file: File, path: string, collection: string | undefined, progress: Progress): Promise<Job> {
  const body = { path, bytes: file.size, ...(collection ? { collection } : {}) };
  const { url, headers, job } = await got(api.POST("/v1/uploads", { body }));
  if (!job) return sendHere(file, path, collection, progress);
  const answer = await putFile(url, file, headers, progress);
  if (answer.status >= 300) throw problemOf(answer);
  return job;
}

async function end(job: Job): Promise<Job> {
  while (!job.completed_at) {
    job = await got(api.GET("/v1/jobs/{id}", { params: { path: { id: job.id }, query: { wait: WAIT_S } } }));
  }
  return job;
}

const OUTCOMES: Record<string, string> = {
  added: "Added",
  updated: "Replaces the version of before",
  unchanged: "Was there already, the same",
  partial: "Added, but some pages could not be read",
};

function told({ report, error }: Job): Pick<Sent, "state" | "said"> {
  const known = report && OUTCOMES[report.outcome];
  if (known) return { state: "done", said: known };
  return { state: "refused", said: reason(report?.reason ?? error?.message ?? "The reason is not known") };
}

/** A refusal as a sentence: `no_text: 3 pages, none with text` without the word for programs. */
export function reason(text: string): string {
  const words = text.replace(/^[a-z_]+: /, "");
  return words.charAt(0).toUpperCase() + words.slice(1) + (/[.?!]$/.test(words) ? "" : ".");
}

/** The files of a drop, those in folders too, with their paths. */
export async function dropped(items: DataTransferItemList): Promise<{ file: File; path: string }[]> {
  // The list is gone after the first wait.
  const found = Array.from(items, (item) => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() }));
  const files = await Promise.all(found.map(({ entry, file }) => (entry ? inEntry(entry) : file ? [{ file, path: file.name }] : [])));
  return files.flat().filter(({ file }) => !file.name.startsWith("."));
}

async function inEntry(entry: FileSystemEntry): Promise<{ file: File; path: string }[]> {
  const path = entry.fullPath.replace(/^\//, "");
  if (entry.isFile) {
    const file = await new Promise<File>((found, failed) => (entry as FileSystemFileEntry).file(found, failed));
    return [{ file, path }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    // A reader hands out a part at a time.
    const part = await new Promise<FileSystemEntry[]>((found, failed) => reader.readEntries(found, failed));
    if (part.length === 0) break;
    all.push(...part);
  }
  return (await Promise.all(all.map(inEntry))).flat();
}
