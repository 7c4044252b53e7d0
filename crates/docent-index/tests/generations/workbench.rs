//! Who has no folder of the index changes what is published: nothing is lost, nothing is fetched twice, what is removed is gone.

use crate::site::{Site, TEA, find, many, publication, put};
use docent_engine::ErrorKind;
use docent_engine::ports::ChunkIndex;
use docent_index::remote::{History, Workbench};
use docent_testkit::chunk_index::profile;
use std::path::Path;

fn bench(site: &Site, scratch: &str) -> Workbench {
    Workbench::open(site.store(), &site.path(scratch)).expect("a bench")
}

/// Adds a document to what is live.
async fn add(bench: &Workbench, id: &str, text: &str) {
    let base = bench.check_out(TEA).await.expect("checked out");
    bench.index().open_or_create(TEA, &profile()).await.expect("a collection");
    put(bench.index(), &[(id, text)]).await;
    bench.publish(base, TEA, &publication(), History::Keep).await.expect("published");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_generation_and_the_next_are_made_from_what_is_live() {
    for site in Site::all() {
        let (here, there) = (bench(&site, "here"), bench(&site, "there"));
        add(&here, "a", "green tea").await;
        add(&there, "b", "black tea").await;
        add(&here, "c", "white tea").await;
        assert_eq!(site.found_afresh("tea").await, ["a#0", "b#0", "c#0"]);
        let listed = site.generations().list(TEA).await.expect("listed");
        assert_eq!(listed.iter().map(|one| one.documents).collect::<Vec<_>>(), [3, 2, 1]);
    }
}

#[tokio::test]
async fn an_index_that_was_published_from_a_folder_is_gone_on_with() {
    let site = Site::folder();
    site.publish(&site.index_with("local", &[("a", "green tea")]).await).await;
    let bench = bench(&site, "bench");
    add(&bench, "b", "black tea").await;
    assert_eq!(site.found_afresh("tea").await, ["a#0", "b#0"]);
    let base = bench.check_out(TEA).await.expect("checked out");
    let same = bench.publish(base, TEA, &publication(), History::Keep).await.expect("published");
    assert!(!same.is_new, "nothing was changed");
}

#[tokio::test]
async fn who_is_outrun_begins_anew_and_finds_what_was_worked_out() {
    let site = Site::folder();
    let (slow, fast) = (bench(&site, "slow"), bench(&site, "fast"));
    add(&slow, "a", "green tea").await;
    let base = slow.check_out(TEA).await.expect("checked out");
    put(slow.index(), &[("b", "black tea")]).await;
    add(&fast, "c", "white tea").await;
    let outrun = slow.publish(base, TEA, &publication(), History::Keep).await.expect_err("outrun");
    assert_eq!(outrun.kind(), ErrorKind::Conflict);
    assert_eq!(site.found_afresh("tea").await, ["a#0", "c#0"], "theirs stays");

    let base = slow.check_out(TEA).await.expect("checked out");
    let beside: Vec<_> = slow.index().collections().await.expect("listed");
    let found = beside.iter().map(|one| (one.name.as_str(), one.documents)).collect::<Vec<_>>();
    assert_eq!(found, [("aside", 2), (TEA, 2)], "the version that was lost lies beside the new one");
    put(slow.index(), &[("b", "black tea")]).await;
    slow.publish(base, TEA, &publication(), History::Keep).await.expect("published");
    assert_eq!(site.found_afresh("tea").await, ["a#0", "b#0", "c#0"]);
    let left = slow.index().collections().await.expect("listed");
    assert_eq!(left.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), [TEA]);
}

#[tokio::test]
async fn files_that_are_here_are_not_fetched_again() {
    let site = Site::folder();
    let bench = bench(&site, "bench");
    add(&bench, "a", "green tea").await;
    add(&bench, "b", "black tea").await;
    // Whoever had to fetch them now would fail.
    let uploads = site.objects().join(TEA).join("uploads");
    let hidden = site.path("hidden");
    std::fs::rename(&uploads, &hidden).expect("moved");
    let _base = bench.check_out(TEA).await.expect("checked out");
    assert_eq!(find(bench.index(), "tea").await, ["a#0", "b#0"]);
    std::fs::rename(&hidden, &uploads).expect("moved back");
}

#[tokio::test]
async fn what_is_removed_leaves_no_file_and_a_first_reader_no_trace_of_a_purge() {
    let site = Site::folder();
    let bench = bench(&site, "bench");
    add(&bench, "a", "green tea").await;
    add(&bench, "b", "unspeakable words").await;
    let base = bench.check_out(TEA).await.expect("checked out");
    bench.index().delete(TEA, &["b".to_owned()]).await.expect("deleted");
    bench.publish(base, TEA, &publication(), History::Remove).await.expect("published");
    let listed = site.generations().list(TEA).await.expect("listed");
    assert_eq!((listed.len(), listed[0].documents, listed[0].deleted_records), (1, 1, 0));
    let files = files_below(&site.objects().join(TEA).join("uploads"));
    assert_eq!(files as u64, needed(&site, &bench).await, "no file is left that the live generation does not need");
    assert_eq!(site.found_afresh("tea").await, ["a#0"]);
}

/// Files that the live generation consists of.
async fn needed(site: &Site, bench: &Workbench) -> u64 {
    let base = bench.check_out(TEA).await.expect("checked out");
    let same = bench.publish(base, TEA, &publication(), History::Keep).await.expect("published");
    assert!(!same.is_new && site.generations().list(TEA).await.expect("listed").len() == 1);
    same.files as u64
}

fn files_below(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).expect("listed").map(|entry| entry.expect("an entry").path());
    entries.map(|path| if path.is_dir() { files_below(&path) } else { 1 }).sum()
}

#[tokio::test]
async fn ten_to_twenty_generations_are_kept() {
    let site = Site::folder();
    let bench = bench(&site, "bench");
    let mut most = 0;
    for (id, text) in many(23) {
        add(&bench, &id, &text).await;
        most = most.max(site.generations().list(TEA).await.expect("listed").len());
    }
    assert_eq!((most, site.generations().list(TEA).await.expect("listed").len()), (20, 12));
    assert_eq!(site.count_afresh().await, 23);
}
