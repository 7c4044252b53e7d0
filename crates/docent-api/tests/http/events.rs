//! What watchers of a query are told.

use crate::client::Site;
use docent_api::ApiSettings;
use docent_testkit::provider::{ScriptedGenerator, Step};
use serde_json::{Value, json};
use std::time::Duration;

/// Number, name and data of each event.
fn events(stream: &str) -> Vec<(u64, String, Value)> {
    let blocks = stream.split("\n\n").filter(|block| block.contains("data:"));
    blocks
        .map(|block| {
            let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            (
                field("id:").and_then(|id| id.parse().ok()).expect("a number"),
                field("event:").expect("a name").to_owned(),
                serde_json::from_str(field("data:").expect("data")).expect("JSON"),
            )
        })
        .collect()
}

fn names(events: &[(u64, String, Value)]) -> Vec<(u64, &str)> {
    events.iter().map(|(number, name, _)| (*number, name.as_str())).collect()
}

fn slowly() -> ScriptedGenerator {
    ScriptedGenerator::new(|_, _| {
        vec![
            Step::Wait(Duration::from_millis(150)),
            Step::statement("Annual leave is 25 days.", &[(1, "Annual leave is 25 days")]),
            Step::statement("It is a gift.", &[(1, "a gift from above")]),
            Step::Wait(Duration::from_millis(150)),
            Step::statement("Ask two weeks ahead.", &[(1, "requested two weeks ahead")]),
            Step::done(),
        ]
    })
}

#[tokio::test]
async fn live_and_afterwards_the_same_story() {
    let site = Site::with(slowly(), ApiSettings::default()).await;
    let asked = site.post("/v1/queries", &json!({"query": "How long is annual leave?"})).await.json();
    let path = format!("/v1/queries/{}/events", asked["id"].as_str().expect("an id"));
    let live = events(&site.get(&path).await.text);
    let expect = [(1, "status"), (2, "sources"), (3, "statement"), (4, "statement"), (5, "done")];
    assert_eq!(names(&live), expect, "the statement without evidence is not among them");
    assert_eq!(live[2].2["citations"][0]["cited_text"], "Annual leave is 25 days");
    assert_eq!(live[4].2["outcome"], "partial");
    assert_eq!(events(&site.get(&path).await.text), live, "replayed from the store");

    let resumed = site.call("GET", &path, &[("last-event-id", "3")], "").await;
    assert_eq!(names(&events(&resumed.text)), [(4, "statement"), (5, "done")]);
    let late = site.call("GET", &path, &[("last-event-id", "99")], "").await;
    assert_eq!(events(&late.text).last().map(|(_, name, _)| name.as_str()), Some("done"));
}

#[tokio::test]
async fn two_watchers_and_one_that_comes_back_amid() {
    let site = Site::with(slowly(), ApiSettings::default()).await;
    let asked = site.post("/v1/queries", &json!({"query": "How long is annual leave?"})).await.json();
    let path = format!("/v1/queries/{}/events", asked["id"].as_str().expect("an id"));
    let back = [("last-event-id", "2")];
    let (first, second, resumed) = tokio::join!(site.get(&path), site.get(&path), site.call("GET", &path, &back, ""));
    assert_eq!(events(&first.text), events(&second.text));
    assert_eq!(names(&events(&resumed.text)), [(3, "statement"), (4, "statement"), (5, "done")]);
}

#[tokio::test]
async fn an_unknown_query_has_no_events() {
    let site = Site::open().await;
    assert_eq!(site.get("/v1/queries/qry_0/events").await.status, 404);
}
