//! What the protocol calls.

use crate::calls::Call;
use crate::tools::{self, Tool};
use docent_api::{Inside, Refusal, Visitor};
use http::request::Parts;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation, InitializeResult,
    ListToolsResult, PaginatedRequestParams, ServerCapabilities,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler};

const INSTRUCTIONS: &str = "Answers from a team's own documents. `ask` gives an answer in which every statement carries a \
    quote that was found in the stored page; its outcome says whether the documents answer at all. `search` and `fetch` give \
    the text itself: passages, and the page around one.";

/// The server, for one client or for all that come over HTTP.
#[derive(Clone)]
pub(crate) struct Docent {
    inside: Inside,
    /// In whose name; none where each request brings its own caller.
    visitor: Option<Visitor>,
}

impl Docent {
    pub(crate) const fn for_callers(inside: Inside) -> Self {
        Self { inside, visitor: None }
    }

    pub(crate) const fn for_one(inside: Inside, visitor: Visitor) -> Self {
        Self { inside, visitor: Some(visitor) }
    }

    fn call(&self, context: &RequestContext<RoleServer>) -> Result<Call, ErrorData> {
        let request = context.extensions.get::<Parts>();
        let visitor = self.visitor.clone().or_else(|| Visitor::of(request?));
        let visitor = visitor.ok_or_else(|| ErrorData::internal_error("nobody looked at who is calling", None))?;
        Ok(Call::new(self.inside.clone(), visitor, request))
    }
}

impl ServerHandler for Docent {
    fn get_info(&self) -> InitializeResult {
        InitializeResult::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("docent", env!("CARGO_PKG_VERSION")).with_title("Docent"))
            .with_instructions(INSTRUCTIONS)
    }

    fn get_tool(&self, name: &str) -> Option<rmcp::model::Tool> {
        Tool::named(name).map(Tool::declaration)
    }

    async fn list_tools(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools::ALL.map(Tool::declaration).into()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let tool = Tool::named(&request.name)
            .ok_or_else(|| ErrorData::invalid_params(format!("there is no tool `{}`", request.name), None))?;
        let made = self.call(&context)?.make(tool, request.arguments.unwrap_or_default()).await;
        let result = match made {
            Ok(value) => CallToolResult::structured(value),
            Err(refusal) => CallToolResult::error(vec![ContentBlock::text(in_words(&refusal))]),
        };
        Ok(result.into())
    }
}

/// What the model on the other side reads, and can act on.
fn in_words(refusal: &Refusal) -> String {
    let mut words = format!("error: {} ({})", refusal.message, refusal.code);
    if let Some(hint) = &refusal.hint {
        words.push_str("\nhint: ");
        words.push_str(hint);
    }
    if !refusal.request_id.is_empty() {
        words.push_str("\nrequest id: ");
        words.push_str(&refusal.request_id);
    }
    words
}
