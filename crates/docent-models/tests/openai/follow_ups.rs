//! A question that follows others, rewritten by the model.

use crate::scripted::{Scripted, body, completion, refusal};
use docent_engine::Result;
use docent_engine::ports::{Generator, RewriteRequest, Rewritten};
use docent_models::openai::REWRITE_TOKENS;
use std::time::Duration;

const STANDALONE: &str = "How many days of annual leave do part-timers have?";

async fn rewrite(endpoint: &Scripted) -> Result<Rewritten> {
    let request = RewriteRequest {
        earlier: vec!["How many days of annual\nleave do we have?".to_owned()],
        question: "And part-timers?".to_owned(),
        time_limit: Duration::from_secs(5),
    };
    let rewritten = endpoint.generator().rewrite(request).await?;
    Ok(rewritten.expect("there is a model"))
}

#[tokio::test]
async fn the_model_is_given_the_conversation_and_returns_a_question() {
    for said in [STANDALONE.to_owned(), format!("<think>Leave, then.</think>\n\n\"{STANDALONE}\"\n")] {
        let endpoint = Scripted::answering([body(&completion(&said, "stop"))]).await;
        let rewritten = rewrite(&endpoint).await.expect("rewritten");
        assert_eq!((rewritten.question.as_str(), rewritten.usage.total_tokens), (STANDALONE, 120));
        let asked = &endpoint.requests()[0].body;
        assert_eq!(asked["messages"][0]["role"], "system");
        let user = "Earlier questions, oldest first:\n- How many days of annual leave do we have?\n\n\
                    Last question: And part-timers?";
        assert_eq!(asked["messages"][1]["content"], user);
        assert_eq!((&asked["stream"], &asked["max_completion_tokens"]), (&false.into(), &REWRITE_TOKENS.into()));
        assert!(asked.get("response_format").is_none(), "{asked}");
    }
}

#[tokio::test]
async fn a_field_that_the_endpoint_does_not_know_is_left_out() {
    let unknown = refusal("400 Bad Request", "invalid_request_error", "unsupported parameter: max_completion_tokens");
    let endpoint = Scripted::answering([unknown, body(&completion(STANDALONE, "stop"))]).await;
    assert_eq!(rewrite(&endpoint).await.expect("rewritten").question, STANDALONE);
    assert_eq!(endpoint.requests()[1].body["max_tokens"], REWRITE_TOKENS);
}

#[tokio::test]
async fn what_fails_is_not_tried_again() {
    let busy = refusal("503 Service Unavailable", "server_error", "overloaded");
    let chatty = body(&completion("Sure!\nHere is the question:\nWhy?", "stop"));
    let empty = body(&completion("", "stop"));
    for answer in [busy, chatty, empty] {
        let endpoint = Scripted::answering([answer]).await;
        rewrite(&endpoint).await.expect_err("not a question");
        assert_eq!(endpoint.requests().len(), 1);
    }
}
