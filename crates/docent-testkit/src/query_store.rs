//! The contract of [`QueryStore`]: what every implementation must do, as a list of named checks.
//!
//! Each check makes users and ids of its own, so the checks may share one store, also with others at the same time. Those
//! that look at the whole store (`unattended`, `expire`, webhooks) live in years of their own.

use crate::{
    query_store_deletes as deletes, query_store_leases as leases, query_store_records as records,
    query_store_webhooks as webhooks,
};
use docent_core::query::{Failure, Feedback, Lease, QueryRequest};
use docent_core::{
    Answer, Citation, Cost, Filter, MicroDollars, Outcome, Query, QueryStatus, Source, Timestamp, Usage, Verification,
};
use docent_engine::ports::{Claim, QueryStore};
use futures::future::BoxFuture;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// One check: panics when the store breaks the promise.
pub type Check = fn(Arc<dyn QueryStore>) -> BoxFuture<'static, ()>;

macro_rules! checks {
    ($($module:ident::$check:ident),* $(,)?) => {
        &[$((stringify!($check), |store| Box::pin($module::$check(store)))),*]
    };
}

/// The checks by name.
pub const CHECKS: &[(&str, Check)] = checks![
    records::a_new_query_comes_back_as_it_was,
    records::what_does_not_exist_is_said_so,
    records::an_id_is_given_once,
    records::a_users_queries_come_newest_first_page_by_page,
    records::a_page_goes_on_where_a_deleted_query_stood,
    records::an_owners_queries_are_listed_apart,
    records::an_idempotency_key_is_its_owners,
    records::the_same_key_and_request_make_one_query,
    records::the_same_key_for_another_request_is_a_conflict,
    records::racing_creates_with_one_key_make_one_query,
    records::an_answer_comes_back_as_it_was,
    records::feedback_is_kept_and_replaced,
    records::a_trace_is_kept_only_with_the_ending,
    records::delete_forgets_the_query_the_trace_and_the_key,
    records::expire_forgets_what_has_expired_and_nothing_else,
    records::any_text_of_any_size_is_kept,
    deletes::an_answer_is_marked_once_and_keeps_its_words,
    deletes::an_erased_answer_keeps_nothing_but_the_question,
    deletes::a_trace_that_names_the_document_is_erased_with_it,
    deletes::only_the_collection_that_is_meant_is_looked_through,
    deletes::two_deletes_at_once_leave_both_marks,
    deletes::an_answer_of_any_size_is_found_and_changed,
    leases::a_claim_is_granted_once,
    leases::a_lapsed_lease_goes_to_another_and_the_first_is_shut_out,
    leases::a_renewed_lease_holds,
    leases::a_late_ending_that_nobody_overtook_counts,
    leases::of_many_racing_claims_one_is_granted,
    leases::of_many_racing_claims_on_a_lapsed_lease_one_is_granted,
    leases::attempts_run_out,
    leases::no_attempt_starts_at_or_after_the_deadline,
    leases::a_query_ends_once,
    leases::a_failure_is_kept,
    leases::cancel_stops_a_query_that_has_not_ended,
    leases::cancel_and_finish_cannot_both_win,
    leases::a_released_query_is_free_and_its_attempt_uncounted,
    leases::fail_unheld_spares_the_held_and_the_ended,
    leases::unattended_names_the_stale_and_the_lapsed_oldest_first,
    webhooks::every_ending_makes_a_webhook_due,
    webhooks::a_query_without_a_webhook_has_none,
    webhooks::of_many_who_take_a_webhook_one_gets_it,
    webhooks::who_dies_with_a_webhook_leaves_it_due,
    webhooks::a_webhook_is_tried_again_and_ends_once,
];

/// Runs every check and panics with the names of those that failed; what each found is on standard error.
///
/// # Panics
/// When the store breaks a promise.
pub async fn contract(store: Arc<dyn QueryStore>) {
    let mut broken = Vec::new();
    for (name, check) in CHECKS {
        if tokio::spawn(check(Arc::clone(&store))).await.is_err() {
            broken.push(*name);
        }
    }
    assert!(broken.is_empty(), "the query store breaks its contract: {}", broken.join(", "));
}

/// A moment for checks to start from: 2026-11-23, 00:00 UTC.
pub const START: Timestamp = Timestamp::from_millis(1_795_392_000_000);

/// An id nobody else has: like the real ones 32 hexadecimal digits that sort by `created_at` and then by creation.
pub fn fresh_id(created_at: Timestamp) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{:012x}{:08x}{count:012x}", created_at.as_millis(), process::id())
}

/// A user nobody else is.
pub fn fresh_user() -> String {
    format!("user-{}", fresh_id(START))
}

/// A queued query with a fresh id, ten minutes to its deadline and thirty days to its end.
pub fn sample_query(user_id: &str, text: &str, created_at: Timestamp) -> Query {
    Query {
        id: fresh_id(created_at),
        request: QueryRequest {
            text: text.to_owned(),
            collection: "default".to_owned(),
            user_id: user_id.to_owned(),
            top_k: 8,
            ..QueryRequest::default()
        },
        status: QueryStatus::Queued,
        attempt: 0,
        lease: None,
        answer: None,
        failure: None,
        feedback: None,
        webhook: None,
        created_at,
        completed_at: None,
        deadline: created_at.plus(Duration::from_secs(600)),
        expires_at: created_at.plus(Duration::from_secs(30 * 86_400)),
    }
}

/// An answer with one citation and one source.
pub fn sample_answer(text: &str) -> Answer {
    let quote = "Staff have 25 days of leave a year.";
    Answer {
        outcome: Outcome::Answered,
        text: text.to_owned(),
        citations: vec![Citation {
            chunk_id: "doc_1#0".to_owned(),
            document_id: "doc_1".to_owned(),
            filename: "handbook/leave.pdf".to_owned(),
            title: "Leave".to_owned(),
            heading_path: vec!["Annual leave".to_owned()],
            start_page_number: Some(3),
            end_page_number: Some(3),
            page_index: 2,
            cited_text: quote.to_owned(),
            start_char_index: 17,
            end_char_index: 52,
            verification: Verification::Verified,
            answer_start_index: 0,
            answer_end_index: 20,
        }],
        sources: vec![sample_source(quote)],
        usage: Usage { input_tokens: 900, output_tokens: 40, total_tokens: 940, embedding_tokens: 12 },
        cost: Some(Cost {
            money: Some(MicroDollars(159)),
            model: "openai/gpt-4o-mini".to_owned(),
            prices_as_of: Some("2026-11-05".to_owned()),
            note: None,
        }),
        generation: "42".to_owned(),
        model: "quoting".to_owned(),
        deleted_documents: Vec::new(),
        is_erased: false,
    }
}

fn sample_source(text: &str) -> Source {
    Source {
        chunk_id: "doc_1#0".to_owned(),
        document_id: "doc_1".to_owned(),
        filename: "handbook/leave.pdf".to_owned(),
        title: "Leave".to_owned(),
        page_number: Some(3),
        heading_path: vec!["Annual leave".to_owned()],
        text: text.to_owned(),
        score: 0.1,
        page_index: Some(2),
        start_char_index: Some(40),
        end_char_index: Some(240),
    }
}

/// A request with every field in use.
pub(crate) fn full_request(user_id: &str) -> QueryRequest {
    let filter = r#"{"type":"and","filters":[{"type":"eq","key":"format","value":"pdf"},
        {"type":"gte","key":"page","value":2.0},{"type":"in","key":"title","value":["A","B"]}]}"#;
    QueryRequest {
        text: "How many days of leave are there?".to_owned(),
        collection: "handbook".to_owned(),
        owner: None,
        user_id: user_id.to_owned(),
        top_k: 12,
        filter: serde_json::from_str::<Filter>(filter).ok(),
        instructions: Some("answer in one sentence".to_owned()),
        metadata: [("channel".to_owned(), "mail".to_owned()), ("ticket".to_owned(), "4711".to_owned())].into(),
        previous_query_id: Some(fresh_id(START)),
        earlier: vec!["How many days of leave are there in Lyon?".to_owned()],
        webhook_url: Some("https://example.com/hooks?for=docent".to_owned()),
    }
}

/// Why a query failed.
pub fn sample_failure() -> Failure {
    Failure {
        code: "provider_unavailable".to_owned(),
        message: "the model endpoint did not answer".to_owned(),
        hint: Some("check that it runs".to_owned()),
    }
}

/// A thumb up or down.
pub(crate) fn sample_feedback(helpful: bool) -> Feedback {
    Feedback { helpful, reason: (!helpful).then(|| "beside the point".to_owned()) }
}

/// `seconds` after [`START`].
pub(crate) fn at(seconds: u64) -> Timestamp {
    START.plus(Duration::from_secs(seconds))
}

/// A lease of `worker` until `seconds` after [`START`].
pub(crate) fn lease(worker: &str, seconds: u64) -> Lease {
    Lease { worker: worker.to_owned(), until: at(seconds) }
}

/// Stores a query of a new user, created at [`START`].
pub(crate) async fn stored(store: &Arc<dyn QueryStore>) -> Query {
    let query = sample_query(&fresh_user(), "How many days of leave are there?", START);
    store.create(&query, None).await.expect("create");
    query
}

/// The query as the store has it now.
pub(crate) async fn fetch(store: &Arc<dyn QueryStore>, id: &str) -> Query {
    store.get(id).await.expect("get").expect("the query exists")
}

/// Claims for `worker` at `now` until `until` (seconds after [`START`]) and expects to get it.
pub(crate) async fn claimed(store: &Arc<dyn QueryStore>, id: &str, worker: &str, now: u64, until: u64) -> Query {
    match store.claim(id, &lease(worker, until), at(now), 3).await.expect("claim") {
        Claim::Granted(query) => *query,
        other => panic!("{worker} should have got the query, but it is {other:?}"),
    }
}
