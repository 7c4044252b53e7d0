//! A bucket of documents keeps the contract of a source.

use docent_engine::ports::Source;
use docent_index::remote::{Access, Bucket, BucketSettings};
use docent_testkit::ministack::{Ministack, authorization};
use docent_testkit::source::{Place, contract};
use std::sync::Arc;

struct Buckets {
    folder: tempfile::TempDir,
    server: Ministack,
}

impl Buckets {
    fn start() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let server = Ministack::start(folder.path())?;
        server.make_bucket("docs");
        Some(Self { folder, server })
    }

    fn send(&self, method: &str, path: &str, content: &[u8]) {
        let path: String = path
            .bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'/' | b'.' | b'-' | b'0'..=b'9' => char::from(byte).to_string(),
                byte => format!("%{byte:02X}"),
            })
            .collect();
        let answer =
            self.server.http(method, &format!("/docs/a/{path}"), &[("authorization", &authorization("s3"))], content);
        let status = answer.expect("ministack answers").status;
        assert!((200..300).contains(&status), "{method} {path}: {status}");
    }
}

impl Place for Buckets {
    fn put(&self, path: &str, content: &[u8]) {
        self.send("PUT", path, content);
    }

    fn remove(&self, path: &str) {
        self.send("DELETE", path, b"");
    }

    fn source(&self, place: &str, name: Option<&str>) -> Arc<dyn Source> {
        let settings = BucketSettings {
            copies: self.folder.path().join("copies"),
            object_bytes: 1 << 20,
            recognise: Arc::new(|_, _| None),
        };
        let place = docent_index::remote::Place::parse(&format!("s3://docs/{place}")).expect("a place");
        let access = Access { variables: self.server.variables(), ..Access::default() };
        Arc::new(Bucket::open(&place, &access, name, settings).expect("opened"))
    }
}

#[tokio::test]
async fn a_bucket_keeps_the_contract() {
    let Some(place) = Buckets::start() else { return };
    contract(&place).await;
}
