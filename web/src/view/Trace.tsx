import { useState } from "preact/hooks";
import { api, explained, got } from "../api";
import { counted, duration } from "../text";
import { Down } from "./icons";

/** How an answer came about, as the server keeps it beside the answer. */
interface TraceBody {
  question: string;
  generation: string;
  generator: string;
  candidates: Candidate[];
  statements: { text: string; kept: boolean; quotes: { passage: number; quote: string; result: string }[] }[];
  missing: string | null;
  timings: { embed_ms: number; search_ms: number; generate_ms: number; total_ms: number };
}

interface Candidate {
  rank: number;
  chunk_id: string;
  filename: string;
  page: number | null;
  heading_path: string[];
  score: number;
  bm25: number | null;
  dense: number | null;
  fate: string;
}

/** "Why this answer": fetched when it is opened. */
export function Trace({ id }: { id: string }) {
  const [trace, setTrace] = useState<TraceBody>();
  const [refusal, setRefusal] = useState("");
  const open = (event: Event) => {
    if (!(event.currentTarget as HTMLDetailsElement).open || trace) return;
    got(api.GET("/v1/queries/{id}/trace", { params: { path: { id } } })).then(
      (found) => setTrace(found as unknown as TraceBody),
      (error) => setRefusal(explained(error)),
    );
  };
  return (
    <details class="trace" onToggle={open}>
      <summary>
        Why this answer <Down />
      </summary>
      {refusal && <p role="alert" class="caveat">{refusal}</p>}
      {trace && <Told trace={trace} />}
    </details>
  );
}

function Told({ trace }: { trace: TraceBody }) {
  return (
    <div class="trace-body">
      <Times {...trace.timings} />
      <h3>What was written, and what became of its quotes</h3>
      {trace.statements.length === 0 && <p>Nothing: no passage answers the question.</p>}
      <ol class="checks">
        {trace.statements.map((one, index) => (
          <li key={index} class={one.kept ? "kept" : "dropped"}>
            <p>
              {one.text} <span class="check">{one.kept ? "kept" : "left out"}</span>
            </p>
            {one.quotes.map((quote, at) => (
              <p key={at} class="check-quote">
                “{quote.quote}” <span class={`check ${quote.result.startsWith("dropped") ? "repaired" : ""}`}>{quote.result}</span>
              </p>
            ))}
          </li>
        ))}
      </ol>
      {trace.missing && <p>Missing, in the words of {trace.generator}: {trace.missing}</p>}
      <h3>Passages that were considered</h3>
      <div class="table" tabIndex={0} role="group" aria-label="Passages that were considered">
        <table>
          <thead>
            <tr>
              <th scope="col">Rank</th>
              <th scope="col">Passage</th>
              <th scope="col">Words</th>
              <th scope="col">Meaning</th>
              <th scope="col">Fate</th>
            </tr>
          </thead>
          <tbody>
            {trace.candidates.map((candidate) => (
              <Row key={candidate.chunk_id} {...candidate} />
            ))}
          </tbody>
        </table>
      </div>
      <p class="fine">
        Words: BM25. Meaning: cosine similarity. {counted(trace.candidates.length, "passage")}, generation {trace.generation}.
      </p>
    </div>
  );
}

function Row(candidate: Candidate) {
  const place = candidate.page ? `page ${candidate.page}` : (candidate.heading_path.at(-1) ?? "");
  return (
    <tr class={candidate.fate === "used" ? "" : "unused"}>
      <td>{candidate.rank}</td>
      <td>
        {candidate.filename} <span class="place-in">{place}</span>
      </td>
      <td>{candidate.bm25?.toFixed(1) ?? "–"}</td>
      <td>{candidate.dense?.toFixed(2) ?? "–"}</td>
      <td>{candidate.fate}</td>
    </tr>
  );
}

function Times({ embed_ms, search_ms, generate_ms, total_ms }: TraceBody["timings"]) {
  const rows = [
    ["Understanding the question", embed_ms],
    ["Searching", search_ms],
    ["Answering and checking", generate_ms],
  ] as const;
  return (
    <>
      <h3>{duration(total_ms)} of work</h3>
      <dl class="times">
        {rows.map(([name, time]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <meter min={0} max={Math.max(total_ms, 1)} value={time} aria-hidden="true" />
              {duration(time)}
            </dd>
          </div>
        ))}
      </dl>
    </>
  );
}
