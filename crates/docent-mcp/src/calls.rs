//! The tools, carried out by the routes.

use crate::tools::Tool;
use docent_api::{Inside, Refusal, Visitor};
use form_urlencoded::{Serializer, byte_serialize, parse};
use http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Results of a search when the client does not say.
const RESULTS_USUAL: u32 = 10;
/// Passages that are searched for each page that is wanted, as several may be of one page.
const PASSAGES_PER_PAGE: u32 = 2;
/// How long one look at a query waits, in seconds; it is looked at until it is terminal, which it becomes in bounded time.
const LOOK: u32 = 20;
/// The scheme of addresses where there is no server to name.
const NO_SERVER: &str = "docent:";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SearchFor {
    query: String,
    collection: Option<String>,
    max_results: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fetch {
    id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ask {
    query: String,
    collection: Option<String>,
    previous_query_id: Option<String>,
    instructions: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Status {}

/// One call of a tool.
pub(crate) struct Call {
    inside: Inside,
    visitor: Visitor,
    /// How the client calls this server; none for a client on standard input.
    address: Option<String>,
    /// What the address of the server names for those who do not: `/mcp?collection=people`.
    collection: Option<String>,
}

impl Call {
    pub(crate) fn new(inside: Inside, visitor: Visitor, request: Option<&Parts>) -> Self {
        let named = |request: &Parts| {
            let mut named = parse(request.uri.query()?.as_bytes());
            named.find_map(|(name, value)| (name == "collection").then(|| value.into_owned()))
        };
        Self { inside, visitor, address: request.map(Inside::address), collection: request.and_then(named) }
    }

    pub(crate) async fn make(self, tool: Tool, arguments: Map<String, Value>) -> Result<Value, Refusal> {
        match tool {
            Tool::Search => self.search(understood(arguments)?).await,
            Tool::Fetch => self.fetch(understood(arguments)?).await,
            Tool::Ask => self.ask(understood(arguments)?).await,
            Tool::Status => {
                let Status {} = understood(arguments)?;
                self.status().await
            }
        }
    }

    async fn search(&self, wanted: SearchFor) -> Result<Value, Refusal> {
        let most = wanted.max_results.unwrap_or(RESULTS_USUAL);
        let body = json!({"query": wanted.query, "collection": wanted.collection.or_else(|| self.collection.clone()),
            "max_num_results": most.saturating_mul(PASSAGES_PER_PAGE)});
        let found = self.inside.post(&self.visitor, "/v1/search", &body).await?;
        let collection = string(&found["collection"]);
        let mut seen = BTreeSet::new();
        let hits = list(&found["data"]).iter();
        // Best first: what is left out of a page is less than what is shown of it.
        let results = hits.map(|hit| self.place(&collection, hit, &hit["text"], &hit["page_number"]));
        let results = results.filter(|result| seen.insert(string(&result["id"]))).take(most as usize);
        Ok(json!({"results": results.collect::<Vec<_>>()}))
    }

    async fn fetch(&self, wanted: Fetch) -> Result<Value, Refusal> {
        let id = PageId::parse(&wanted.id).ok_or_else(|| {
            refused(
                format!("there is no page `{}`", wanted.id),
                "`id` is one that `search` or a citation of `ask` gave",
            )
        })?;
        let page = self.inside.get(&self.visitor, &id.path()).await?;
        let document = self.inside.get(&self.visitor, &id.document_path()).await?;
        let of_page = json!({"document_id": id.document, "page_place": id.place, "title": document["title"],
            "filename": document["filename"], "heading_path": page["heading_path"]});
        let mut fetched = self.place(id.collection, &of_page, &page["text"], &page["page_number"]);
        fetched["metadata"] = metadata(&id, &document, &page);
        Ok(fetched)
    }

    async fn ask(&self, wanted: Ask) -> Result<Value, Refusal> {
        let body = json!({"query": wanted.query, "collection": wanted.collection.or_else(|| self.collection.clone()),
            "previous_query_id": wanted.previous_query_id, "instructions": wanted.instructions, "wait": LOOK});
        let mut query = self.inside.post(&self.visitor, "/v1/queries", &body).await?;
        let id = string(&query["id"]);
        while matches!(query["status"].as_str(), Some("queued" | "in_progress")) {
            query = self.inside.get(&self.visitor, &format!("/v1/queries/{id}?wait={LOOK}")).await?;
        }
        if query["status"] != "completed" {
            return Err(unanswered(&query));
        }
        let collection = string(&query["collection"]);
        let citations: Vec<Value> = list(&query["citations"]).iter().map(|one| self.cited(&collection, one)).collect();
        let sources = list(&query["sources"]).iter().filter(|_| query["outcome"] == "not_found");
        let nearest = sources.map(|one| self.place(&collection, one, &one["text"], &one["page_number"]));
        let nearest: Vec<Value> = nearest.collect();
        let base = self.address.as_deref();
        let url = base.map_or_else(|| format!("{NO_SERVER}{id}"), |base| format!("{base}/#/q/{id}"));
        Ok(json!({"query_id": id, "outcome": query["outcome"], "answer": query["answer"], "citations": citations,
            "nearest": nearest, "url": url}))
    }

    fn cited(&self, collection: &str, citation: &Value) -> Value {
        let mut shown = self.place(collection, citation, &citation["cited_text"], &citation["start_page_number"]);
        shown["verification"] = citation["verification"].clone();
        shown
    }

    async fn status(&self) -> Result<Value, Refusal> {
        let found = self.inside.get(&self.visitor, "/v1/collections").await?;
        let shown = list(&found["data"]).iter().map(|one| {
            json!({"name": one["name"], "documents": one["documents"], "chunks": one["chunks"],
                "generation": one["generation"]})
        });
        Ok(json!({"collections": shown.collect::<Vec<_>>()}))
    }

    /// Something that stands on a page, as all tools show it.
    fn place(&self, collection: &str, of: &Value, text: &Value, page_number: &Value) -> Value {
        let document = string(&of["document_id"]);
        let id = PageId { collection, document: &document, place: of["page_place"].as_u64().unwrap_or(1) };
        let url = self
            .address
            .as_ref()
            .map_or_else(|| format!("{NO_SERVER}{}", id.shown()), |base| base.clone() + &id.path());
        json!({"id": id.shown(), "title": title(of, page_number), "url": url, "text": text})
    }
}

/// Where a page is: what a client gives back to have it read.
struct PageId<'a> {
    collection: &'a str,
    document: &'a str,
    /// From 1.
    place: u64,
}

impl<'a> PageId<'a> {
    fn parse(shown: &'a str) -> Option<Self> {
        let (rest, place) = shown.rsplit_once('/')?;
        let (collection, document) = rest.rsplit_once('/')?;
        Some(Self { collection, document, place: place.parse().ok()? })
    }

    fn shown(&self) -> String {
        format!("{}/{}/{}", self.collection, self.document, self.place)
    }

    fn document_path(&self) -> String {
        let document: String = byte_serialize(self.document.as_bytes()).collect();
        format!("/v1/documents/{document}?{}", self.in_collection())
    }

    fn path(&self) -> String {
        let document: String = byte_serialize(self.document.as_bytes()).collect();
        format!("/v1/documents/{document}/pages/{}?{}", self.place, self.in_collection())
    }

    fn in_collection(&self) -> String {
        Serializer::new(String::new()).append_pair("collection", self.collection).finish()
    }
}

/// The document, and the page or the headings.
fn title(of: &Value, page_number: &Value) -> String {
    let title = of["title"].as_str().filter(|title| !title.is_empty()).or_else(|| of["filename"].as_str());
    let mut shown = title.unwrap_or_default().to_owned();
    // The first heading is the title, as a rule.
    let headings = list(&of["heading_path"]).iter().filter_map(Value::as_str).filter(|heading| *heading != shown);
    let headings = headings.collect::<Vec<_>>().join(" › ");
    if let Some(number) = page_number.as_u64() {
        shown.push_str(&format!(", page {number}"));
    } else if !headings.is_empty() {
        shown.push_str(&format!(", {headings}"));
    }
    shown
}

/// What else is known of a page: texts only, as connectors expect, and ids to go on reading with.
fn metadata(id: &PageId<'_>, document: &Value, page: &Value) -> Value {
    let pages = document["pages"].as_u64().unwrap_or(id.place);
    let neighbour = |place: u64| (1..=pages).contains(&place).then(|| PageId { place, ..*id }.shown());
    let entries = [
        ("collection", Some(id.collection.to_owned())),
        ("document_id", Some(id.document.to_owned())),
        ("filename", document["filename"].as_str().map(str::to_owned)),
        ("format", document["format"].as_str().map(str::to_owned)),
        ("ingested_at", document["ingested_at"].as_str().map(str::to_owned)),
        ("page_number", page["page_number"].as_u64().map(|number| number.to_string())),
        ("pages", Some(pages.to_string())),
        ("previous_id", neighbour(id.place - 1)),
        ("next_id", neighbour(id.place + 1)),
    ];
    entries.into_iter().filter_map(|(name, value)| Some((name.to_owned(), Value::from(value?)))).collect()
}

fn understood<T: DeserializeOwned>(arguments: Map<String, Value>) -> Result<T, Refusal> {
    serde_json::from_value(Value::Object(arguments))
        .map_err(|error| refused(error.to_string(), "the tool's description has the names and types of its arguments"))
}

fn refused(message: String, hint: &str) -> Refusal {
    Refusal { code: "invalid".to_owned(), message, hint: Some(hint.to_owned()), request_id: String::new() }
}

/// Why a question has no answer: its own words, if it has any.
fn unanswered(query: &Value) -> Refusal {
    let (error, status) = (&query["error"], string(&query["status"]));
    Refusal {
        code: error["code"].as_str().unwrap_or(&status).to_owned(),
        message: error["message"].as_str().map_or_else(|| format!("the question was {status}"), str::to_owned),
        hint: error["hint"].as_str().map(str::to_owned),
        request_id: String::new(),
    }
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}
