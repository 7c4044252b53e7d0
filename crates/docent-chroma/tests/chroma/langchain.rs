//! Collections in the layout of LangChain, written by the Python client of Chroma's makers as LangChain does it.

use super::server::Server;
use docent_core::filter::FilterValue;
use docent_core::{Filter, Format, SearchMode};
use docent_engine::ErrorKind;
use docent_engine::ports::{ChunkIndex, Embedder};
use docent_testkit::chunk_index::{document, profile, question};
use docent_testkit::provider::{HashedEmbedder, hashed_words};
use serde_json::json;

/// Source, page from 0, chunk of the page, text.
const RECORDS: [(&str, u32, u32, &str); 5] = [
    ("/build/src/data/guide.pdf", 0, 0, "Welcome to the galaxy tour guide."),
    ("/build/src/data/guide.pdf", 5, 0, "Booking needs a deposit of 50 credits."),
    ("/build/src/data/guide.pdf", 5, 1, "A booking can be cancelled within 24 hours."),
    ("src/data/notes.md", 0, 0, "The bar on the moon closes at midnight."),
    ("src/data/notes.md", 0, 1, "Pets travel in the cargo room."),
];

const WRITE: &str = "
for name, metadata in given['collections']:
    collection = client.get_or_create_collection(name, metadata=metadata, embedding_function=None)
    for record in given['records']:
        collection.upsert(ids=[record['id']], embeddings=[record['vector']], documents=[record['text']],
                          metadatas=[record['metadata']])
";

fn write(server: &Server, length: f32) {
    write_all(server, &[("langchain", None)], length);
}

/// Collections by name, each in this space or in the server's own.
fn write_all(server: &Server, collections: &[(&str, Option<&str>)], length: f32) {
    let records: Vec<_> = RECORDS
        .iter()
        .map(|(source, page, chunk, text)| {
            let vector: Vec<f32> = hashed_words(text).into_iter().map(|value| value * length).collect();
            let id = format!("{source}:{page}:{chunk}");
            json!({"id": id, "vector": vector, "text": text, "metadata": {"source": source, "page": page, "id": id}})
        })
        .collect();
    let metadata = |space: Option<&str>| space.map(|space| json!({"hnsw:space": space}));
    let collections: Vec<_> = collections.iter().map(|(name, space)| json!([name, metadata(*space)])).collect();
    server.chroma.python(WRITE, &json!({"records": records, "collections": collections}));
}

async fn found(index: &dyn ChunkIndex, text: &str, filter: Option<Filter>) -> Vec<docent_core::Hit> {
    let mut request = question(SearchMode::Hybrid, text, hashed_words(text));
    request.filter = filter;
    index.search("langchain", &request).await.expect("an answer").hits
}

#[tokio::test]
async fn a_collection_of_langchain_is_searched_in_every_space() {
    let Some(server) = Server::start() else { return };
    let spaces = [("none", None), ("squared", Some("l2")), ("cosine", Some("cosine")), ("inner", Some("ip"))];
    write_all(&server, &spaces, 1.0);
    let index = server.index_with(HashedEmbedder::default());
    for (name, space) in spaces {
        let request = question(SearchMode::Hybrid, "", hashed_words("deposit for a booking"));
        let hits = index.search(name, &request).await.unwrap().hits;
        assert_eq!(hits.len(), RECORDS.len());
        let best = &hits[0].chunk;
        assert_eq!(best.id, "/build/src/data/guide.pdf:5:0");
        assert_eq!((best.filename.as_str(), best.page), ("guide.pdf", Some(6)));
        let exact: f32 =
            hashed_words("deposit for a booking").iter().zip(hashed_words(&best.text)).map(|(a, b)| a * b).sum();
        assert!((hits[0].score - exact).abs() < 1e-4, "{space:?}: {} {exact}", hits[0].score);
        assert_eq!((hits[0].dense, hits[0].bm25), (Some(hits[0].score), None));

        // The chunk is its own page.
        let pages = index.pages(name, &best.document_id, &[best.page_index, 9]).await.unwrap();
        assert_eq!(pages.len(), 1);
        assert_eq!((pages[0].1.text.as_str(), pages[0].1.number), (best.text.as_str(), Some(6)));
        assert_eq!((best.start_char, best.end_char as usize), (0, best.text.chars().count()));
    }
}

#[tokio::test]
async fn its_sources_are_documents() {
    let Some(server) = Server::start() else { return };
    write(&server, 1.0);
    server.chroma.python(
        "client.get_collection('langchain').add(ids=['bare'], embeddings=[given], documents=['A text from nowhere.'])",
        &json!(hashed_words("A text from nowhere.")),
    );
    let index = server.index_with(HashedEmbedder::default());
    let collection = index.collection("langchain").await.unwrap().unwrap();
    assert_eq!((collection.documents, collection.chunks), (3, 6));
    assert_eq!(&collection.profile.embedding, HashedEmbedder::default().model());
    assert_eq!(index.collections().await.unwrap(), [collection]);

    let documents = index.documents("langchain", None, 10).await.unwrap();
    let told = |one: &docent_core::Document| (one.id.clone(), one.filename.clone(), one.format, one.pages, one.chunks);
    assert_eq!(
        documents.iter().map(told).collect::<Vec<_>>(),
        [
            ("/build/src/data/guide.pdf".to_owned(), "guide.pdf".to_owned(), Format::Pdf, 2, 3),
            ("bare".to_owned(), "bare".to_owned(), Format::Text, 0, 1),
            ("src/data/notes.md".to_owned(), "src/data/notes.md".to_owned(), Format::Markdown, 1, 2),
        ]
    );
    for document in &documents {
        assert_eq!(index.document("langchain", &document.id).await.unwrap().as_ref(), Some(document));
    }
    assert_eq!(index.documents("langchain", Some("bare"), 10).await.unwrap(), documents[2..]);
    let page = index.pages("langchain", "bare", &[0, 1]).await.unwrap();
    assert_eq!(page.len(), 1);
    assert_eq!(page[0].1.text, "A text from nowhere.");
    assert_eq!(index.document("langchain", "nothing").await.unwrap(), None);
}

#[tokio::test]
async fn filters_name_what_langchain_records() {
    let Some(server) = Server::start() else { return };
    write(&server, 1.0);
    let index = server.index_with(HashedEmbedder::default());
    let page = |number| FilterValue::Number(number);
    let source = Filter::Eq { key: "document_id".to_owned(), value: FilterValue::Text("src/data/notes.md".to_owned()) };
    let sixth = Filter::Eq { key: "page".to_owned(), value: page(6.0) };
    for (filter, count) in [
        (source.clone(), 2),
        (sixth.clone(), 2),
        (Filter::Lt { key: "page".to_owned(), value: page(6.0) }, 3),
        (Filter::And { filters: vec![source.clone(), sixth.clone()] }, 0),
        (Filter::Or { filters: vec![source, sixth] }, 4),
    ] {
        let hits = found(&index, "booking", Some(filter.clone())).await;
        assert_eq!(hits.len(), count, "{filter:?}");
    }
    let mut request = question(SearchMode::Dense, "", hashed_words("booking"));
    request.filter = Some(Filter::Eq { key: "title".to_owned(), value: FilterValue::Text("x".to_owned()) });
    let refusal = index.search("langchain", &request).await.unwrap_err();
    assert_eq!(refusal.kind(), ErrorKind::Invalid);
    assert!(refusal.hint_text().is_some_and(|hint| hint.contains("source")), "{refusal}");
}

#[tokio::test]
async fn it_is_read_and_never_changed() {
    let Some(server) = Server::start() else { return };
    write(&server, 1.0);
    let index = server.index_with(HashedEmbedder::default());
    let stored = || vec![document("a", &["tea"], &[1.0, 0.0])];
    let refusals = [
        index.open_or_create("langchain", &profile()).await.unwrap_err(),
        index.upsert("langchain", stored()).await.unwrap_err(),
        index.delete("langchain", &["src/data/notes.md".to_owned()]).await.unwrap_err(),
        index.delete_collection("langchain").await.unwrap_err(),
    ];
    for refusal in refusals {
        assert_eq!(refusal.kind(), ErrorKind::Invalid);
        assert!(refusal.to_string().contains("never changes it"), "{refusal}");
        assert!(refusal.hint_text().is_some());
    }
    assert_eq!(index.collection("langchain").await.unwrap().unwrap().chunks, 5);
}

/// Of the same length, and yet of another model: a search would return anything at all.
#[tokio::test]
async fn vectors_of_another_model_are_noticed() {
    let Some(server) = Server::start() else { return };
    write(&server, 3.0);
    let turned = |index: usize| hashed_words(RECORDS[index].3).into_iter().rev().collect::<Vec<f32>>();
    let index = server.index_with(HashedEmbedder::default());
    assert_eq!(found(&index, "booking", None).await.len(), 5, "vectors need not have length one");

    server.chroma.python(
        "collection = client.get_collection('langchain')\n\
         collection.update(ids=collection.get()['ids'], embeddings=given)",
        &json!((0..RECORDS.len()).map(turned).collect::<Vec<_>>()),
    );
    let index = server.index_with(HashedEmbedder::default());
    let request = question(SearchMode::Dense, "", hashed_words("booking"));
    let refusal = index.search("langchain", &request).await.unwrap_err();
    assert_eq!(refusal.kind(), ErrorKind::Invalid);
    assert!(refusal.to_string().contains("test/hashed-words"), "{refusal}");
    assert!(refusal.hint_text().is_some_and(|hint| hint.contains("OPENAI_EMBEDDING_MODEL")), "{refusal}");
}

#[tokio::test]
async fn vectors_of_another_length_belong_to_nobody() {
    let Some(server) = Server::start() else { return };
    server.chroma.python(
        "client.create_collection('langchain').add(ids=['a'], embeddings=[[1.0, 0.0]], documents=['tea'])",
        &json!(null),
    );
    let index = server.index_with(HashedEmbedder::default());
    let collection = index.collection("langchain").await.unwrap().unwrap();
    assert_eq!(collection.profile.embedding.name, "unrecorded (2 dimensions)");
    let request = question(SearchMode::Dense, "", hashed_words("tea"));
    assert_eq!(index.search("langchain", &request).await.unwrap_err().kind(), ErrorKind::Invalid);
}
