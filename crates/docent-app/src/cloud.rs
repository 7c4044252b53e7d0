//! What is not on this machine: a connection to AWS, made when the first setting asks for it.
//!
//! A program that was built without it refuses such a setting by name.

use crate::config::Config;
use crate::wiring::Stores;
use docent_engine::Result;
use docent_models::openai::KeySource;
use std::sync::Arc;

#[cfg(feature = "aws")]
pub(crate) use with_aws::Cloud;
#[cfg(not(feature = "aws"))]
pub(crate) use without_aws::Cloud;

#[cfg(feature = "aws")]
mod with_aws {
    use super::{Arc, Config, KeySource, Result, Stores};
    use docent_aws::{Aws, DynamoSettings};
    use docent_core::query::QueryRequest;
    use docent_engine::ports::Dispatcher;
    use docent_models::openai::Secret;
    use std::time::Duration;
    use tokio::sync::OnceCell;

    /// All the time that one call to the query table gets.
    const TABLE_PATIENCE: Duration = Duration::from_secs(10);

    /// The connection.
    #[derive(Default)]
    pub(crate) struct Cloud(OnceCell<Aws>);

    impl Cloud {
        async fn aws(&self) -> &Aws {
            self.0.get_or_init(Aws::from_environment).await
        }

        /// Queries, API keys and counters in a DynamoDB table.
        pub(crate) async fn stores(&self, config: &Config, table: &str) -> Result<Stores> {
            let usual =
                QueryRequest { collection: config.collection.clone(), top_k: config.top_k, ..QueryRequest::default() };
            let settings = DynamoSettings {
                table: table.to_owned(),
                patience: TABLE_PATIENCE,
                retention: config.engine.query_retention,
                usual,
            };
            Ok(Stores::of(Arc::new(self.aws().await.queries(settings))))
        }

        /// The key that a secret holds.
        pub(crate) async fn key_source(&self, arn: &str) -> Result<KeySource> {
            let secret = self.aws().await.secret(arn);
            Ok(KeySource::new(move || {
                let secret = secret.clone();
                Box::pin(async move { secret.fetch().await.map(Secret::new) })
            }))
        }

        /// Wakes a worker function.
        pub(crate) async fn dispatcher(&self, function: &str) -> Arc<dyn Dispatcher> {
            Arc::new(self.aws().await.dispatcher(function))
        }
    }
}

#[cfg(not(feature = "aws"))]
mod without_aws {
    use super::{Arc, Config, KeySource, Result, Stores};
    use docent_engine::Error;

    /// No connection.
    #[derive(Default)]
    pub(crate) struct Cloud;

    #[expect(clippy::unused_async, reason = "the same calls as with a connection")]
    impl Cloud {
        pub(crate) async fn stores(&self, _: &Config, _: &str) -> Result<Stores> {
            Err(not_built("TABLE_NAME"))
        }

        pub(crate) async fn key_source(&self, _: &str) -> Result<KeySource> {
            Err(not_built("OPENAI_API_KEY_SECRET_ARN"))
        }
    }

    fn not_built(name: &str) -> Error {
        Error::invalid(format!("{name} is set, but this program was built without what AWS offers"))
            .hint(format!("unset {name}, or build it with `cargo build --release -p docent-cli --features aws`"))
    }
}
