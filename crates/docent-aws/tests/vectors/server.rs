//! A vector bucket and indexes in it.

use aws_config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::config::Credentials;
use docent_aws::{Aws, S3VectorsIndex, VectorSettings};
use docent_testkit::fault_proxy::{Fault, FaultProxy, Passing};
use docent_testkit::ministack::REGION;
use docent_testkit::vector_bucket::{BUCKET_ARN, VectorBucket, operation};
use std::time::Duration;

pub(crate) struct Server {
    pub(crate) bucket: VectorBucket,
    pub(crate) folder: tempfile::TempDir,
}

impl Server {
    pub(crate) fn start() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let bucket = VectorBucket::start(folder.path())?;
        Some(Self { bucket, folder })
    }

    /// An index as another process would have it.
    pub(crate) async fn index(&self) -> S3VectorsIndex {
        index_at(&self.bucket.endpoint(), BUCKET_ARN, Duration::from_secs(120)).await
    }

    /// An index behind something that happens to requests.
    pub(crate) async fn behind(
        &self,
        script: impl Fn(&Passing<'_>) -> Option<Fault> + Send + Sync + 'static,
    ) -> (S3VectorsIndex, FaultProxy) {
        let proxy = FaultProxy::start(self.bucket.endpoint().trim_start_matches("http://"), script);
        (index_at(&proxy.url(), BUCKET_ARN, Duration::from_secs(120)).await, proxy)
    }
}

pub(crate) async fn index_at(endpoint: &str, bucket_arn: &str, patience: Duration) -> S3VectorsIndex {
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::from_static("eu-west-1"))
        .credentials_provider(Credentials::new("key", "secret", None, None, "test"));
    let settings = VectorSettings { bucket_arn: bucket_arn.to_owned(), region: REGION.to_owned(), patience };
    Aws::load(loader).await.vectors(settings)
}

/// True for requests that change something.
pub(crate) fn writes(passing: &Passing<'_>) -> bool {
    ["CreateIndex", "DeleteIndex", "PutVectors", "DeleteVectors"].contains(&operation(passing))
}
