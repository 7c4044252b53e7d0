//! What is not on this machine: a connection to AWS, made when the first setting asks for it.
//!
//! A program that was built without it refuses such a setting by name.

use crate::config::{Config, VectorBucket};
use docent_engine::Result;
use docent_engine::ports::ChunkIndex;
use docent_engine::webhooks::Secrets;
use docent_models::openai::KeySource;
use std::sync::Arc;

#[cfg(feature = "aws")]
pub(crate) use with_aws::Cloud;
#[cfg(not(feature = "aws"))]
pub(crate) use without_aws::Cloud;

#[cfg(feature = "aws")]
mod with_aws {
    use super::{Arc, ChunkIndex, Config, KeySource, Result, Secrets, VectorBucket};
    #[cfg(feature = "machine")]
    use crate::wiring::Stores;
    use docent_aws::{Aws, DynamoQueryStore, DynamoSettings, PutObject, VectorSettings};
    use docent_core::query::QueryRequest;
    use docent_engine::Error;
    use docent_engine::ports::Dispatcher;
    use docent_engine::webhooks::secret::SigningSecret;
    use docent_index::remote::{Sign, ToSign};
    use docent_models::openai::Secret;
    use std::time::Duration;
    use tokio::sync::OnceCell;

    /// All the time that one call to the query table gets.
    const TABLE_PATIENCE: Duration = Duration::from_secs(10);

    /// All the time that one call to a vector bucket gets.
    const BUCKET_PATIENCE: Duration = Duration::from_secs(60);

    /// The connection.
    #[derive(Default)]
    pub(crate) struct Cloud(OnceCell<Aws>);

    impl Cloud {
        async fn aws(&self) -> &Aws {
            self.0.get_or_init(Aws::from_environment).await
        }

        /// Queries, API keys and counters in a DynamoDB table.
        #[cfg(feature = "machine")]
        pub(crate) async fn stores(&self, config: &Config, table: &str) -> Result<Stores> {
            Ok(Stores::of(self.table(config, table).await))
        }

        /// All that the table keeps.
        pub(crate) async fn table(&self, config: &Config, table: &str) -> Arc<DynamoQueryStore> {
            let usual =
                QueryRequest { collection: config.collection.clone(), top_k: config.top_k, ..QueryRequest::default() };
            let settings = DynamoSettings {
                table: table.to_owned(),
                patience: TABLE_PATIENCE,
                retention: config.engine.query_retention,
                usual,
            };
            Arc::new(self.aws().await.queries(settings))
        }

        /// Chunks in a vector bucket.
        pub(crate) async fn vectors(&self, bucket: &VectorBucket) -> Result<Arc<dyn ChunkIndex>> {
            let (bucket_arn, region) = (bucket.arn.clone(), bucket.region.clone());
            let settings = VectorSettings { bucket_arn, region, patience: BUCKET_PATIENCE };
            Ok(Arc::new(self.aws().await.vectors(settings)))
        }

        /// The key that a secret holds.
        pub(crate) async fn key_source(&self, arn: &str) -> Result<KeySource> {
            let secret = self.aws().await.secret(arn, "OPENAI_API_KEY", "OPENAI_API_KEY_SECRET_ARN");
            Ok(KeySource::new(move || {
                let secret = secret.clone();
                Box::pin(async move { secret.fetch().await.map(Secret::new) })
            }))
        }

        /// What webhooks are signed with, as a secret holds it; read when the first one is signed.
        pub(crate) async fn signing_secrets(&self, arn: &str) -> Result<Secrets> {
            let secret = self.aws().await.secret(arn, "DOCENT_WEBHOOK_SECRET", "DOCENT_WEBHOOK_SECRET_ARN");
            let (read, arn): (Arc<OnceCell<Vec<SigningSecret>>>, Arc<str>) = (Arc::default(), arn.into());
            Ok(Arc::new(move || {
                let (secret, read, arn) = (secret.clone(), Arc::clone(&read), Arc::clone(&arn));
                let fetch = async move || {
                    let unusable = |expected| Error::invalid(format!("the secret `{arn}` must hold {expected}"));
                    SigningSecret::parse_all(&secret.fetch().await?).map_err(unusable)
                };
                Box::pin(async move { read.get_or_try_init(fetch).await.cloned() })
            }))
        }

        /// What makes addresses at which a file can be put into a bucket.
        pub(crate) async fn sign(&self, config: &Config) -> Sign {
            let aws = self.aws().await.clone();
            let said = |name| config.store.variables.get(name).cloned();
            let endpoint = said("AWS_ENDPOINT_URL_S3").or_else(|| said("AWS_ENDPOINT_URL"));
            Arc::new(move |ToSign { bucket, key, headers, now, lives }| {
                let (aws, endpoint) = (aws.clone(), endpoint.clone());
                let put = PutObject { endpoint, bucket, key, headers, now, lives };
                Box::pin(async move { aws.put_url(put).await })
            })
        }

        /// Wakes a worker function.
        pub(crate) async fn dispatcher(&self, function: &str) -> Arc<dyn Dispatcher> {
            Arc::new(self.aws().await.dispatcher(function))
        }
    }
}

#[cfg(not(feature = "aws"))]
mod without_aws {
    use super::{Arc, ChunkIndex, Config, KeySource, Result, Secrets, VectorBucket};
    use crate::wiring::Stores;
    use docent_engine::Error;

    /// No connection.
    #[derive(Default)]
    pub(crate) struct Cloud;

    #[expect(clippy::unused_async, reason = "the same calls as with a connection")]
    impl Cloud {
        pub(crate) async fn stores(&self, _: &Config, _: &str) -> Result<Stores> {
            Err(not_built("TABLE_NAME", "is set"))
        }

        pub(crate) async fn vectors(&self, _: &VectorBucket) -> Result<Arc<dyn ChunkIndex>> {
            Err(not_built("DOCENT_INDEX", "is a vector bucket"))
        }

        pub(crate) async fn key_source(&self, _: &str) -> Result<KeySource> {
            Err(not_built("OPENAI_API_KEY_SECRET_ARN", "is set"))
        }

        pub(crate) async fn signing_secrets(&self, _: &str) -> Result<Secrets> {
            Err(not_built("DOCENT_WEBHOOK_SECRET_ARN", "is set"))
        }
    }

    fn not_built(name: &str, what: &str) -> Error {
        Error::invalid(format!("{name} {what}, but this program was built without what AWS offers"))
            .hint(format!("unset {name}, or build it with `cargo build --release -p docent-cli --features aws`"))
    }
}
