//! The routes for callers inside this process.
//!
//! A door that speaks another protocol asks here what a client of the routes would ask, so it decides nothing itself: keys,
//! scopes, rates, limits, defaults and the words of errors are those of the routes.

use crate::access::Caller;
use crate::origins;
use crate::problem::internal;
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::request::Parts;
use axum::http::{Method, Request, header};
use serde_json::Value;
use tower::ServiceExt;

/// In whose name a call is made.
#[derive(Clone)]
pub struct Visitor(Pass);

#[derive(Clone)]
enum Pass {
    /// Key and rate were looked at when the request came in.
    Known(Caller),
    /// A key that is looked at, and counted, with every call.
    Key(String),
}

impl Visitor {
    /// Whoever runs this program: may do everything.
    pub fn operator() -> Self {
        Self(Pass::Known(Caller::Root))
    }

    /// Whoever has this key; it is looked at, and counted, with every call.
    pub const fn with_key(key: String) -> Self {
        Self(Pass::Key(key))
    }

    /// The caller of a request that came through [`crate::router_with_mcp`]; none of any other.
    pub fn of(request: &Parts) -> Option<Self> {
        request.extensions.get::<Caller>().cloned().map(|caller| Self(Pass::Known(caller)))
    }
}

/// Why a call brought nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// A word programs can branch on.
    pub code: String,
    /// What is wrong, as a sentence.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The number under which the log has it.
    pub request_id: String,
}

impl Refusal {
    fn from_body(body: &Value) -> Self {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let error = &body["error"];
        Self {
            code: text(&error["code"]).unwrap_or_else(|| "internal".to_owned()),
            message: text(&error["message"]).unwrap_or_else(|| internal().message().to_owned()),
            hint: text(&error["hint"]),
            request_id: text(&body["request_id"]).unwrap_or_default(),
        }
    }
}

/// The routes.
#[derive(Clone, Debug)]
pub struct Inside {
    routes: Router,
}

impl Inside {
    /// Those that [`crate::router`] gave.
    pub const fn new(routes: Router) -> Self {
        Self { routes }
    }

    /// The address that the client of a request called this server by, without a slash at its end.
    pub fn address(request: &Parts) -> String {
        origins::own(&request.headers)
    }

    /// Gets what is at a path, query string included.
    ///
    /// # Errors
    /// Whatever a client of that route would be told.
    pub async fn get(&self, visitor: &Visitor, path: &str) -> Result<Value, Refusal> {
        self.call(visitor, Method::GET, path, Body::empty()).await
    }

    /// Posts JSON.
    ///
    /// # Errors
    /// Whatever a client of that route would be told.
    pub async fn post(&self, visitor: &Visitor, path: &str, body: &Value) -> Result<Value, Refusal> {
        self.call(visitor, Method::POST, path, Body::from(body.to_string())).await
    }

    async fn call(&self, visitor: &Visitor, method: Method, path: &str, body: Body) -> Result<Value, Refusal> {
        let mut request = Request::builder().method(method).uri(path);
        match &visitor.0 {
            Pass::Known(caller) => request = request.extension(caller.clone()),
            Pass::Key(key) => request = request.header(header::AUTHORIZATION, format!("Bearer {key}")),
        }
        let broken = || Refusal::from_body(&Value::Null);
        let request = request.body(body).map_err(|_| broken())?;
        let response = match self.routes.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let is_success = response.status().is_success();
        let bytes: Bytes = to_bytes(response.into_body(), usize::MAX).await.map_err(|_| broken())?;
        let said: Value = serde_json::from_slice(&bytes).map_err(|_| broken())?;
        if is_success { Ok(said) } else { Err(Refusal::from_body(&said)) }
    }
}
