import { useEffect, useRef, useState } from "preact/hooks";
import { explained } from "../api";
import { decision } from "../state";

/** Asks before something that cannot be taken back. */
export function Confirm() {
  const dialog = useRef<HTMLDialogElement>(null);
  const [refusal, setRefusal] = useState("");
  const [isActing, setActing] = useState(false);
  const [isTicked, setTicked] = useState(false);
  const wanted = decision.value;
  useEffect(() => {
    if (wanted) dialog.current?.showModal();
    else dialog.current?.close();
    setRefusal("");
    setTicked(false);
  }, [wanted]);
  const close = () => (decision.value = undefined);

  async function act(): Promise<void> {
    setActing(true);
    try {
      await wanted?.act(isTicked);
      close();
    } catch (error) {
      setRefusal(explained(error));
    }
    setActing(false);
  }

  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="decision-title" onClose={close}>
      <h2 id="decision-title">{wanted?.title}</h2>
      <p>{wanted?.text}</p>
      {wanted?.option && (
        <label class="dialog-option">
          <input type="checkbox" checked={isTicked} onChange={(event) => setTicked(event.currentTarget.checked)} />
          {wanted.option}
        </label>
      )}
      {refusal && <p role="alert" class="refusal">{refusal}</p>}
      <div class="dialog-actions">
        <button type="button" class="button" onClick={close}>
          Keep
        </button>
        <button type="button" class="button danger" disabled={isActing} onClick={act}>
          {wanted?.verb}
        </button>
      </div>
    </dialog>
  );
}
