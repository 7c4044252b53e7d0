//! What a question that follows others asks, so that it can be searched for and answered alone.

use crate::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::ports::{RewriteRequest, Rewritten};
use crate::trace::FollowUp;
use docent_core::follow_up::{Method, standalone};
use docent_core::query::{QueryRequest, Usage};
use docent_core::spending::is_counted;
use std::time::Duration;

/// Longest time for a model to rewrite a question: who waits for an answer waits for this, too.
const REWRITE_TIME: Duration = Duration::from_secs(10);

/// A question that stands alone.
pub(crate) struct Understood {
    pub(crate) question: String,
    /// How it came about; none if it follows no other.
    pub(crate) follow_up: Option<FollowUp>,
    /// A model was asked.
    pub(crate) model_was_asked: bool,
    /// It is known what that cost.
    pub(crate) is_counted: bool,
    pub(crate) took: Duration,
}

impl Engine {
    /// By the model if there is one, by the rule where there is none, or it fails or is late.
    pub(crate) async fn understand(&self, request: &QueryRequest, time_limit: Duration) -> Understood {
        if request.earlier.is_empty() {
            let question = standalone(&[], &request.text);
            let took = Duration::ZERO;
            return Understood { question, follow_up: None, model_was_asked: false, is_counted: true, took };
        }
        let start = (self.clock)();
        let rewritten = self.rewritten_by_model(request, time_limit).await;
        let took = (self.clock)().since(start);
        let model_was_asked = !matches!(rewritten, Ok(None));
        let by_rule = || standalone(&request.earlier, &request.text);
        let by = |method, usage, failure| FollowUp { asked: request.text.clone(), method, usage, failure };
        let (question, follow_up) = match rewritten {
            Ok(Some(Rewritten { question, usage })) => (question, by(Method::Model, usage, None)),
            Ok(None) => (by_rule(), by(Method::Rule, Usage::default(), None)),
            Err(error) => {
                tracing::warn!(kind = error.kind().as_str(), %error, "a question was not rewritten; the rule stands in");
                (by_rule(), by(Method::Rule, Usage::default(), Some(error.to_string())))
            }
        };
        let is_counted = !model_was_asked || is_counted(self.generator.name(), follow_up.usage.total_tokens);
        Understood { question, follow_up: Some(follow_up), model_was_asked, is_counted, took }
    }

    async fn rewritten_by_model(&self, request: &QueryRequest, time_limit: Duration) -> Result<Option<Rewritten>> {
        // Most of the time is the answer's.
        let time_limit = REWRITE_TIME.min(time_limit / 3);
        let work = self.generator.rewrite(RewriteRequest {
            earlier: request.earlier.clone(),
            question: request.text.clone(),
            time_limit,
        });
        let late = |_| Error::new(ErrorKind::Timeout, "the model did not rewrite the question in time");
        tokio::time::timeout(time_limit, work).await.map_err(late)?
    }
}
