import type { Citation } from "../api";
import type { Statement } from "../events";
import { ofCitation, openReader, reading } from "../state";
import { type Numbered, blocks, citationLocator, withoutBullet } from "../text";
import { hideCard, showCard } from "./QuoteCard";

interface Shown {
  numbers: Map<Citation, Numbered>;
  where: string;
}

/** The statements, each followed by the numbers of its quotes. */
export function Answer({ statements, isRunning, ...shown }: Shown & { statements: Statement[]; isRunning: boolean }) {
  if (statements.length === 0) return isRunning ? <Outline /> : null;
  return (
    <div class={`answer ${isRunning ? "is-running" : ""}`} aria-busy={isRunning}>
      {blocks(statements).map(({ kind, statements: own }, index) =>
        kind === "list" ? (
          <ul key={index}>
            {own.map((one, at) => (
              <li key={at}>
                <One statement={one} {...shown} />
              </li>
            ))}
          </ul>
        ) : (
          <p key={index}>
            {own.map((one, at) => (
              <One key={at} statement={one} {...shown} />
            ))}
          </p>
        ),
      )}
    </div>
  );
}

/** Where the answer will stand. */
function Outline() {
  return (
    <div class="outline" aria-hidden="true">
      <span />
      <span />
      <span />
    </div>
  );
}

function One({ statement, numbers, where }: Shown & { statement: Statement }) {
  const own = [...new Set(statement.citations.map((citation) => numbers.get(citation)))];
  return (
    <span class="statement">
      {withoutBullet(statement.text)}
      <span class="marks">
        {own.map((one) => one && <Mark key={one.number} {...one} where={where} />)}
      </span>{" "}
    </span>
  );
}

function Mark({ number, citation, where }: Numbered & { where: string }) {
  const place = citationLocator(citation);
  return (
    <button
      type="button"
      class="mark"
      aria-label={`Quote ${number}, ${citation.title}${place && `, ${place}`}`}
      aria-pressed={isOpen(citation)}
      onPointerEnter={(event) => event.pointerType === "mouse" && showCard(citation, event.currentTarget)}
      onPointerLeave={() => hideCard()}
      onFocus={(event) => event.currentTarget.matches(":focus-visible") && showCard(citation, event.currentTarget)}
      onBlur={() => hideCard()}
      onClick={(event) => {
        hideCard(0);
        openReader(ofCitation(citation, where), event.currentTarget);
      }}
    >
      {number}
    </button>
  );
}

function isOpen(citation: Citation): boolean {
  const open = reading.value;
  const marked = open?.marked;
  return (
    open?.documentId === citation.document_id &&
    marked?.kind === "quote" &&
    marked.place === citation.page_place &&
    marked.start === citation.start_char_index
  );
}

/** The quotes in full, in the order of their numbers. */
export function Evidence({ numbers, where }: Shown) {
  const all = [...new Set(numbers.values())];
  if (all.length === 0) return null;
  return (
    <section class="evidence" aria-labelledby="evidence-title">
      <h2 id="evidence-title">Quotes</h2>
      <ol>
        {all.map(({ number, citation }) => (
          <li key={number}>
            <button type="button" class="quote" aria-pressed={isOpen(citation)} onClick={(event) => openReader(ofCitation(citation, where), event.currentTarget)}>
              <span class="quote-number" aria-hidden="true">{number}</span>
              <span class="quote-body">
                <span class="quote-words">{citation.cited_text}</span>
                <span class="quote-place">
                  <b>{citation.title}</b> {citationLocator(citation)}
                </span>
                <Verification citation={citation} />
              </span>
            </button>
          </li>
        ))}
      </ol>
      <p class="fine">A checked quote stands in the document. Whether it settles your question is for you to judge.</p>
    </section>
  );
}

export function Verification({ citation }: { citation: Citation }) {
  if (citation.source_deleted) return <span class="check lost">source deleted: its document has been removed since</span>;
  return citation.verification === "repaired" ? (
    <span class="check repaired">the page's own words, in place of a quote that was nearly right</span>
  ) : (
    <span class="check">checked word for word</span>
  );
}
