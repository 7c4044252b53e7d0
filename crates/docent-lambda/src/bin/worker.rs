//! The function that works on queries.

use docent_app::function::Function;
use docent_lambda::work;
use lambda_runtime::{LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let function = Function::worker().await?;
    let (engine, collection) = (&*function.engine, function.config.collection.as_str());
    let on_event = |event: LambdaEvent<serde_json::Value>| work::on_event(engine, collection, event);
    lambda_runtime::run(service_fn(on_event)).await
}
