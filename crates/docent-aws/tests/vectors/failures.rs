//! What people are told when AWS is not as it should be; and what is tried again.

use super::server::{Server, index_at};
use docent_core::SearchMode;
use docent_engine::ErrorKind;
use docent_engine::ports::ChunkIndex;
use docent_testkit::chunk_index::{document, fresh_collection, leaning, profile, question};
use docent_testkit::fault_proxy::{FaultProxy, Passing};
use docent_testkit::ministack::free_port;
use docent_testkit::vector_bucket::{BUCKET_ARN, refusal};
use std::time::Duration;

#[tokio::test]
async fn throttling_and_trouble_are_waited_out() {
    let Some(server) = Server::start() else { return };
    for (status, code) in [(429, "TooManyRequestsException"), (503, "ServiceUnavailableException")] {
        let every_other = move |passing: &Passing<'_>| {
            passing.number.is_multiple_of(2).then(|| refusal(status, code, "as the test says"))
        };
        let (index, proxy) = server.behind(every_other).await;
        let name = fresh_collection(&index).await;
        let vector = leaning(1, 0.5);
        index.upsert(&name, vec![document("a", &["tea"], &vector)]).await.unwrap();
        index.upsert(&name, vec![document("a", &["coffee"], &vector)]).await.unwrap();
        let hits = index.search(&name, &question(SearchMode::Dense, "", vector)).await.unwrap().hits;
        assert_eq!(hits.iter().map(|hit| hit.chunk.text.as_str()).collect::<Vec<_>>(), ["coffee"], "{code}");
        assert_eq!(index.delete(&name, &["a".to_owned()]).await.unwrap().chunks, 1, "{code}");
        assert!(proxy.faults() > 10, "{code}: {} faults", proxy.faults());
    }
}

#[tokio::test]
async fn what_does_not_pass_has_a_kind_and_a_hint() {
    let busy = ErrorKind::RateLimited { retry_after: None };
    for (status, code, kind, word) in [
        (429, "TooManyRequestsException", busy, "wait"),
        (503, "ServiceUnavailableException", ErrorKind::Unavailable, "try again"),
        (403, "AccessDeniedException", ErrorKind::Unauthorized, "s3vectors:"),
        (400, "ValidationException", ErrorKind::Invalid, "limits"),
        (402, "ServiceQuotaExceededException", ErrorKind::Unavailable, "quota"),
    ] {
        let proxy = FaultProxy::start("127.0.0.1:1", move |_| Some(refusal(status, code, "as the test says")));
        let index = index_at(&proxy.url(), BUCKET_ARN, Duration::from_secs(1)).await;
        let request = question(SearchMode::Dense, "", leaning(1, 0.5));
        let errors = [
            index.collections().await.unwrap_err(),
            index.search("docs", &request).await.unwrap_err(),
            index.open_or_create("docs", &profile()).await.unwrap_err(),
            index.delete_collection("docs").await.unwrap_err(),
        ];
        for error in errors {
            // A time-out says less, as nobody knows what the answer would have been.
            let kinds = [kind, ErrorKind::Unavailable];
            assert!(kinds.contains(&error.kind()), "{code}: {error:?}");
            let hint = error.hint_text().unwrap_or_default();
            assert!(hint.contains(word) || error.to_string().contains("in time"), "{code}: {error} · {hint}");
        }
    }
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_named() {
    let Some(server) = Server::start() else { return };
    let arn = "arn:aws:s3vectors:us-east-1:123456789012:bucket/elsewhere";
    let index = index_at(&server.bucket.endpoint(), arn, Duration::from_secs(60)).await;
    let request = question(SearchMode::Dense, "", leaning(1, 0.5));
    let errors = [
        index.collections().await.unwrap_err(),
        index.collection("docs").await.unwrap_err(),
        index.open_or_create("docs", &profile()).await.unwrap_err(),
        index.search("docs", &request).await.unwrap_err(),
        index.delete_collection("docs").await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("`elsewhere` does not exist"), "{error}");
        assert!(error.hint_text().is_some_and(|hint| hint.contains("DOCENT_INDEX")), "{error}");
    }
}

#[tokio::test]
async fn nobody_answers() {
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let index = index_at(&nobody, BUCKET_ARN, Duration::from_secs(1)).await;
    let error = index.collections().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(error.hint_text().is_some_and(|hint| hint.contains("try again")), "{error}");
}
