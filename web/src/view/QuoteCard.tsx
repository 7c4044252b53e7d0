import { signal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Citation } from "../api";
import { citationLocator } from "../text";
import { Verification } from "./Answer";

const SHOW_AFTER_MS = 120;
/** Long enough for the pointer to reach the card. */
const HIDE_AFTER_MS = 180;
const MARGIN_PX = 12;

export const card = signal<{ citation: Citation; mark: HTMLElement } | undefined>(undefined);
let timer: ReturnType<typeof setTimeout> | undefined;

function soon(milliseconds: number, what: () => void): void {
  clearTimeout(timer);
  timer = setTimeout(what, milliseconds);
}

export const showCard = (citation: Citation, mark: HTMLElement): void => soon(SHOW_AFTER_MS, () => (card.value = { citation, mark }));
export const hideCard = (after = HIDE_AFTER_MS): void => soon(after, () => (card.value = undefined));

/** The quote behind a number, beside it, for as long as the pointer or the keyboard is on it. */
export function QuoteCard() {
  const box = useRef<HTMLDivElement>(null);
  const shown = card.value;
  useLayoutEffect(() => {
    if (shown && box.current) placeBeside(shown.mark, box.current);
  }, [shown]);
  if (!shown) return null;
  const { citation } = shown;
  return (
    <div ref={box} role="tooltip" class="quote-card" onPointerEnter={() => clearTimeout(timer)} onPointerLeave={() => hideCard()}>
      <p class="quote-words">{citation.cited_text}</p>
      <p class="quote-place">
        <b>{citation.title}</b> {citationLocator(citation)}
      </p>
      <Verification citation={citation} />
    </div>
  );
}

/** Below the mark if there is room, else above; never beyond the window. */
function placeBeside(mark: HTMLElement, box: HTMLElement): void {
  const at = mark.getBoundingClientRect();
  const { width, height } = box.getBoundingClientRect();
  const left = Math.min(Math.max(at.left - 24, MARGIN_PX), innerWidth - width - MARGIN_PX);
  const below = at.bottom + 8;
  const top = below + height < innerHeight - MARGIN_PX ? below : Math.max(at.top - height - 8, MARGIN_PX);
  box.style.left = `${left}px`;
  box.style.top = `${top}px`;
}
