//! What the ingest function does with the messages of its queue.
//!
//! A message says that something may have changed; what is there now is looked at. Messages that come for the first time are
//! worked on together: what changed is read into a copy of the live generation, a few files at a time, and the copy is
//! published. When somebody else has published meanwhile, that is done again from theirs. Once it is live, the objects are
//! looked at once more: one that was replaced or removed during the work is worked on again, because its own message may have
//! been dealt with before it was there. So what is live in the end is what lies in the bucket, in whatever order messages come
//! and however often.
//!
//! Messages that come again are worked on one by one and last, from either end in turn: one of them may be what ends the process,
//! and must not keep the others. When one comes for the last
//! time before its queue gives it up, that is noted with its documents beforehand, so that they tell of it whatever happens.
//! When the function's time is nearly over, what is done is published and what is not is given back.
//!
//! What the API has promised to those who send and delete files is kept by the part `promises`.

mod promises;

use crate::work::told;
use docent_app::intake::{Intake, Message, News};
use docent_app::remote::History;
use docent_app::wiring;
use docent_core::query::Failure;
use docent_core::{IngestOutcome, QueryStatus, Timestamp};
use docent_engine::ingest::{FileReport, IngestEvent};
use docent_engine::ports::{Place, Source, UploadReports, WithheldDocuments};
use docent_engine::queries::new_id;
use docent_engine::uploads::{EXHAUSTED, Upload};
use docent_engine::{Error, ErrorKind, Result, ignored, measures};
use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tracing::Instrument;

/// Time of the function that is kept back to publish what is done; of a function with little time, at most a quarter.
const RESERVE: Duration = Duration::from_secs(60);
/// Files that are read and stored together, between two looks at the clock.
const AT_ONCE: usize = 16;
/// Takes in what an event's messages are about, and names those that have to come again, in the shape that Lambda's queue
/// poller reads.
///
/// # Errors
/// For Lambda, which delivers all of it again: `invalid` for what is no batch of a queue.
pub async fn on_event(intake: &Intake, event: LambdaEvent<Value>) -> std::result::Result<Value, Diagnostic> {
    let (payload, context) = event.into_parts();
    let span = tracing::error_span!("invocation", request_id = context.request_id);
    // In a box, as the compiler follows futures in futures only so far.
    let work = Box::pin(async {
        let messages = Message::parse_all(&payload).map_err(|error| told(&error))?;
        let again = Shift::new(intake, &context).take_in(messages).await;
        let again: Vec<_> = again.into_iter().map(|id| json!({"itemIdentifier": id})).collect();
        Ok(json!({"batchItemFailures": again}))
    });
    work.instrument(span).await
}

/// One invocation: what it works with, and until when.
struct Shift<'a> {
    intake: &'a Intake,
    collection: &'a str,
    source: Arc<dyn Source>,
    deadline: Timestamp,
    reserve: Duration,
}

/// Messages that are worked on together.
#[derive(Default)]
struct Round {
    messages: Vec<Heard>,
}

/// A message that is understood.
struct Heard {
    id: String,
    received: u32,
    sent_at: Option<Timestamp>,
    /// Paths that may have changed.
    paths: Vec<String>,
    /// True if any other may have changed, too.
    is_about_all: bool,
}

/// What was done to a copy of the live generation.
#[derive(Default)]
struct Done {
    /// Places as they were seen.
    places: Vec<Place>,
    reports: Vec<FileReport>,
    /// Paths that there was no time for.
    left: Vec<String>,
    /// When the first of them was looked at.
    since: Timestamp,
    /// Whether documents were taken out that others may lie in the place of.
    has_removed: bool,
}

impl Round {
    fn received(&self) -> u32 {
        self.messages.iter().map(|message| message.received).max().unwrap_or(0)
    }

    fn is_about_all(&self) -> bool {
        self.messages.iter().any(|message| message.is_about_all)
    }

    fn paths(&self) -> BTreeSet<String> {
        self.messages.iter().flat_map(|message| &message.paths).cloned().collect()
    }

    /// Ids of the messages that are not done while these paths are open.
    fn undone(&self, open: &BTreeSet<String>) -> Vec<String> {
        let is_open = |message: &&Heard| {
            !open.is_empty() && (message.is_about_all || message.paths.iter().any(|path| open.contains(path)))
        };
        self.messages.iter().filter(is_open).map(|message| message.id.clone()).collect()
    }
}

impl<'a> Shift<'a> {
    fn new(intake: &'a Intake, context: &Context) -> Self {
        let deadline = Timestamp::from_millis(i64::try_from(context.deadline).unwrap_or(i64::MAX));
        let whole = deadline.since((intake.engine.clock)());
        let collection = intake.config.collection.as_str();
        Self { intake, collection, source: intake.source(), deadline, reserve: RESERVE.min(whole / 4) }
    }

    fn has_time(&self) -> bool {
        self.deadline.since(self.now()) > self.reserve
    }

    fn now(&self) -> Timestamp {
        (self.intake.engine.clock)()
    }

    /// Returns the ids of the messages that are to come again.
    async fn take_in(&self, messages: Vec<Message>) -> Vec<String> {
        let mut again = Vec::new();
        for round in self.rounds(messages, &mut again) {
            if !self.has_time() {
                again.extend(round.messages.into_iter().map(|message| message.id));
                continue;
            }
            match self.work_on(&round).await {
                Ok(open) => again.extend(round.undone(&open)),
                Err(error) => again.extend(self.failed(round, &error).await),
            }
        }
        again
    }

    /// Who comes for the first time first and together, everybody else alone, once in this order and once in the other.
    fn rounds(&self, messages: Vec<Message>, again: &mut Vec<String>) -> Vec<Round> {
        let (mut first, mut others) = (Round::default(), Vec::new());
        for message in messages {
            let id = message.id.clone();
            match self.understand(message) {
                Ok(Some(heard)) if heard.received <= 1 && !heard.is_about_all => first.messages.push(heard),
                Ok(Some(heard)) => others.push(Round { messages: vec![heard] }),
                Ok(None) => {}
                Err(error) => {
                    told(&error);
                    again.push(id);
                }
            }
        }
        if others.iter().map(Round::received).max().is_some_and(|received| received % 2 == 1) {
            others.reverse();
        }
        std::iter::once(first).filter(|first| !first.messages.is_empty()).chain(others).collect()
    }

    /// None for a message that is about nothing of ours.
    fn understand(&self, message: Message) -> Result<Option<Heard>> {
        let Message { id, received, sent_at, news } = message;
        let (objects, is_about_all) = match news? {
            News::Nothing => return Ok(None),
            News::Anything => (Vec::new(), true),
            News::Objects(objects) => (objects, false),
        };
        let below = objects.iter().filter_map(|object| self.intake.bucket.path_below(&object.bucket, &object.key));
        let paths: Vec<String> = below.collect();
        if paths.len() < objects.len() {
            tracing::warn!(message_id = id, "a message is about objects that documents are not taken from");
        }
        // Other files belong to the source from now on, or do not any more.
        let is_about_all = is_about_all || paths.iter().any(|path| path == ignored::FILE);
        let heard = Heard { id, received, sent_at, paths, is_about_all };
        Ok(Some(heard).filter(|heard| heard.is_about_all || !heard.paths.is_empty()))
    }

    /// Works until all is as it is in the bucket, or time is short. Returns the paths that are open then.
    async fn work_on(&self, round: &Round) -> Result<BTreeSet<String>> {
        let mut open = round.paths();
        if round.is_about_all() {
            open.extend(self.waited_for().await?);
        }
        if round.received() >= self.intake.config.engine.attempts_max {
            self.note_failure(round, &exhausted()).await?;
        }
        let open = self.bring_in(open, round).await?;
        if !round.is_about_all() || !open.is_empty() {
            return Ok(open);
        }
        // What was deleted on purpose is gone by now, and does not count among what is gone unasked.
        let differences = self.differences().await?.into_iter().collect();
        self.bring_in(differences, round).await
    }

    async fn bring_in(&self, mut open: BTreeSet<String>, round: &Round) -> Result<BTreeSet<String>> {
        while !open.is_empty() && self.has_time() {
            let (generation, done) = self.publish(&open, round.received() > 1).await?;
            self.keep_reports(&done, round, &generation).await?;
            self.end_overtaken(&done).await?;
            // Whoever deletes removes the object first: what is withheld by now and there afterwards was put there anew.
            let withheld = self.intake.reports.withheld(self.collection).await?;
            open = self.changed_since(&done.places).await?;
            self.release(&withheld, &done.places, &open).await?;
            open.extend(done.left);
        }
        Ok(open)
    }

    /// Where the live generation and the bucket differ, but for what was refused: that was read when it came.
    async fn differences(&self) -> Result<Vec<String>> {
        self.intake.bench.check_out(self.collection).await?;
        let refused = self.intake.reports.refused_uploads(self.collection, None, usize::MAX).await?;
        let refused: HashSet<String> = refused.into_iter().map(|upload| below(&upload.filename)).collect();
        let mut paths = self.intake.engine.differences(self.collection, &self.source).await?;
        paths.retain(|path| !refused.contains(path));
        Ok(paths)
    }

    /// Brings what is at these paths into a copy of the live generation and publishes that; again from the new one when
    /// somebody else was faster. With `is_repeated`, an earlier attempt may have removed documents and died behind that.
    async fn publish(&self, open: &BTreeSet<String>, is_repeated: bool) -> Result<(String, Done)> {
        let bench = &self.intake.bench;
        loop {
            let base = bench.check_out(self.collection).await?;
            let done = self.change(open).await?;
            let removes = done.has_removed
                || done.reports.iter().any(|report| report.outcome == IngestOutcome::Deleted)
                || is_repeated && done.places.iter().any(|place| place.version.is_none());
            let history = if removes { History::Remove } else { History::Keep };
            match bench.publish(base, self.collection, &wiring::publication(), history).await {
                Ok(published) => return Ok((published.generation, done)),
                Err(error) if error.kind() == ErrorKind::Conflict && self.has_time() => {
                    tracing::info!("somebody else has published meanwhile; beginning anew from that");
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn change(&self, open: &BTreeSet<String>) -> Result<Done> {
        let (engine, paths) = (&self.intake.engine, open.iter().cloned().collect::<Vec<_>>());
        let mut done = Done { since: self.now(), ..Done::default() };
        for some in paths.chunks(AT_ONCE) {
            // The first few always: else nothing would ever move.
            if !done.places.is_empty() && !self.has_time() {
                break;
            }
            let places = self.source.look_at(some).await?;
            done.has_removed |= self.take_out(&places).await?;
            let reports = &mut done.reports;
            let tell = &mut |event| {
                if let IngestEvent::Done(report) = event {
                    reports.push(report);
                }
            };
            let parse = Arc::clone(&self.intake.parse);
            engine.sync_places(self.collection, &self.source, places.clone(), parse, tell).await?;
            done.places.extend(places);
        }
        done.left = paths[done.places.len()..].to_vec();
        Ok(done)
    }

    /// Keeps what became of files, and forgets the reports of those that are gone.
    async fn keep_reports(&self, done: &Done, round: &Round, generation: &str) -> Result<()> {
        let gone = done.places.iter().filter(|place| place.version.is_none());
        let gone: Vec<_> = gone.map(|place| place.file.document_id.clone()).collect();
        self.intake.reports.forget_reports(self.collection, &gone).await?;
        for report in done.reports.iter().filter(|report| report.outcome != IngestOutcome::Deleted) {
            let place = done.places.iter().find(|place| place.file.document_id == report.document_id);
            self.record(self.upload(report, place, round.received()).await?, place).await?;
        }
        let refused = done.reports.iter().filter(|report| report.outcome == IngestOutcome::Refused).count();
        let since = round.messages.iter().filter_map(|message| message.sent_at).min();
        let took = since.map_or(Duration::ZERO, |since| self.now().since(since));
        measures::taken_in(done.reports.len(), refused, generation, took);
        Ok(())
    }

    async fn upload(&self, report: &FileReport, place: Option<&Place>, attempt: u32) -> Result<Upload> {
        let mut upload = self.blank(&report.document_id, &report.file, attempt);
        upload.bytes = place.map_or(0, |place| place.bytes);
        upload.report = Some(report.clone());
        if report.outcome != IngestOutcome::Refused
            && let Some(stored) = self.intake.engine.index.document(self.collection, &report.document_id).await?
        {
            (upload.content_hash, upload.bytes) = (stored.content_hash, stored.bytes);
        }
        Ok(upload)
    }

    /// A file that was dealt with now.
    fn blank(&self, document_id: &str, filename: &str, attempt: u32) -> Upload {
        let now = self.now();
        Upload {
            id: new_id(now),
            collection: self.collection.to_owned(),
            document_id: document_id.to_owned(),
            filename: filename.to_owned(),
            bytes: 0,
            content_hash: String::new(),
            status: QueryStatus::Completed,
            attempt,
            lease: None,
            report: None,
            failure: None,
            created_at: now,
            completed_at: Some(now),
        }
    }

    /// Which of these places are not as they were seen.
    async fn changed_since(&self, seen: &[Place]) -> Result<BTreeSet<String>> {
        let paths: Vec<_> = seen.iter().map(|place| below(&place.file.filename)).collect();
        let now = self.source.look_at(&paths).await?;
        let changed = paths.into_iter().zip(seen.iter().zip(&now)).filter(|(_, (seen, now))| seen != now);
        Ok(changed.map(|(path, _)| path).collect())
    }

    /// Nothing of this round is done. Returns the ids of its messages.
    async fn failed(&self, round: Round, error: &Error) -> Vec<String> {
        told(error);
        if round.received() >= self.intake.config.engine.attempts_max {
            let failure = Failure {
                code: error.kind().as_str().to_owned(),
                message: error.to_string(),
                hint: error.hint_text().map(str::to_owned),
            };
            if let Err(error) = self.note_failure(&round, &failure).await {
                told(&error);
            }
        }
        round.messages.into_iter().map(|message| message.id).collect()
    }

    /// Notes with the documents of a round that nobody is going to try them again.
    async fn note_failure(&self, round: &Round, failure: &Failure) -> Result<()> {
        let paths: Vec<_> = round.paths().into_iter().collect();
        for place in self.source.look_at(&paths).await?.into_iter().filter(|place| place.version.is_some()) {
            let mut upload = self.blank(&place.file.document_id, &place.file.filename, round.received());
            (upload.status, upload.failure, upload.bytes) = (QueryStatus::Failed, Some(failure.clone()), place.bytes);
            self.record(upload, Some(&place)).await?;
        }
        Ok(())
    }
}

/// The path below the source, which shows its own name before it.
fn below(filename: &str) -> String {
    filename.split_once('/').map_or(filename, |(_, below)| below).to_owned()
}

fn exhausted() -> Failure {
    Failure {
        code: EXHAUSTED.to_owned(),
        message: "every attempt at reading it was cut off before it could finish".to_owned(),
        hint: Some("the ingest function's log has the cause; put the file again when that is gone".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(id: &str, paths: &[&str], is_about_all: bool) -> Heard {
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        Heard { id: id.to_owned(), received: 1, sent_at: None, paths, is_about_all }
    }

    #[test]
    fn only_what_is_not_done_comes_again() {
        let round = Round {
            messages: vec![
                heard("one", &["a.md"], false),
                heard("two", &["a.md", "b.md"], false),
                heard("all", &[], true),
            ],
        };
        for (open, expected) in [(&[][..], &[][..]), (&["b.md"], &["two", "all"]), (&["a.md"], &["one", "two", "all"])]
        {
            let open = open.iter().map(|path| (*path).to_owned()).collect();
            assert_eq!(round.undone(&open), expected, "{open:?}");
        }
    }

    #[test]
    fn a_source_shows_its_own_name_before_each_path() {
        for (filename, path) in [("documents/a.md", "a.md"), ("documents/a/b.md", "a/b.md"), ("a.md", "a.md")] {
            assert_eq!(below(filename), path);
        }
    }
}
