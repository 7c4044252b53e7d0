import { useState } from "preact/hooks";
import { explained } from "../api";
import { type Asked, collections, forget, decision, hasOlder, history, historyLoaded, isMenuOpen, link, loadHistory, route } from "../state";
import { day } from "../text";
import { Bin, Book, Close, Plus } from "./icons";
import { focusAsk } from "./Ask";

export function History() {
  const at = route.value.at;
  return (
    <div id="menu" class="menu">
      <div class="menu-head">
        <a class="brand" href="#/">Docent</a>
        <button type="button" class="quiet only-narrow" aria-label="Close the list" onClick={() => (isMenuOpen.value = false)}>
          <Close />
        </button>
      </div>
      <nav aria-label="Places" class="places">
        <a href="#/" class="place" aria-current={at === "ask" ? "page" : undefined} onClick={focusAsk}>
          <Plus /> New question
        </a>
        <a href="#/documents" class="place" aria-current={at === "documents" ? "page" : undefined}>
          <Book /> Documents
        </a>
      </nav>
      <nav aria-label="Your questions" class="history">
        <Entries />
        {hasOlder.value && <Older />}
      </nav>
      <p class="menu-foot">
        <a href="docs">For programs</a>
      </p>
    </div>
  );
}

function Entries() {
  const all = history.value;
  if (all.length === 0) {
    return historyLoaded.value ? <p class="hint">Your questions will be listed here, newest first.</p> : null;
  }
  const now = new Date();
  const days = new Map<string, Asked[]>();
  for (const one of all) {
    const heading = day(one.query.created_at, now);
    days.set(heading, [...(days.get(heading) ?? []), one]);
  }
  return (
    <>
      {[...days].map(([heading, entries]) => (
        <section key={heading}>
          <h2>{heading}</h2>
          <ul>
            {entries.map((entry) => (
              <Entry key={entry.query.id} {...entry} />
            ))}
          </ul>
        </section>
      ))}
    </>
  );
}

function Entry({ query }: Asked) {
  const where = route.value;
  const isHere = where.at === "query" && where.id === query.id;
  const remove = () => {
    decision.value = {
      title: "Delete this question?",
      text: `“${query.query}”, its answer and how it came about will be gone.`,
      verb: "Delete",
      act: () => forget(query.id),
    };
  };
  return (
    <li class="entry">
      <a href={link({ at: "query", id: query.id })} aria-current={isHere ? "page" : undefined}>
        <span class="entry-text">{query.query}</span>
        <State query={query} />
      </a>
      <button type="button" class="quiet entry-delete" aria-label={`Delete the question: ${query.query}`} onClick={remove}>
        <Bin />
      </button>
    </li>
  );
}

const STATES = {
  queued: ["waiting", "Waiting"],
  in_progress: ["running", "Being answered"],
  completed: ["", ""],
  failed: ["failed", "Failed"],
  cancelled: ["cancelled", "Cancelled"],
} as const;

function State({ query }: Pick<Asked, "query">) {
  const [kind, words] = STATES[query.status];
  const named = query.outcome === "not_found" ? "Not in the documents" : query.outcome === "partial" ? "Answered in part" : words;
  const where = (collections.value?.length ?? 0) > 1 ? query.collection : "";
  if (!named && !where) return null;
  return (
    <span class={`entry-state ${kind}`}>
      {[named, where].filter(Boolean).join(" · ")}
    </span>
  );
}

function Older() {
  const [refusal, setRefusal] = useState("");
  return (
    <>
      <button type="button" class="quiet more" onClick={() => loadHistory("older").catch((error) => setRefusal(explained(error)))}>
        Older questions
      </button>
      {refusal && <p role="alert" class="hint">{refusal}</p>}
    </>
  );
}
