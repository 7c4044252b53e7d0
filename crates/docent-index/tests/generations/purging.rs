//! That what was purged is not in any file any more.
#![expect(clippy::unwrap_used, reason = "outside of #[test] functions, which may")]

use crate::site::{Site, TEA, Time, answering, borrowed, find, many, publication, put};
use docent_engine::ports::ChunkIndex;
use docent_index::remote::{GoneDocument, NamedDocument};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tantivy::store::StoreReader;

/// A text whose words nobody else uses.
const SECRET: &str = "The passphrase of Zanzibarquux is xylophonewaffle.";
const TRACES: [&str; 4] = ["Zanzibarquux", "zanzibarquux", "xylophonewaffl", "passphras"];

/// All files below a folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut ahead = vec![folder.to_owned()];
    while let Some(folder) = ahead.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() { ahead.push(entry) } else { found.push(entry) }
        }
    }
    found
}

/// Objects that hold a trace of the secret, in their bytes or in records that are stored compressed.
fn traces(site: &Site) -> Vec<PathBuf> {
    let mut objects = files(&site.objects());
    objects.retain(|path| {
        let mut text = String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
        if path.extension().is_some_and(|extension| extension == "store") {
            text.push_str(&stored(path));
        }
        TRACES.iter().any(|trace| text.contains(trace))
    });
    objects
}

/// All records of a segment, deleted ones included, decompressed.
fn stored(path: &Path) -> String {
    let folder = tantivy::directory::MmapDirectory::open(path.parent().unwrap()).unwrap();
    let folder = tantivy::directory::ManagedDirectory::wrap(Box::new(folder)).unwrap();
    let file = tantivy::Directory::open_read(&folder, Path::new(path.file_name().unwrap())).unwrap();
    let records = StoreReader::open(file, 1).unwrap();
    let records = (0..).map_while(|record| records.get_document_bytes(record).ok());
    records.map(|record| String::from_utf8_lossy(&record).into_owned()).collect()
}

fn named(id: &str) -> NamedDocument {
    NamedDocument { filename: format!("{id}.pdf"), document_id: id.to_owned() }
}

fn gone(id: &str, is_replaced: bool) -> GoneDocument {
    GoneDocument { document: named(id), is_replaced }
}

#[tokio::test]
async fn no_byte_of_a_replaced_text_is_left() {
    let site = Site::folder();
    let many = many(30);
    let mut many = borrowed(&many);
    many.push(("secret", SECRET));
    let index = site.index_with("local", &many).await;
    let first = site.publish(&index).await.generation;
    assert!(!traces(&site).is_empty(), "the search for traces finds some");

    put(&index, &[("d00", "coffee"), ("secret", "nothing to hide")]).await;
    let second = site.publish(&index).await;
    assert!(site.found_afresh("xylophonewaffle").await.is_empty(), "it cannot be found any more");
    assert!(!traces(&site).is_empty(), "but its bytes are still there");
    assert!(site.generations().list(TEA).await.unwrap()[0].deleted_records > 0);

    let kept = site.generations().purge(TEA, 2, &publication()).await.unwrap();
    assert_eq!((kept.removed.len(), kept.gone.len()), (0, 0));
    assert_eq!(kept.still_held, [], "both versions are alive in a generation that was kept");

    let time = Time::default();
    let reader = site.reader(&time);
    assert_eq!(answering(&reader).await, second.generation);
    let purged = site.generations().purge(TEA, 1, &publication()).await.unwrap();
    assert_eq!(purged.removed, [first, second.generation.clone()]);
    assert_eq!(purged.live, format!("{}-2", second.generation));
    assert!(purged.is_rewritten && purged.objects > 0 && purged.bytes > 0);
    assert_eq!(purged.gone, [gone("d00", true), gone("secret", true)]);
    assert_eq!(traces(&site), [""; 0].map(PathBuf::from));
    assert_eq!(site.found_afresh("tea").await.len(), 10);
    assert_eq!(find(&reader, "coffee").await, ["d00#0"], "who has the purged generation goes on with it");
    time.pass(Duration::from_secs(61));
    assert_eq!(answering(&reader).await, purged.live);

    // The folder still has the old segments with the text in them: publishing writes them anew first.
    put(&index, &[("new", "tea")]).await;
    site.publish(&index).await;
    assert_eq!(traces(&site), [""; 0].map(PathBuf::from));
    assert_eq!(site.found_afresh("coffee").await, ["d00#0"]);
}

#[tokio::test]
async fn what_kept_generations_still_hold_is_said() {
    let site = Site::folder();
    let many = many(9);
    let mut many = borrowed(&many);
    many.push(("secret", SECRET));
    let index = site.index_with("local", &many).await;
    site.publish(&index).await;
    put(&index, &[("secret", "nothing to hide")]).await;
    site.publish(&index).await;
    put(&index, &[("b", "tea")]).await;
    site.publish(&index).await;
    let purged = site.generations().purge(TEA, 2, &publication()).await.unwrap();
    assert_eq!((purged.removed.len(), purged.gone.len(), purged.is_rewritten), (1, 0, false));
    assert_eq!(purged.still_held, [named("secret")]);
    assert!(!traces(&site).is_empty());
    let purged = site.generations().purge(TEA, 1, &publication()).await.unwrap();
    assert_eq!(purged.gone, [gone("secret", true)]);
    assert!(traces(&site).is_empty());
}

/// A delete has written its segments anew, so what is published behind it does not hold the text.
#[tokio::test]
async fn a_deleted_text_goes_with_the_last_generation_that_had_it() {
    let site = Site::folder();
    let many = many(9);
    let mut many = borrowed(&many);
    many.push(("secret", SECRET));
    let index = site.index_with("local", &many).await;
    site.publish(&index).await;
    index.delete(TEA, &["secret".to_owned()]).await.unwrap();
    site.publish(&index).await;
    put(&index, &[("b", "tea")]).await;
    site.publish(&index).await;
    assert!(!traces(&site).is_empty(), "the first generation has it");
    let purged = site.generations().purge(TEA, 2, &publication()).await.unwrap();
    assert_eq!((purged.removed.len(), purged.is_rewritten), (1, false));
    assert_eq!((purged.gone, purged.still_held), (vec![gone("secret", false)], vec![]));
    assert!(traces(&site).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_is_purged_like_a_folder() {
    let Some(site) = Site::bucket() else { return };
    let index = site.index_with("local", &borrowed(&many(9))).await;
    site.publish(&index).await;
    put(&index, &[("d03", "coffee")]).await;
    site.publish(&index).await;
    let purged = site.generations().purge(TEA, 1, &publication()).await.unwrap();
    assert_eq!((purged.removed.len(), purged.is_rewritten), (2, true));
    assert_eq!(purged.gone, [gone("d03", true)]);
    let listed = site.generations().list(TEA).await.unwrap();
    assert_eq!((listed.len(), listed[0].deleted_records), (1, 0));
    assert_eq!(site.count_afresh().await, 9);
    let idle = site.generations().purge(TEA, 1, &publication()).await.unwrap();
    assert_eq!((idle.objects, idle.is_rewritten, idle.gone.len()), (0, false, 0));
}

#[tokio::test]
async fn a_generation_that_cannot_be_read_is_purged_without_names() {
    let site = Site::folder();
    let index = site.index_with("local", &[("a", "tea")]).await;
    let first = site.publish(&index).await.generation;
    for path in files(&site.objects()) {
        if path.extension().is_some_and(|extension| extension == "store") {
            fs::write(path, "nothing").unwrap();
        }
    }
    let anew = site.index_with("anew", &[("b", "tea")]).await;
    site.publish(&anew).await;
    let purged = site.generations().purge(TEA, 1, &publication()).await.unwrap();
    assert_eq!((purged.unreadable, purged.removed), (vec![first.clone()], vec![first]));
    assert_eq!(site.found_afresh("tea").await, ["b#0"]);
}

/// A purge may meet a publisher at any step; whoever wins, what is live is whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_purge_never_takes_from_a_publisher() {
    let site = Site::folder();
    let index = site.index_with("local", &[("d0", "tea")]).await;
    site.publish(&index).await;
    for round in 1..=12 {
        put(&index, &[(&format!("d{round}"), "tea")]).await;
        let (publisher, purger) = (site.generations(), site.generations());
        let (one, two) = (publication(), publication());
        let (published, purged) = tokio::join!(publisher.publish(&index, TEA, &one), async {
            tokio::time::sleep(Duration::from_millis(2 * round)).await;
            purger.purge(TEA, 1, &two).await
        });
        assert!(published.is_ok() || purged.is_ok());
        let found = site.count_afresh().await as u64;
        assert!(if published.is_ok() { found == round + 1 } else { found <= round }, "round {round}: {found}");
        if published.is_err() {
            site.publish(&index).await;
        }
    }
}
