import { useEffect, useState } from "preact/hooks";
import { type Document, api, explained, got, saved } from "../api";
import { formatOf } from "../formats";
import { collection, collections, decision, loadCollections, openReader, reloadHistory } from "../state";
import { counted, moment, size } from "../text";
import { CollectionChoice } from "./Ask";
import { Drop } from "./Drop";
import { arrivals, reason, uploads } from "../uploads";
import { Bin, Book, Save, Warning } from "./icons";

const PART = 100;

export function Documents() {
  const where = collection.value;
  useEffect(() => {
    document.title = "Documents · Docent";
  }, []);
  const here = collections.value?.find(({ name }) => name === where);
  return (
    <section class="documents-view">
      <header class="documents-head">
        <h1>Documents</h1>
        {(collections.value?.length ?? 0) > 1 && <CollectionChoice />}
      </header>
      {here && (
        <p class="lede">
          {counted(here.documents, "document")}, {counted(here.chunks, "passage")} in {here.name}. Answers are made from these and nothing else.
        </p>
      )}
      {collections.value?.length === 0 && <p class="lede">There are none yet. From a terminal, <code>docent ingest FOLDER</code> reads some in.</p>}
      {uploads.value?.enabled && <Drop />}
      {where && <List key={where} where={where} />}
    </section>
  );
}

function List({ where }: { where: string }) {
  const [documents, setDocuments] = useState<Document[]>([]);
  const [hasMore, setMore] = useState(false);
  const [refusal, setRefusal] = useState("");
  const load = async (after?: string) => {
    try {
      const query = { collection: where, limit: PART, ...(after ? { after } : {}) };
      const list = await got(api.GET("/v1/documents", { params: { query } }));
      setDocuments((known) => [...(after ? known : []), ...list.data]);
      setMore(list.has_more);
    } catch (error) {
      setRefusal(explained(error));
    }
  };
  useEffect(() => void load(), [where, arrivals.value]);
  const remove = async (id: string, erase: boolean) => {
    await got(api.DELETE("/v1/documents/{id}", { params: { path: { id }, query: { collection: where, erase } } }));
    setDocuments((known) => known.filter((one) => one.id !== id));
    await Promise.all([loadCollections(), reloadHistory()]);
  };
  return (
    <>
      {refusal && <p role="alert" class="caveat">{refusal}</p>}
      <ul class="documents">
        {documents.map((one) => (
          <Entry key={one.id} document={one} where={where} remove={(erase) => remove(one.id, erase)} />
        ))}
      </ul>
      {hasMore && (
        <button type="button" class="button" onClick={() => load(documents.at(-1)?.id)}>
          Show more
        </button>
      )}
    </>
  );
}

interface Listed {
  document: Document;
  where: string;
  remove: (erase: boolean) => Promise<void>;
}

function Entry({ document: one, where, remove }: Listed) {
  const notes = one.unreadable_pages.length + one.warnings.length;
  const isStored = one.state === "stored";
  const refused = one.last_upload?.reason;
  const format = formatOf(one.format);
  const read = (event: MouseEvent) =>
    openReader({ collection: where, documentId: one.id, title: one.title, filename: one.filename, place: 1 }, event.currentTarget);
  const ask = () => {
    decision.value = {
      title: `Delete “${one.title}”?`,
      text: one.last_upload
        ? "No search and no new answer will find it any more, and the uploaded file is removed. Answers that were given before keep their quotes, marked as “source deleted”."
        : "No search and no new answer will find it any more. The file it was read from is not touched; answers that were given before keep their quotes, marked as “source deleted”.",
      option: "Erase these answers instead",
      verb: "Delete",
      act: remove,
    };
  };
  return (
    <li class="document">
      <details>
        <summary>
          <span class="document-title">{one.title}</span>
          <span class="document-facts">
            {isStored ? [format.name, counted(one.pages, format.part), size(one.bytes)].join(" · ") : `Not read in · ${size(one.bytes)}`}
            {notes > 0 && (
              <span class="document-notes">
                <Warning /> {counted(notes, "note")}
              </span>
            )}
          </span>
          {refused && (
            <span class="document-refusal">
              <Warning /> {isStored && "A newer version was refused: "}
              {reason(refused)}
            </span>
          )}
        </summary>
        <Report one={one} />
      </details>
      <div class="document-actions">
        {one.original && <Original path={one.original} document={one} />}
        {isStored && (
          <button type="button" class="quiet" aria-label={`Read ${one.title}`} onClick={read}>
            <Book />
          </button>
        )}
        <button type="button" class="quiet" aria-label={`Delete ${one.title}`} onClick={ask}>
          <Bin />
        </button>
      </div>
    </li>
  );
}

/** What there is to say of a document that was read in. */
function stored(one: Document): [string, string][] {
  if (!one.ingested_at) return [];
  return [
    ["Read in", moment(one.ingested_at)],
    ["Text", `${counted(one.characters, "character")} in ${counted(one.chunks, "passage")}`],
    ["Without text", one.unreadable_pages.length > 0 ? `pages ${one.unreadable_pages.join(", ")}` : "no page"],
  ];
}

/** Saves the file as it was uploaded. */
function Original({ path, document: one }: { path: string; document: Document }) {
  const [refusal, setRefusal] = useState("");
  const save = async () => {
    try {
      const link = document.createElement("a");
      link.href = await saved(path);
      link.download = one.filename.split("/").at(-1) ?? "document";
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    } catch (error) {
      setRefusal(explained(error));
    }
  };
  return (
    <>
      {refusal && <span role="alert" class="said">{refusal}</span>}
      <button type="button" class="quiet" aria-label={`Save the original of ${one.title}`} onClick={save}>
        <Save />
      </button>
    </>
  );
}

/** What reading the file in came to. */
function Report({ one }: { one: Document }) {
  const rows: [string, string][] = [
    ["File", one.filename],
    ...stored(one),
    ["Contents", `BLAKE3 ${one.content_hash.slice(0, 16)}…`],
  ];
  return (
    <>
      <dl class="report">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {one.warnings.length > 0 && (
        <ul class="warnings">
          {one.warnings.map((warning) => (
            <li key={warning}>{warning}</li>
          ))}
        </ul>
      )}
    </>
  );
}
