import { useRef, useState } from "preact/hooks";
import { counted } from "../text";
import { type Sent, add, clearEnded, dropped, sent } from "../uploads";
import { Close, Plus, Warning } from "./icons";

/** Where files are dropped or chosen, and how far each has come. */
export function Drop() {
  const input = useRef<HTMLInputElement>(null);
  const [isOver, setOver] = useState(false);
  const drag = (event: DragEvent) => {
    event.preventDefault();
    setOver(event.type === "dragover");
  };
  const drop = (event: DragEvent) => {
    drag(event);
    if (event.dataTransfer) void dropped(event.dataTransfer.items).then(add);
  };
  const choose = () => {
    add(Array.from(input.current?.files ?? [], (file) => ({ file, path: file.name })));
    if (input.current) input.current.value = "";
  };
  return (
    <section class={`drop ${isOver ? "is-over" : ""}`} aria-label="Upload" onDragOver={drag} onDragLeave={drag} onDrop={drop}>
      <p class="drop-row">
        <button type="button" class="button" onClick={() => input.current?.click()}>
          <Plus /> Add files
        </button>
        <span>or drop files and folders here</span>
        <input ref={input} type="file" multiple hidden onChange={choose} />
      </p>
      {sent.value.length > 0 && <Files />}
    </section>
  );
}

function Files() {
  const all = sent.value;
  const open = all.filter(({ state }) => state !== "done" && state !== "refused").length;
  return (
    <>
      <ul class="files">
        {all.map((one) => (
          <File key={one.id} {...one} />
        ))}
      </ul>
      <p class="drop-row fine">
        <span role="status">{open > 0 ? `${counted(open, "file")} on the way` : `${counted(all.length, "file")} done`}</span>
        {open < all.length && (
          <button type="button" class="quiet" onClick={clearEnded}>
            <Close /> Clear
          </button>
        )}
      </p>
    </>
  );
}

function File({ name, state, share, said }: Sent) {
  const words = { waiting: "Waiting", sending: `${Math.round(share * 100)} %`, reading: "Reading", done: said, refused: said };
  return (
    <li class={`file ${state}`}>
      <span class="file-name">{name}</span>
      {state === "sending" && <progress value={share} aria-label={`${name} sent`} />}
      <span class="file-state">
        {state === "refused" && <Warning />} {words[state]}
      </span>
    </li>
  );
}
