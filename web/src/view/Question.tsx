import { useEffect, useRef, useState } from "preact/hooks";
import { type Query, type Source, explained } from "../api";
import { type Asked, askAgain, asked, cancel, decision, find, forget, isOver, link, ofSource, openReader, watch } from "../state";
import { counted, duration, moment, numbered, sourceLocator, statements } from "../text";
import { Answer, Evidence } from "./Answer";
import { AskBox } from "./Ask";
import { Feedback } from "./Feedback";
import { Trace } from "./Trace";
import { Again, Bin, Copy, Stop } from "./icons";

export function Question({ id }: { id: string }) {
  const [trouble, setTrouble] = useState("");
  const known = asked.value.get(id);
  const isWaiting = known !== undefined && !isOver(known.query);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    find(id).then(
      (isThere) => setTrouble(isThere ? "" : "There is no such question. It may have been deleted."),
      (error) => setTrouble(explained(error)),
    );
  }, [id]);
  useEffect(() => {
    if (!isWaiting) return;
    const stop = new AbortController();
    void watch(id, stop.signal);
    return () => stop.abort();
  }, [id, isWaiting]);
  useEffect(() => {
    if (!known) return;
    document.title = `${known.query.query} · Docent`;
    heading.current?.focus({ preventScroll: true });
  }, [known !== undefined]);

  if (!known) return trouble ? <p class="notice">{trouble}</p> : <p class="opening">Looking …</p>;
  return (
    <article class="question-view">
      <Before query={known.query} />
      <h1 ref={heading} tabIndex={-1}>{known.query.query}</h1>
      <Progress {...known} />
      <Body {...known} />
      <Actions query={known.query} />
      {isOver(known.query) && (
        <div class="next">
          <AskBox label="Your next question" before={known.query} />
        </div>
      )}
    </article>
  );
}

/** The question that this one follows, if it is in the list. */
function Before({ query }: { query: Query }) {
  const before = asked.value.get(query.previous_query_id ?? "");
  if (!before) return null;
  return (
    <p class="before">
      Follows <a href={link({ at: "query", id: before.query.id })}>{before.query.query}</a>
    </p>
  );
}

/** One line that says how far it is, read out as it changes. */
function Progress(known: Asked) {
  const { query } = known;
  return (
    <div class={`progress ${isOver(query) ? "" : "is-running"} ${query.outcome ?? query.status}`}>
      <p role="status">{stage(known)}</p>
      {!isOver(query) && (
        <button type="button" class="quiet" onClick={() => void cancel(query.id).catch(() => undefined)}>
          <Stop /> Stop
        </button>
      )}
    </div>
  );
}

function stage({ query, sources, statements: arrived }: Asked): string {
  switch (query.status) {
    case "queued":
      return "Waiting for its turn";
    case "in_progress":
      if (arrived.length > 0) return `Writing, and checking each quote: ${counted(arrived.length, "statement")} so far`;
      return sources.length > 0 ? `Reading ${counted(sources.length, "passage")}` : `Searching in ${query.collection}`;
    case "cancelled":
      return "Stopped before there was an answer";
    case "failed":
      return "This question could not be answered";
    case "completed":
      if (query.answer_erased) return "Erased with a document it was made from";
      return `${OUTCOMES[query.outcome ?? "answered"]} · ${took(query)}`;
  }
}

const OUTCOMES = {
  answered: "Answered, every statement with a quote",
  partial: "Answered in part",
  not_found: "Not in the documents",
} as const;

const took = (query: Query): string => duration(Date.parse(query.completed_at ?? query.created_at) - Date.parse(query.created_at));

function Body(known: Asked) {
  const { query } = known;
  if (query.status === "failed") return <Failure query={query} />;
  if (query.status === "cancelled") return null;
  if (query.answer_erased) return <p class="answer plain">{query.answer}</p>;
  if (query.outcome === "not_found") return <NotFound query={query} />;
  const all = query.status === "completed" ? statements(query) : known.statements;
  const numbers = numbered(all);
  return (
    <>
      <Answer statements={all} numbers={numbers} where={query.collection} isRunning={!isOver(query)} />
      {query.outcome === "partial" && (
        <p class="caveat">
          This answer is not complete: what had no quote in the documents was left out. “Why this answer” shows what and why.
        </p>
      )}
      <Evidence numbers={numbers} where={query.collection} />
    </>
  );
}

function Failure({ query }: { query: Query }) {
  const { message = "The reason is not known", hint } = query.error ?? {};
  return (
    <div class="caveat">
      <p>{message.charAt(0).toUpperCase() + message.slice(1)}.</p>
      {hint && <p>{hint.charAt(0).toUpperCase() + hint.slice(1)}.</p>}
    </div>
  );
}

function NotFound({ query }: { query: Query }) {
  return (
    <>
      <p class="answer plain">{query.answer}</p>
      {query.sources.length > 0 && (
        <section class="nearest" aria-labelledby="nearest-title">
          <h2 id="nearest-title">The nearest passages</h2>
          <ol>
            {query.sources.map((source) => (
              <Passage key={source.chunk_id} source={source} where={query.collection} />
            ))}
          </ol>
        </section>
      )}
    </>
  );
}

function Passage({ source, where }: { source: Source; where: string }) {
  return (
    <li>
      <button type="button" class="passage" onClick={(event) => openReader(ofSource(source, where), event.currentTarget)}>
        <span class="passage-title">{source.title}</span>
        <span class="passage-place">{sourceLocator(source)}</span>
        <span class="passage-text">{source.text}</span>
        {source.source_deleted && <span class="check lost">source deleted</span>}
      </button>
    </li>
  );
}

function Actions({ query }: { query: Query }) {
  const [said, setSaid] = useState("");
  if (!isOver(query)) return null;
  const copy = () =>
    navigator.clipboard.writeText(plainText(query)).then(
      () => setSaid("Copied"),
      () => setSaid("This browser does not allow it"),
    );
  const remove = () => {
    decision.value = {
      title: "Delete this question?",
      text: "The question, its answer and how it came about will be gone.",
      verb: "Delete",
      act: () => forget(query.id),
    };
  };
  return (
    <footer class="actions">
      <div class="action-row">
        {query.status === "completed" && <Feedback query={query} />}
        {query.outcome && query.outcome !== "not_found" && (
          <button type="button" class="quiet" onClick={copy}>
            <Copy /> Copy
          </button>
        )}
        <button type="button" class="quiet" onClick={() => askAgain(query).catch((error) => setSaid(explained(error)))}>
          <Again /> Ask again
        </button>
        <button type="button" class="quiet" onClick={remove}>
          <Bin /> Delete
        </button>
        <span role="status" class="said">{said}</span>
      </div>
      {query.status === "completed" && !query.answer_erased && <Trace id={query.id} />}
      <p class="fine">
        Asked {moment(query.created_at)} in {query.collection}
        {query.model && `, ${answerer(query.model)}`}
        {query.usage && query.usage.total_tokens > 0 && `, ${counted(query.usage.total_tokens, "token")}`}
      </p>
    </footer>
  );
}

const answerer = (model: string): string =>
  model === "quoting" ? "answered in the documents’ own sentences, without a language model" : `answered by ${model}`;

/** The answer with its quotes, as it goes into a message or a note. */
function plainText(query: Query): string {
  const all = statements(query);
  const numbers = numbered(all);
  const marks = (one: (typeof all)[number]) => one.citations.map((citation) => `[${numbers.get(citation)?.number}]`).join("");
  const answer = all.map((one) => `${one.text} ${marks(one)}`).join("\n");
  const quotes = [...new Set(numbers.values())].map(({ number, citation }) => {
    const page = citation.start_page_number ? `, page ${citation.start_page_number}` : "";
    return `[${number}] “${citation.cited_text}” (${citation.filename}${page})`;
  });
  return `${answer}\n\n${quotes.join("\n")}\n`;
}
