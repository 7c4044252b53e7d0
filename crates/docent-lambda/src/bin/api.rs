//! The function that answers HTTP, through a function URL.

use docent_app::function::Function;
use docent_app::wiring::{self, Reach};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    let function = Function::api().await?;
    let api = wiring::api_from_config(&function.config, &function.engine, Reach::Network);
    let router = docent_api::router(api.with_entrance(Some(function.entrance)));
    lambda_http::run_with_streaming_response(router).await
}
