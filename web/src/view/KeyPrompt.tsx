import { useEffect, useRef, useState } from "preact/hooks";
import { giveKey, keyWanted } from "../api";

/** Asks for the key that the server asks for. It is kept until the tab is closed, and sent to this server alone. */
export function KeyPrompt() {
  const dialog = useRef<HTMLDialogElement>(null);
  const [key, setKey] = useState("");
  const wanted = keyWanted.value;
  useEffect(() => {
    if (wanted !== "no") dialog.current?.showModal();
    else dialog.current?.close();
  }, [wanted]);
  const submit = (event: Event) => {
    event.preventDefault();
    if (key.trim() === "") return;
    giveKey(key.trim());
    setKey("");
  };
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="key-title" onCancel={(event) => event.preventDefault()}>
      <form onSubmit={submit}>
        <h2 id="key-title">This server asks for a key</h2>
        <p>Whoever runs it can give you one. It is forgotten when you close this tab.</p>
        <label class="field">
          Key
          <input type="password" name="key" autocomplete="off" spellcheck={false} value={key} aria-describedby="key-note"
            onInput={(event) => setKey(event.currentTarget.value)} />
        </label>
        <p id="key-note" role="alert" class="refusal">{wanted === "again" && "The server does not know that key."}</p>
        <div class="dialog-actions">
          <button type="submit" class="button primary">Continue</button>
        </div>
      </form>
    </dialog>
  );
}
