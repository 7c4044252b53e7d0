import { signal } from "@preact/signals";
import { useEffect, useLayoutEffect, useState } from "preact/hooks";
import { explained, keyWanted, reachable } from "../api";
import { backFromReader, closeReader, go, isMenuOpen, loadCollections, loadHistory, reading, route } from "../state";
import { Ask, focusAsk } from "./Ask";
import { Confirm } from "./Confirm";
import { Documents } from "./Documents";
import { History } from "./History";
import { KeyPrompt } from "./KeyPrompt";
import { QuoteCard, card, hideCard } from "./QuoteCard";
import { Reader } from "./Reader";
import { loadUploads } from "../uploads";
import { Menu } from "./icons";
import { Question } from "./Question";

const trouble = signal("");

function begin(): void {
  const failed = (error: unknown) => (trouble.value = explained(error));
  loadCollections().catch(failed);
  loadHistory("newest").catch(failed);
  loadUploads().catch(failed);
}

function onKey(event: KeyboardEvent): void {
  if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    go({ at: "ask" });
    focusAsk();
  }
  if (event.key === "Escape" && !document.querySelector("dialog[open]")) {
    if (card.value) hideCard(0);
    else if (reading.value) closeReader();
    else isMenuOpen.value = false;
  }
}

/** As in the style sheets: below this, one thing is shown at a time. */
const NARROW = matchMedia("(max-width: 52rem)");

function useNarrow(): boolean {
  const [isNarrow, setNarrow] = useState(NARROW.matches);
  useEffect(() => {
    const look = () => setNarrow(NARROW.matches);
    NARROW.addEventListener("change", look);
    return () => NARROW.removeEventListener("change", look);
  }, []);
  return isNarrow;
}

export function Shell() {
  const isCovered = useNarrow() && (reading.value !== undefined || isMenuOpen.value);
  const isReading = reading.value !== undefined;
  useLayoutEffect(() => {
    if (!isReading) backFromReader();
  }, [isReading]);
  useEffect(() => {
    begin();
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
  return (
    <div class={`frame ${isReading ? "is-reading" : ""} ${isMenuOpen.value ? "is-menu-open" : ""}`}>
      <button type="button" class="skip" onClick={() => document.getElementById("main")?.focus()}>
        Skip to the content
      </button>
      <header class="bar" inert={isCovered}>
        <button type="button" class="quiet" aria-expanded={isMenuOpen.value} aria-controls="menu" onClick={() => (isMenuOpen.value = !isMenuOpen.value)}>
          <Menu />
          <span>Questions</span>
        </button>
        <a class="brand" href="#/">Docent</a>
      </header>
      <History />
      <button type="button" class="veil" tabIndex={-1} aria-hidden="true" onClick={() => (isMenuOpen.value = false)} />
      <Main isCovered={isCovered} />
      <Reader />
      <QuoteCard />
      <Confirm />
      <KeyPrompt />
    </div>
  );
}

function Main({ isCovered }: { isCovered: boolean }) {
  const where = route.value;
  return (
    <main id="main" tabIndex={-1} inert={isCovered}>
      <div role="status" class="notices">
        {!reachable.value && keyWanted.value === "no" && <p class="notice">The server does not answer. Trying again …</p>}
        {trouble.value && reachable.value && <p class="notice">{trouble.value}</p>}
      </div>
      {where.at === "ask" && <Ask />}
      {where.at === "query" && <Question key={where.id} id={where.id} />}
      {where.at === "documents" && <Documents />}
    </main>
  );
}
