//! A question's way to an answer: embed, search, generate, check every quote, decide.

use crate::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::ingest::unknown_collection;
use crate::ports::{Collection, GenerateEvent, GenerateRequest, Passage, SearchRequest, SearchResponse};
use crate::progress::QueryEvent;
use crate::trace::{Candidate, Timings, Trace};
use crate::understand::Understood;
use docent_core::outcome::{EvidenceCheck, Verdict};
use docent_core::query::{Answer, QueryRequest, Source, Usage};
use docent_core::selection::select;
use docent_core::spending::is_counted;
use docent_core::{Cost, Filter, Hit, Outcome, Page, SearchMode, Spending};
use futures::StreamExt;
use std::collections::BTreeMap;
use std::time::Duration;

/// Candidates that a trace remembers at least.
const CANDIDATES_MIN: usize = 20;
/// Hits looked for beyond those wanted: some get no place, others come forward.
const SPARE: usize = 20;
/// Passages named when the documents do not answer.
const NEAREST_PASSAGES: usize = 3;

/// A search as a user asks for it.
#[derive(Clone, Debug)]
pub struct Search {
    /// Where to look.
    pub collection: String,
    /// The words.
    pub text: String,
    /// Which ranking.
    pub mode: SearchMode,
    /// Hits wanted.
    pub limit: usize,
    /// Which chunks count.
    pub filter: Option<Filter>,
}

/// An answer and how it came about.
pub struct Answered {
    /// What the user gets.
    pub answer: Answer,
    /// What `explain` shows.
    pub trace: Trace,
    /// What it cost; none if the endpoint did not count it.
    pub spent: Option<Spending>,
}

/// What a search found and took.
struct Searched {
    response: SearchResponse,
    embed: Duration,
    search: Duration,
    embedding_tokens: u64,
}

impl Engine {
    /// Ranked chunks for some words.
    ///
    /// # Errors
    /// `NotFound` for an unknown collection, `Invalid` for one made with another embedding model.
    pub async fn search(&self, search: &Search) -> Result<SearchResponse> {
        Ok(self.timed_search(search).await?.response)
    }

    async fn timed_search(&self, search: &Search) -> Result<Searched> {
        let Some(collection) = self.index.collection(&search.collection).await? else {
            return Err(unknown_collection(&search.collection));
        };
        if search.mode != SearchMode::Bm25 {
            self.check_model(&collection)?;
        }
        let start = (self.clock)();
        let (vector, embedding_tokens) = match search.mode {
            SearchMode::Bm25 => (Vec::new(), 0),
            SearchMode::Dense | SearchMode::Hybrid => self.embed_question(&search.text).await?,
        };
        let embedded = (self.clock)();
        let request = SearchRequest {
            text: search.text.clone(),
            vector,
            mode: search.mode,
            limit: search.limit + SPARE,
            filter: search.filter.clone(),
        };
        let mut response = self.index.search(&search.collection, &request).await?;
        response.hits = select(response.hits, search.limit);
        if response.generation != collection.generation && search.mode != SearchMode::Bm25 {
            // It may have been made anew since the question was embedded.
            let now = self.index.collection(&search.collection).await?;
            now.map_or(Ok(()), |now| self.check_model(&now))?;
        }
        let (embed, search) = (embedded.since(start), (self.clock)().since(embedded));
        Ok(Searched { response, embed, search, embedding_tokens })
    }

    /// Vectors of two models have nothing to do with each other, even when they are of the same length.
    fn check_model(&self, collection: &Collection) -> Result<()> {
        let (made_with, configured) = (&collection.profile.embedding, self.embedder.model());
        if made_with == configured {
            return Ok(());
        }
        let name = &collection.name;
        let message = format!("collection `{name}` was made with the embedding model {}", made_with.name);
        let hint = format!(
            "configure that model instead of {}, or make the collection anew with this one: docent reembed --collection {name}",
            configured.name
        );
        Err(Error::invalid(message).hint(hint))
    }

    /// The question's vector, and the tokens that were charged for it.
    async fn embed_question(&self, text: &str) -> Result<(Vec<f32>, u64)> {
        let embedded = self.embedder.embed_counted(&[text.to_owned()]).await?;
        let vector = embedded.vectors.into_iter().next();
        let vector = vector.ok_or_else(|| Error::internal("the embedder returned no vector for the question"))?;
        Ok((vector, embedded.tokens))
    }

    /// Answers a question without storing anything. `tell` hears of every step as it happens.
    ///
    /// # Errors
    /// Those of the search and of the generator; `Timeout` when the time limit is over.
    pub async fn answer(
        &self,
        request: &QueryRequest,
        time_limit: Duration,
        tell: &mut (dyn FnMut(QueryEvent) + Send),
    ) -> Result<Answered> {
        let start = (self.clock)();
        let work = self.answer_unbounded(request, time_limit, tell);
        let mut answered = tokio::time::timeout(time_limit, work).await.map_err(|_| over_time(time_limit))??;
        answered.trace.timings.total_ms = millis((self.clock)().since(start));
        Ok(answered)
    }

    async fn answer_unbounded(
        &self,
        request: &QueryRequest,
        time_limit: Duration,
        tell: &mut (dyn FnMut(QueryEvent) + Send),
    ) -> Result<Answered> {
        let top_k = (request.top_k as usize).max(1);
        let understood = self.understand(request, time_limit).await;
        let search = Search {
            collection: request.collection.clone(),
            text: understood.question.clone(),
            mode: SearchMode::Hybrid,
            limit: top_k.max(CANDIDATES_MIN),
            filter: request.filter.clone(),
        };
        let Searched { response: found, embed, search, embedding_tokens } = self.timed_search(&search).await?;
        let used = &found.hits[..top_k.min(found.hits.len())];
        tell(QueryEvent::Sources(used.iter().map(source).collect()));

        let start = (self.clock)();
        let time_left = time_limit.saturating_sub(understood.took);
        let mut generated =
            self.generate(request, &understood.question, used, &found.generation, time_left, tell).await?;
        generated.usage.embedding_tokens += embedding_tokens;
        let generate = (self.clock)().since(start);
        generated.take_account_of(&understood);
        let trace = Trace {
            question: understood.question,
            follow_up: understood.follow_up,
            generation: found.generation.clone(),
            ranking: found.mode,
            generator: self.generator.name().to_owned(),
            candidates: found.hits.iter().enumerate().map(|(rank, hit)| Candidate::new(rank, hit, top_k)).collect(),
            context: used.iter().map(|hit| hit.chunk.id.clone()).collect(),
            statements: generated.verdict.trace.clone(),
            missing: generated.missing.clone(),
            usage: generated.usage,
            timings: Timings {
                rewrite_ms: millis(understood.took),
                embed_ms: millis(embed),
                search_ms: millis(search),
                generate_ms: millis(generate),
                total_ms: 0.0,
            },
        };
        let cost = self.cost(&generated);
        let spent = self.spent(&generated, &cost);
        Ok(Answered { answer: self.finished(generated, cost, used, found.generation), trace, spent })
    }

    /// What an answer cost; money that is not known counts as none, as caps on money are refused without prices.
    fn spent(&self, generated: &Generated, cost: &Cost) -> Option<Spending> {
        let Usage { total_tokens, embedding_tokens, .. } = generated.usage;
        let is_known = generated.is_counted && is_counted(self.embedder.model().name.as_str(), embedding_tokens);
        let money = cost.money.unwrap_or_default();
        is_known.then_some(Spending { tokens: total_tokens.saturating_add(embedding_tokens), money })
    }

    fn cost(&self, generated: &Generated) -> Cost {
        let (generator, embedder) = (self.generator.name(), &self.embedder.model().name);
        let cost = self.settings.prices.cost(generator, generated.model_was_asked, embedder, &generated.usage);
        if generated.is_counted || cost.money.is_none() {
            return cost;
        }
        let note = Some(format!("the endpoint did not count all tokens of {generator}"));
        Cost { money: None, prices_as_of: None, note, ..cost }
    }

    async fn generate(
        &self,
        request: &QueryRequest,
        question: &str,
        hits: &[Hit],
        generation: &str,
        time_limit: Duration,
        tell: &mut (dyn FnMut(QueryEvent) + Send),
    ) -> Result<Generated> {
        let mut check = self.evidence_check(&request.collection, generation, hits).await?;
        let (mut usage, mut missing, mut done) = (Usage::default(), None, hits.is_empty());
        if !hits.is_empty() {
            let passages = (1..).zip(hits).map(|(number, hit)| Passage { number, hit: hit.clone() }).collect();
            let mut events = self.generator.generate(GenerateRequest {
                question: question.to_owned(),
                passages,
                instructions: request.instructions.clone(),
                time_limit,
            });
            while let Some(event) = events.next().await {
                match event? {
                    GenerateEvent::Statement(statement) => {
                        // Nothing unchecked is ever shown.
                        if let Some((text, citations)) = check.statement(&statement) {
                            tell(QueryEvent::Statement { text, citations });
                        }
                    }
                    GenerateEvent::Done { usage: spent, missing: lacking } => {
                        usage.add(&spent);
                        (missing, done) = (lacking, true);
                    }
                }
            }
        }
        if !done {
            return Err(Error::unavailable("the answer broke off before its end").hint("ask again"));
        }
        let model_was_asked = !hits.is_empty();
        let is_counted = !model_was_asked || is_counted(self.generator.name(), usage.total_tokens);
        Ok(Generated { verdict: check.verdict(missing.as_deref()), usage, missing, model_was_asked, is_counted })
    }

    /// The pages are those of the generation that was searched: a quote is never looked up in another one's text.
    async fn evidence_check(&self, collection: &str, generation: &str, hits: &[Hit]) -> Result<EvidenceCheck> {
        let mut wanted: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
        for hit in hits {
            let indices = wanted.entry(&hit.chunk.document_id).or_default();
            if !indices.contains(&hit.chunk.page_index) {
                indices.push(hit.chunk.page_index);
            }
        }
        let mut pages: Vec<((String, u32), Page)> = Vec::new();
        for (document_id, indices) in wanted {
            let stored = self.index.pages_at(collection, generation, document_id, &indices).await?;
            pages.extend(stored.into_iter().map(|(place, page)| ((document_id.to_owned(), place), page)));
        }
        Ok(EvidenceCheck::new(hits.iter().map(|hit| hit.chunk.clone()).collect(), pages))
    }

    fn finished(&self, generated: Generated, cost: Cost, used: &[Hit], generation: String) -> Answer {
        let Verdict { outcome, text, citations, .. } = generated.verdict;
        let shown = if outcome == Outcome::NotFound { NEAREST_PASSAGES.min(used.len()) } else { used.len() };
        Answer {
            outcome,
            text,
            citations,
            sources: used[..shown].iter().map(source).collect(),
            usage: generated.usage,
            cost: Some(cost),
            generation,
            model: self.generator.name().to_owned(),
            deleted_documents: Vec::new(),
            is_erased: false,
        }
    }
}

struct Generated {
    verdict: Verdict,
    usage: Usage,
    missing: Option<String>,
    model_was_asked: bool,
    /// It is known what it cost.
    is_counted: bool,
}

impl Generated {
    /// What it took to understand the question is a part of what the answer cost.
    fn take_account_of(&mut self, understood: &Understood) {
        if let Some(follow_up) = &understood.follow_up {
            self.usage.add(&follow_up.usage);
        }
        self.model_was_asked |= understood.model_was_asked;
        self.is_counted &= understood.is_counted;
    }
}

fn source(hit: &Hit) -> Source {
    let chunk = &hit.chunk;
    Source {
        chunk_id: chunk.id.clone(),
        document_id: chunk.document_id.clone(),
        filename: chunk.filename.clone(),
        title: chunk.title.clone(),
        page_number: chunk.page,
        heading_path: chunk.heading_path.clone(),
        text: chunk.text.clone(),
        score: hit.score,
        page_index: Some(chunk.page_index),
        start_char_index: Some(chunk.start_char),
        end_char_index: Some(chunk.end_char),
    }
}

fn over_time(limit: Duration) -> Error {
    Error::new(ErrorKind::Timeout, format!("no answer within {} s", limit.as_secs()))
        .hint("ask again, or raise the time limit with `answer_timeout_s` in docent.toml")
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
