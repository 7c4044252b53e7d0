import { useEffect, useRef, useState } from "preact/hooks";
import { type Query, explained } from "../api";
import { random } from "../memory";
import { ask, choose, collection, collections } from "../state";
import { counted } from "../text";
import { uploads } from "../uploads";
import { Up } from "./icons";

const CHARACTERS_MAX = 2_000;
/** From here on the number of characters is shown. */
const CHARACTERS_MANY = 1_600;

/** Puts the keyboard into the question box, once it is there. */
export function focusAsk(): void {
  requestAnimationFrame(() => document.getElementById("question")?.focus());
}

export function Ask() {
  useEffect(() => {
    document.title = "Docent";
  }, []);
  const isEmpty = collections.value?.length === 0;
  return (
    <section class="ask-view">
      <h1>Ask your documents</h1>
      <p class="lede">Every sentence of an answer comes with a quote that was looked up on its page.</p>
      {isEmpty ? <NoDocuments /> : <AskBox autofocus />}
      <Inventory />
    </section>
  );
}

function NoDocuments() {
  return (
    <div class="empty">
      <h2>There are no documents yet</h2>
      {uploads.value?.enabled && (
        <p>
          <a href="#/documents">Upload some</a>, or read them in from a terminal and load this page again:
        </p>
      )}
      {!uploads.value?.enabled && <p>Read some in from a terminal, then load this page again:</p>}
      <pre>docent ingest FOLDER</pre>
    </div>
  );
}

function Inventory() {
  const all = collections.value ?? [];
  const here = all.find(({ name }) => name === collection.value);
  if (!here) return null;
  return (
    <p class="inventory">
      <a href="#/documents">{counted(here.documents, "document")}</a> in {all.length > 1 ? <CollectionChoice /> : <b>{here.name}</b>}
    </p>
  );
}

export function CollectionChoice() {
  const all = collections.value ?? [];
  return (
    <select class="choice" aria-label="Collection" value={collection.value} onChange={(event) => choose(event.currentTarget.value)}>
      {all.map(({ name }) => (
        <option key={name} value={name}>
          {name}
        </option>
      ))}
    </select>
  );
}

/** The question box. What could not be sent stays in it. */
export function AskBox({ autofocus, label = "Your question", before }: { autofocus?: boolean; label?: string; before?: Query }) {
  const [text, setText] = useState("");
  const [refusal, setRefusal] = useState("");
  const [isSending, setSending] = useState(false);
  const attempt = useRef(random(16));
  const box = useRef<HTMLTextAreaElement>(null);
  const length = Array.from(text).length;
  useEffect(() => {
    if (autofocus) box.current?.focus();
  }, []);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    element.style.height = "auto";
    element.style.height = `${element.scrollHeight}px`;
  }, [text]);

  async function submit(event?: Event): Promise<void> {
    event?.preventDefault();
    if (isSending || text.trim() === "") return box.current?.focus();
    setSending(true);
    setRefusal("");
    try {
      await ask(text.trim(), attempt.current, before);
      attempt.current = random(16);
      setText("");
    } catch (error) {
      setRefusal(explained(error));
    }
    setSending(false);
  }

  return (
    <form class="ask-box" onSubmit={submit}>
      <textarea
        id="question"
        ref={box}
        rows={1}
        value={text}
        placeholder="Ask a question"
        aria-label={label}
        aria-describedby="question-note"
        aria-invalid={length > CHARACTERS_MAX}
        enterkeyhint="send"
        onInput={(event) => {
          setText(event.currentTarget.value);
          attempt.current = random(16);
        }}
        onKeyDown={(event) => {
          if (event.key === "Enter" && !event.shiftKey && !event.isComposing) void submit(event);
        }}
      />
      <button type="submit" class="send" aria-label="Ask" disabled={isSending || length > CHARACTERS_MAX}>
        <Up />
      </button>
      <p id="question-note" class="note" role="status">
        {refusal || (length > CHARACTERS_MANY && `${length.toLocaleString("en-GB")} of ${CHARACTERS_MAX.toLocaleString("en-GB")} characters`)}
      </p>
    </form>
  );
}
