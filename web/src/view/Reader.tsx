import { useEffect, useRef, useState } from "preact/hooks";
import { type Document, type Page, Problem, api, explained, got } from "../api";
import { formatOf } from "../formats";
import { type Reading, closeReader, reading } from "../state";
import { locator, slice } from "../text";
import { Close, Left, Right } from "./icons";

/** The text of a page, with the quote marked on it. */
export function Reader() {
  const open = reading.value;
  return open ? <Open key={open.documentId} {...open} /> : null;
}

interface Loaded {
  place: number;
  page?: Page;
  refusal?: string;
}

function Open(open: Reading) {
  const [loaded, setLoaded] = useState<Loaded>();
  const document = useDocument(open);
  const heading = useRef<HTMLHeadingElement>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const { collection, documentId, place, marked } = open;
  useEffect(() => heading.current?.focus({ preventScroll: true }), [documentId, marked]);
  useEffect(() => {
    let isCurrent = true;
    const found = (state: Omit<Loaded, "place">) => isCurrent && setLoaded({ place, ...state });
    const path = { id: documentId, place };
    got(api.GET("/v1/documents/{id}/pages/{place}", { params: { path, query: { collection } } })).then(
      (page) => found({ page }),
      (error) => found({ refusal: gone(error) }),
    );
    return () => void (isCurrent = false);
  }, [collection, documentId, place]);
  useEffect(() => {
    const mark = scroller.current?.querySelector("mark");
    if (mark) mark.scrollIntoView({ block: "center" });
    else scroller.current?.scrollTo(0, 0);
  }, [loaded, marked]);

  const page = loaded?.place === place ? loaded.page : undefined;
  return (
    <aside class="reader" aria-labelledby="reader-title">
      <header class="reader-head">
        <div>
          <h2 id="reader-title" ref={heading} tabIndex={-1}>{open.title}</h2>
          <p class="reader-place">{page ? placeName(page, open) : open.filename}</p>
        </div>
        <button type="button" class="quiet" aria-label="Close the document" onClick={closeReader}>
          <Close />
        </button>
      </header>
      <div class="reader-text" ref={scroller} tabIndex={0} role="group" aria-label="Text of the page">
        {page && <Text page={page} open={open} />}
        {loaded?.refusal && <Lost refusal={loaded.refusal} words={marked?.words} />}
      </div>
      {document && document.pages > 1 && <Turner open={open} document={document} />}
    </aside>
  );
}

function useDocument({ collection, documentId }: Reading): Document | undefined {
  const [document, setDocument] = useState<Document>();
  useEffect(() => {
    const params = { path: { id: documentId }, query: { collection } };
    got(api.GET("/v1/documents/{id}", { params })).then(setDocument, () => undefined);
  }, [collection, documentId]);
  return document;
}

const gone = (error: unknown): string =>
  error instanceof Problem && error.status === 404 ? "This document is not in the collection any more." : explained(error);

function placeName(page: Page, open: Reading): string {
  const where = locator({ page: page.page_number, headings: page.heading_path, title: open.title });
  return [open.filename, where].filter(Boolean).join(" · ");
}

/** A document that was read in anew may have moved the words: they are looked for before they are marked. */
function Text({ page, open }: { page: Page; open: Reading }) {
  const marked = open.marked?.place === open.place ? open.marked : undefined;
  if (page.text.trim() === "") return <p class="caveat">No text could be read from this page.</p>;
  if (!marked) return <p class="page-text">{page.text}</p>;
  const { start, end, words, kind } = marked;
  const before = slice(page.text, 0, start);
  const found = slice(page.text, start, end) === words ? before.length : page.text.indexOf(words);
  if (found < 0) {
    return (
      <>
        <p class="caveat">The document has changed since; these words do not stand here any more: “{words}”</p>
        <p class="page-text">{page.text}</p>
      </>
    );
  }
  return (
    <p class="page-text">
      {page.text.slice(0, found)}
      <mark class={`of-${kind}`}>{page.text.slice(found, found + words.length)}</mark>
      {page.text.slice(found + words.length)}
    </p>
  );
}

function Lost({ refusal, words }: { refusal: string; words: string | undefined }) {
  return (
    <div class="caveat" role="alert">
      <p>{refusal}</p>
      {words && <p>It said: “{words}”</p>}
    </div>
  );
}

function Turner({ open, document }: { open: Reading; document: Document }) {
  const turn = (by: number) => (reading.value = { ...open, place: open.place + by });
  const { part } = formatOf(document.format);
  const unit = part[0]?.toUpperCase() + part.slice(1);
  return (
    <nav class="turner" aria-label={`${unit}s of the document`}>
      <button type="button" class="quiet" aria-label={`${unit} before`} disabled={open.place <= 1} onClick={() => turn(-1)}>
        <Left />
      </button>
      <span role="status">
        {unit} {open.place} of {document.pages}
      </span>
      <button type="button" class="quiet" aria-label={`Next ${part}`} disabled={open.place >= document.pages} onClick={() => turn(1)}>
        <Right />
      </button>
    </nav>
  );
}
