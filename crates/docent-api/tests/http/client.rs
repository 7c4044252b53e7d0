//! A client without a socket.

use crate::house::{House, parser};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use docent_api::{Api, ApiSettings, router};
use docent_engine::entrance::Entrance;
use docent_engine::worker::run_workers;
use docent_testkit::provider::ScriptedGenerator;
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::watch;
use tower::ServiceExt;

/// A router whose workers run until the test is over.
pub(crate) struct Site {
    /// Kept until the end: its folder goes with it.
    pub(crate) house: House,
    pub(crate) router: Router,
    stop: watch::Sender<bool>,
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// A file as it travels.
pub(crate) struct Weighed {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: usize,
    /// What of it is text.
    pub(crate) text: String,
}

impl Site {
    pub(crate) async fn open() -> Self {
        Self::with(ScriptedGenerator::quoting_the_best_passage(), ApiSettings::default()).await
    }

    pub(crate) async fn with(generator: ScriptedGenerator, settings: ApiSettings) -> Self {
        Self::of(House::new(generator).furnished().await, settings)
    }

    pub(crate) fn of(mut house: House, settings: ApiSettings) -> Self {
        let queue = house.queue.take().expect("not taken yet");
        let site = Self::without_workers(house, settings);
        let (engine, stopped) = (Arc::clone(&site.house.engine), site.stop.subscribe());
        tokio::spawn(async move { run_workers(engine, queue, "test", 2, stopped).await });
        site
    }

    pub(crate) fn without_workers(house: House, settings: ApiSettings) -> Self {
        let router = router(Api::new(Arc::clone(&house.engine), settings));
        Self { house, router, stop: watch::Sender::new(false) }
    }

    /// One that takes uploads in.
    pub(crate) async fn taking_uploads(settings: ApiSettings) -> Self {
        let house = House::new(ScriptedGenerator::quoting_the_best_passage()).furnished().await;
        let uploads = house.uploads(parser(), true);
        let mut site = Self::of(house, settings.clone());
        tokio::spawn(Arc::clone(&uploads).run("test", 2, site.stop.subscribe()));
        site.router =
            router(Api::new(Arc::clone(&site.house.engine), settings).with_entrance(Some(Entrance::Disk(uploads))));
        site
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.expect("the router always answers");
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.expect("read");
        Reply { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes.to_vec()).expect("text") }
    }

    pub(crate) async fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.to_owned())).expect("a request")).await
    }

    /// Gets a file as a browser does that takes this encoding.
    pub(crate) async fn weigh(&self, path: &str, encoding: &str) -> Weighed {
        let request = Request::builder().uri(path).header("accept", "text/html").header("accept-encoding", encoding);
        let request = request.body(Body::empty()).expect("a request");
        let response = self.router.clone().oneshot(request).await.expect("the router always answers");
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.expect("read");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Weighed { status: parts.status, headers: parts.headers, bytes: bytes.len(), text }
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.call("GET", path, &[], "").await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.call("POST", path, &[("content-type", "application/json")], &body.to_string()).await
    }
}
