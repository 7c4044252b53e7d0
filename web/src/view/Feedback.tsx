import { useState } from "preact/hooks";
import { type Query, api, explained, got } from "../api";
import { Bad, Good } from "./icons";

/** Thumbs up or down, and why. */
export function Feedback({ query }: { query: Query }) {
  const [given, setGiven] = useState(query.feedback?.helpful);
  const [isAsking, setAsking] = useState(false);
  const [reason, setReason] = useState(query.feedback?.reason ?? "");
  const [said, setSaid] = useState("");

  async function give(helpful: boolean, why?: string): Promise<void> {
    setGiven(helpful);
    try {
      const body = { helpful, ...(why ? { reason: why } : {}) };
      await got(api.POST("/v1/queries/{id}/feedback", { params: { path: { id: query.id } }, body }));
      setAsking(!why);
      setSaid(why ? "Thank you, that is kept with the question." : "");
    } catch (error) {
      setGiven(query.feedback?.helpful);
      setSaid(explained(error));
    }
  }

  return (
    <div class="feedback">
      <button type="button" class="quiet" aria-label="This answer helps" aria-pressed={given === true} onClick={() => give(true)}>
        <Good />
      </button>
      <button type="button" class="quiet" aria-label="This answer does not help" aria-pressed={given === false} onClick={() => give(false)}>
        <Bad />
      </button>
      {isAsking && given !== undefined && (
        <form
          class="reason"
          onSubmit={(event) => {
            event.preventDefault();
            if (reason.trim() === "") setAsking(false);
            else void give(given, reason.trim());
          }}
        >
          <input aria-label="Why?" placeholder={given ? "What helped? (optional)" : "What is wrong? (optional)"} value={reason} maxLength={1_000}
            onInput={(event) => setReason(event.currentTarget.value)} />
          <button type="submit" class="button">Send</button>
        </form>
      )}
      <span role="status" class="said">{said}</span>
    </div>
  );
}
