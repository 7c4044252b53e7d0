//! What chat front ends send to an endpoint that speaks OpenAI's protocol, as their sources have it.

use crate::client::{Reply, Site};
use serde_json::{Value, json};

const QUESTION: &str = "How many days of annual leave?";

fn asked(messages: Value, more: Value) -> Value {
    let mut body = json!({"model": "default", "messages": messages});
    body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    body
}

async fn complete(site: &Site, body: &Value) -> Reply {
    site.post("/v1/chat/completions", body).await
}

/// The trace of the answer: what was asked, by whom, and how it was understood.
async fn understood(site: &Site, reply: &Reply) -> (Value, Value) {
    let id = reply.json()["docent"]["query_id"].as_str().unwrap_or_else(|| panic!("{}", reply.text)).to_owned();
    let query = site.get(&format!("/v1/queries/{id}")).await.json();
    (query, site.get(&format!("/v1/queries/{id}/trace")).await.json())
}

#[tokio::test]
async fn settings_and_forms_that_mean_nothing_here_are_taken() {
    let site = Site::open().await;
    let text = |text: &str| json!([{"role": "user", "content": text}]);
    let tool = json!({"type": "function", "function": {"name": "search", "parameters": {"type": "object"}}});
    let rows = [
        ("nothing", asked(text(QUESTION), json!({}))),
        (
            "Open WebUI",
            asked(
                text(QUESTION),
                json!({"stream_options": {"include_usage": true}, "max_completion_tokens": 1000, "tools": [tool], "stop": ["###"]}),
            ),
        ),
        (
            "LibreChat",
            asked(
                json!([{"role": "user", "content": [{"type": "text", "text": QUESTION}]}]),
                json!({"user": "67f0", "temperature": 1, "top_p": 1, "presence_penalty": 0, "frequency_penalty": 0, "max_tokens": 4096}),
            ),
        ),
        (
            "LobeChat",
            asked(
                text(QUESTION),
                json!({"tools": [tool], "tool_choice": "auto", "n": 1, "response_format": {"type": "text"}, "reasoning_effort": "low"}),
            ),
        ),
        (
            "a picture beside the question",
            asked(
                json!([{"role": "user", "content": [
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
                    {"type": "text", "text": QUESTION},
                    {"type": "text", "text": null},
                ]}]),
                json!({}),
            ),
        ),
        (
            "null for what is not set",
            asked(text(QUESTION), json!({"stream": null, "stream_options": null, "user": null, "stop": null})),
        ),
        (
            "an empty message where the answer will stand",
            asked(
                json!([{"role": "user", "content": QUESTION}, {"role": "assistant", "content": ""}]),
                json!({"stream_options": {"include_usage": null}}),
            ),
        ),
        (
            "rules behind the question",
            asked(
                json!([{"role": "user", "content": QUESTION}, {"role": "developer", "content": "Today is Thursday."}]),
                json!({}),
            ),
        ),
    ];
    for (who, body) in rows {
        let reply = complete(&site, &body).await;
        assert_eq!(reply.status, 200, "{who}: {}", reply.text);
        assert_eq!(reply.json()["docent"]["outcome"], "answered", "{who}");
        let (query, trace) = understood(&site, &reply).await;
        assert_eq!((&query["query"], &trace["question"]), (&json!(QUESTION), &json!(QUESTION)), "{who}");
    }
}

#[tokio::test]
async fn a_turn_without_words_is_no_question() {
    let site = Site::open().await;
    let picture = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}});
    let follows = asked(
        json!([
            {"role": "user", "content": QUESTION},
            {"role": "assistant", "content": null, "tool_calls": []},
            {"role": "user", "content": [picture]},
            {"role": "assistant", "content": "\n"},
            {"role": "user", "content": "And is it requested ahead?"},
        ]),
        json!({}),
    );
    let (_, trace) = understood(&site, &complete(&site, &follows).await).await;
    assert_eq!(trace["question"], format!("{QUESTION} And is it requested ahead?"));

    let only = complete(&site, &asked(json!([{"role": "user", "content": [picture]}]), json!({}))).await;
    assert_eq!((only.status.as_u16(), only.json()["error"]["message"].as_str()), (400, Some("the question is empty")));
    let wrong = complete(&site, &asked(json!([{"role": "user", "content": 7}]), json!({}))).await;
    let message = wrong.json()["error"]["message"].as_str().expect("a message").to_owned();
    assert!(message.contains("is a text or a list of parts"), "{message}");
}

#[tokio::test]
async fn wishes_are_kept_as_long_as_there_is_room() {
    let site = Site::open().await;
    let long = "Use components of the design system. ".repeat(200);
    let body = asked(
        json!([
            {"role": "system", "content": "Be brief."},
            {"role": "system", "content": long},
            {"role": "developer", "content": [{"type": "text", "text": "Answer in German."}]},
            {"role": "user", "content": QUESTION},
        ]),
        json!({}),
    );
    let reply = complete(&site, &body).await;
    assert_eq!(reply.json()["docent"]["outcome"], "answered", "{}", reply.text);
    let id = reply.json()["docent"]["query_id"].as_str().expect("an id").trim_start_matches("qry_").to_owned();
    let stored = site.house.engine.queries.get(&id).await.expect("read").expect("there");
    assert_eq!(stored.request.instructions.as_deref(), Some("Be brief.\nAnswer in German."));
}

#[tokio::test]
async fn what_front_ends_ask_about_the_conversation_costs_nothing() {
    let site = Site::open().await;
    let one = |content: &str| json!([{"role": "user", "content": content}]);
    let history = "<chat_history>\nUSER: How many days of annual leave?\nASSISTANT: 25.\n</chat_history>";
    let task = |task: &str| one(&format!("### Task:\n{task}\n### Chat History:\n{history}"));
    let lobe = "You are a professional conversation summarizer. Generate a concise title."; // typos:ignore
    let jan = "Summarize in a 10-word Title. Give the title only. Here is the message: How many?"; // typos:ignore
    let rows = [
        ("Open WebUI: title", task("Generate a concise title.")),
        ("Open WebUI: longer than a question may be", task(&"- a guideline\n".repeat(200))),
        (
            "LibreChat",
            one("Provide a concise, 5-word-or-less title for the conversation, using title case conventions."),
        ),
        ("Chatbox", one("Based on the chat history, give this conversation a name.\nKeep it short.")),
        ("LobeChat", json!([{"role": "system", "content": lobe}, {"role": "user", "content": "user: How many?"}])),
        ("Jan", one(jan)),
    ];
    for (who, messages) in rows {
        let reply = complete(&site, &asked(messages.clone(), json!({}))).await;
        assert_eq!(reply.status, 200, "{who}: {}", reply.text);
        let whole = reply.json();
        let choice = &whole["choices"][0];
        assert_eq!((&choice["message"]["content"], &choice["finish_reason"]), (&json!(""), &json!("stop")), "{who}");
        assert_eq!((&whole["usage"]["total_tokens"], whole.get("docent")), (&json!(0), None), "{who}");

        let stream = json!({"stream": true, "stream_options": {"include_usage": true}});
        let streamed = complete(&site, &asked(messages, stream)).await.text;
        let chunks: Vec<&str> = streamed.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
        let [only, spent, "[DONE]"] = chunks[..] else { panic!("{who}: {streamed}") };
        let (only, spent): (Value, Value) =
            (serde_json::from_str(only).expect("JSON"), serde_json::from_str(spent).expect("JSON"));
        assert_eq!(only["choices"][0]["delta"]["content"], "", "{who}");
        assert_eq!((&spent["choices"], &spent["usage"]["total_tokens"]), (&json!([]), &json!(0)), "{who}");
    }
    assert_eq!(site.get("/v1/queries").await.json()["data"], json!([]), "nothing was stored");
    // What a person asks about tasks and titles is a question.
    let asks = complete(&site, &asked(one("### Task: how many days of annual leave?"), json!({}))).await;
    assert_eq!(asks.json()["docent"]["outcome"], "answered");
}
