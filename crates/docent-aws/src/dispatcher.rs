//! Wakes a worker by an asynchronous Invoke: Lambda answers as soon as it has the event, and delivers it once, late,
//! twice or never.

use crate::event;
use crate::trouble::Asked;
use async_trait::async_trait;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use docent_engine::ports::Dispatcher;
use docent_engine::{Error, Result, correlation};

/// Wakes the worker function.
#[derive(Clone, Debug)]
pub struct LambdaDispatcher {
    client: Client,
    function: String,
    what: String,
}

impl LambdaDispatcher {
    pub(crate) fn new(client: Client, function: String) -> Self {
        let what = format!("the worker function `{function}`");
        Self { client, function, what }
    }
}

#[async_trait]
impl Dispatcher for LambdaDispatcher {
    async fn dispatch(&self, query_id: &str) -> Result<()> {
        let payload = serde_json::to_vec(&event::query(query_id, correlation::current().as_ref()))
            .map_err(|error| Error::internal("the worker's event cannot be written").because(error))?;
        let invoke = self.client.invoke().function_name(&self.function).invocation_type(InvocationType::Event);
        let sent = invoke.payload(Blob::new(payload)).send().await;
        let asked = Asked { what: &self.what, setting: "WORKER_LAMBDA_NAME", action: "lambda:InvokeFunction" };
        sent.map(drop).map_err(|error| asked.explain(&error))
    }
}
