//! Docent as a server of the Model Context Protocol, for chat clients and agents that bring their own model.
//!
//! Four tools, in the shape that chat connectors ask for: `search` finds passages, `fetch` reads the page around one, `ask`
//! has Docent answer with checked quotes, `status` says what there is. [`tools`] declares them and [`calls`] carries them
//! out, by calling the HTTP routes from inside: a key that does not see a collection there does not see it here. The
//! protocol is rmcp's; [`server`] is what it calls.
//!
//! Over HTTP every message is a request with a key and an answer of its own. There are no sessions, so none can be taken
//! over, and whatever stands in front may send each to another machine. What is absent: rules of the product, sockets,
//! settings.
#![warn(missing_docs)]

mod calls;
mod server;
mod tools;

use docent_api::{Inside, Visitor};
use rmcp::ServiceExt;
use rmcp::service::ServerInitializeError;
use rmcp::transport::stdio_pipes;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use server::Docent;
use std::sync::Arc;

/// Largest message over HTTP, in bytes: as large as the body of any other request.
const MESSAGE_BYTES_MAX: usize = 1024 * 1024;

/// The service behind `/mcp`. Who may call, and from where, [`docent_api::router_with_mcp`] has seen to.
pub fn over_http(inside: Inside) -> StreamableHttpService<impl rmcp::ServerHandler, NeverSessionManager> {
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_max_request_body_bytes(MESSAGE_BYTES_MAX)
        .disable_allowed_hosts();
    let server = Docent::for_callers(inside);
    StreamableHttpService::new(move || Ok(server.clone()), Arc::default(), config)
}

/// Speaks the protocol on standard input and output until the client closes them.
///
/// # Errors
/// If the client does not begin as the protocol says.
pub async fn over_stdio(inside: Inside, visitor: Visitor) -> Result<(), ServerInitializeError> {
    match Docent::for_one(inside, visitor).serve(stdio_pipes()).await {
        Ok(running) => {
            // That the client is gone is the usual end.
            let _gone = running.waiting().await;
            Ok(())
        }
        // A client may think better of it before it has said anything.
        Err(ServerInitializeError::ConnectionClosed(_)) => Ok(()),
        Err(error) => Err(error),
    }
}
