//! What is kept of fuzzing the bodies of requests, and what a body may do to the server.

#[path = "../../../../fuzz/kept.rs"]
mod kept;
#[expect(unreachable_pub, reason = "shared with the fuzz targets")]
#[path = "../../../../fuzz/src/wire.rs"]
mod wire;

use crate::client::Site;

#[test]
fn every_body_is_read_or_refused() {
    kept::replay("wire", wire::run);
}

#[tokio::test]
async fn nesting_without_end_is_refused() {
    let site = Site::open().await;
    for (path, status) in
        [("/submit_query", 422), ("/v1/queries", 400), ("/v1/chat/completions", 400), ("/v1/search", 400)]
    {
        for opening in ["[", "{\"a\":"] {
            let body = opening.repeat(1_000_000 / opening.len());
            let reply = site.call("POST", path, &[("content-type", "application/json")], &body).await;
            assert_eq!(reply.status, status, "{path} {}", reply.text);
        }
    }
    assert_eq!(site.get("/healthz").await.status, 200);
}
