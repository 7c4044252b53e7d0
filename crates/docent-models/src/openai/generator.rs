//! Answers from a chat model.

use super::client::{Body, Client};
use super::dialect::{Dialect, FULL};
use super::evidence::Evidence;
use super::failure::{Attempt, Failure, malformed};
use super::reply::Reply;
use super::retry::Deadline;
use super::scan::without_thoughts;
use super::settings::OpenAiSettings;
use super::sse::EventReader;
use super::wire::{ChatRequest, Completion, Content, TokenUsage};
use docent_core::Usage;
use docent_core::follow_up;
use docent_core::prompt::{Message, NumberedChunk, Prompt, PromptParts, Role, answer_prompt, rewrite_prompt};
use docent_core::query::Statement;
use docent_engine::ports::{GenerateEvent, GenerateRequest, Generator, RewriteRequest, Rewritten};
use docent_engine::{Error, Result};
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

const PATH: &str = "/chat/completions";
/// Bytes of an answer beyond which the endpoint is not believed to be one.
const ANSWER_BYTES: usize = 8 * 1024 * 1024;
/// How long the end of a finished stream is waited for, so that its connection can serve the next request.
const LINGER: Duration = Duration::from_millis(200);
/// Tokens that the check may cost; some endpoints refuse fewer.
const CHECK_TOKENS: u32 = 16;
/// Tokens that a rewritten question may cost: some models think before they write.
pub const REWRITE_TOKENS: u32 = 1_000;

/// A chat model behind an OpenAI-compatible endpoint.
///
/// Cheap to share; it keeps a pool of connections and what it has learnt about the endpoint's dialect. Dropping the stream
/// of an answer cancels the request.
pub struct OpenAiGenerator {
    name: String,
    inner: Arc<Inner>,
}

struct Inner {
    client: Client,
    dialect: Mutex<Dialect>,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The model that answered, by the endpoint's own name if it gives one.
    pub model: String,
    /// From sending the request to having the whole answer.
    pub latency: Duration,
}

impl OpenAiGenerator {
    /// Prepares a generator; nothing is sent. Fails with `Invalid` if the settings cannot be right.
    pub fn new(settings: OpenAiSettings) -> Result<Self> {
        if settings.model.trim().is_empty() {
            return Err(Error::invalid("no chat model is named").hint("name one, for example gpt-4o-mini"));
        }
        let name = format!("openai/{}", settings.model);
        let inner = Inner { client: Client::new(settings)?, dialect: Mutex::new(FULL) };
        Ok(Self { name, inner: Arc::new(inner) })
    }

    /// Asks the model for one word, without retries: does the endpoint answer, is the key right, does the model exist?
    pub async fn check(&self, time_limit: Duration) -> Result<Checked> {
        self.inner.check(Deadline::after(time_limit)).await
    }
}

impl Generator for OpenAiGenerator {
    fn name(&self) -> &str {
        &self.name
    }

    fn generate(&self, request: GenerateRequest) -> BoxStream<'static, Result<GenerateEvent>> {
        let (sender, mut receiver) = mpsc::channel(16);
        let inner = Arc::clone(&self.inner);
        let work = async move {
            let mut events = Events { sender, statements: 0 };
            if let Err(error) = inner.answer(&request, &mut events).await {
                events.send(Err(error)).await;
            }
        };
        // The work is polled as a part of the stream, so it needs no task of its own and ends when the stream is dropped.
        let work = stream::once(work).filter_map(|()| std::future::ready(None));
        let events = stream::poll_fn(move |context| receiver.poll_recv(context));
        stream::select(events, work).boxed()
    }

    fn rewrite(&self, request: RewriteRequest) -> BoxFuture<'static, Result<Option<Rewritten>>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move { inner.rewrite(&request).await.map(Some) })
    }
}

/// The way out of one answer.
struct Events {
    sender: mpsc::Sender<Result<GenerateEvent>>,
    statements: usize,
}

impl Events {
    async fn statements(&mut self, statements: Vec<Statement>) {
        for statement in statements.into_iter().filter(|statement| !statement.text.is_empty()) {
            self.statements += 1;
            self.send(Ok(GenerateEvent::Statement(statement))).await;
        }
    }

    /// Nobody listening is not an error: the stream was dropped, and this future is about to be.
    async fn send(&self, event: Result<GenerateEvent>) {
        let _ = self.sender.send(event).await;
    }
}

impl Inner {
    fn settings(&self) -> &OpenAiSettings {
        &self.client.settings
    }

    /// Attempts until one succeeds, has already sent a statement, or must be the last.
    async fn answer(&self, request: &GenerateRequest, events: &mut Events) -> Result<()> {
        let deadline = Deadline::after(request.time_limit);
        let prompt = self.prompt(request);
        let mut usage = Usage::default();
        let mut attempt = 1;
        loop {
            let dialect = self.dialect();
            let asked = Asking { request, prompt: &prompt, dialect, deadline: self.client.attempt(deadline) };
            let failure = match self.attempt(&asked, events, &mut usage).await {
                Ok(missing) => {
                    events.send(Ok(GenerateEvent::Done { usage, missing })).await;
                    return Ok(());
                }
                Err(failure) if events.statements > 0 => return Err(failure.error),
                Err(failure) => failure,
            };
            if !self.learn(dialect, &failure) {
                self.client.pause(failure, attempt, deadline).await?;
                attempt += 1;
            }
        }
    }

    /// One request; returns what is missing.
    async fn attempt(&self, asked: &Asking<'_>, events: &mut Events, usage: &mut Usage) -> Attempt<Option<String>> {
        let settings = self.settings();
        let request = asked.dialect.request(settings, &asked.prompt.messages);
        let body = self.client.post(PATH, &settings.model, &request, asked.deadline).await?;
        let mut reply = Reply::default();
        let read = self.read(body, &mut reply, events).await;
        usage.add(&reply.usage);
        if !reply.is_finished() {
            read?;
        }
        let rest = reply.settle(&settings.model, || asked.evidence())?;
        events.statements(rest.statements).await;
        Ok(rest.missing)
    }

    /// Reads an answer that is streamed, as it should be, or comes in one piece from servers that ignore `stream`.
    async fn read(&self, mut body: Body<'_>, reply: &mut Reply, events: &mut Events) -> Attempt<()> {
        if body.media_type() == "text/event-stream" {
            return self.read_stream(&mut body, reply, events).await;
        }
        let bytes = body.whole(ANSWER_BYTES).await?;
        if bytes.trim_ascii_start().starts_with(b"data:") {
            let mut reader = EventReader::default();
            let complete = reader.push(&bytes);
            return self.take_all(complete.into_iter().chain(reader.finish()), reply, events).await;
        }
        let text = String::from_utf8_lossy(&bytes);
        self.take(&text, reply, events).await?;
        reply.done = true;
        Ok(())
    }

    async fn read_stream(&self, body: &mut Body<'_>, reply: &mut Reply, events: &mut Events) -> Attempt<()> {
        let mut reader = EventReader::default();
        while let Some(piece) = body.piece().await? {
            self.take_all(reader.push(&piece).into_iter(), reply, events).await?;
            if reply.done {
                let _ = tokio::time::timeout(LINGER, body.piece()).await;
                return Ok(());
            }
            if reader.waiting() + reply.bytes() > ANSWER_BYTES {
                return Err(malformed("an answer without end").into());
            }
        }
        self.take_all(reader.finish().into_iter(), reply, events).await
    }

    async fn take_all(
        &self,
        data: impl Iterator<Item = String>,
        reply: &mut Reply,
        events: &mut Events,
    ) -> Attempt<()> {
        for data in data {
            self.take(&data, reply, events).await?;
        }
        Ok(())
    }

    /// Takes the data of one event, or a whole body.
    async fn take(&self, data: &str, reply: &mut Reply, events: &mut Events) -> Attempt<()> {
        if data.trim() == "[DONE]" {
            reply.done = true;
            return Ok(());
        }
        let completion: Completion = serde_json::from_str(data)
            .map_err(|cause| malformed("something that is not a completion").because(cause))?;
        if let Some(error) = completion.error.as_ref().filter(|error| !error.is_null()) {
            return Err(self.client.asked(&self.settings().model).broken_stream(error));
        }
        events.statements(reply.take(completion)).await;
        Ok(())
    }

    fn prompt(&self, request: &GenerateRequest) -> Prompt {
        let passages: Vec<NumberedChunk<'_>> = request
            .passages
            .iter()
            .map(|passage| NumberedChunk { number: passage.number, chunk: &passage.hit.chunk })
            .collect();
        answer_prompt(&PromptParts {
            question: &request.question,
            passages: &passages,
            instructions: request.instructions.as_deref(),
            passage_tokens: self.settings().passage_tokens,
        })
    }

    fn dialect(&self) -> Dialect {
        *self.dialect.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Steps down if the failure is about a field that `used` has; true if another attempt now differs.
    fn learn(&self, used: Dialect, failure: &Failure) -> bool {
        let Some(less) = failure.complaint.as_deref().and_then(|complaint| used.without(complaint)) else {
            return false;
        };
        let mut known = self.dialect.lock().unwrap_or_else(PoisonError::into_inner);
        if *known == used {
            tracing::info!(dialect = ?less, "the model endpoint does not know a field; leaving it out from now on");
            *known = less;
        }
        true
    }

    async fn check(&self, deadline: Deadline) -> Result<Checked> {
        let begun = Instant::now();
        let messages = [Message { role: Role::User, content: "Reply with the word OK.".to_owned() }];
        let settings = OpenAiSettings { max_output_tokens: Some(CHECK_TOKENS), ..self.settings().clone() };
        loop {
            let dialect = self.dialect();
            let request = dialect.plain(&settings, &messages);
            match self.whole(&request, self.client.attempt(deadline)).await {
                Ok(completion) => {
                    let model = completion.model.unwrap_or(settings.model);
                    return Ok(Checked { model, latency: begun.elapsed() });
                }
                Err(failure) if self.learn(dialect, &failure) => {}
                Err(failure) => return Err(failure.error),
            }
        }
    }

    async fn rewrite(&self, request: &RewriteRequest) -> Result<Rewritten> {
        let deadline = self.client.attempt(Deadline::after(request.time_limit));
        let messages = rewrite_prompt(&request.earlier, &request.question);
        let settings = OpenAiSettings { max_output_tokens: Some(REWRITE_TOKENS), ..self.settings().clone() };
        loop {
            let dialect = self.dialect();
            match self.whole(&dialect.plain(&settings, &messages), deadline).await {
                Ok(completion) => return rewritten(completion),
                Err(failure) if self.learn(dialect, &failure) => {}
                Err(failure) => return Err(failure.error),
            }
        }
    }

    /// A completion in one piece.
    async fn whole(&self, request: &ChatRequest<'_>, deadline: Deadline) -> Attempt<Completion> {
        let body = self.client.post(PATH, request.model, request, deadline).await?;
        let bytes = body.whole(ANSWER_BYTES).await?;
        let completion: Completion = serde_json::from_slice(&bytes)
            .map_err(|cause| malformed("something that is not a completion").because(cause))?;
        if completion.choices.is_empty() {
            return Err(malformed("a completion without an answer").into());
        }
        Ok(completion)
    }
}

fn rewritten(completion: Completion) -> Result<Rewritten> {
    let usage = completion.usage.map(TokenUsage::of_chat).unwrap_or_default();
    let said = completion.choices.into_iter().next().and_then(|choice| choice.message?.content);
    let said = said.map(Content::into_text).unwrap_or_default();
    let question = without_thoughts(&said).and_then(follow_up::rewritten);
    let question = question.ok_or_else(|| malformed("something that is not a question"))?;
    Ok(Rewritten { question, usage })
}

/// One attempt at one question.
struct Asking<'a> {
    request: &'a GenerateRequest,
    prompt: &'a Prompt,
    dialect: Dialect,
    deadline: Deadline,
}

impl Asking<'_> {
    /// The passages that the model saw.
    fn evidence(&self) -> Evidence {
        Evidence::new(self.request.passages.iter().filter(|passage| self.prompt.shown.contains(&passage.number)))
    }
}
