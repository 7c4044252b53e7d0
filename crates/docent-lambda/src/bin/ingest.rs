//! The function that takes documents in from a bucket; and, started by itself, the child that reads one.

use docent_app::intake::{Intake, PARSE_WORKER};
use docent_lambda::take_in;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use std::process::ExitCode;

fn main() -> Result<ExitCode, Error> {
    if std::env::args_os().nth(1).is_some_and(|first| first == PARSE_WORKER) {
        return Ok(docent_app::parse_worker());
    }
    serve().map(|()| ExitCode::SUCCESS)
}

#[tokio::main(flavor = "current_thread")]
async fn serve() -> Result<(), Error> {
    let intake = Box::pin(Intake::from_environment()).await?;
    let on_event = |event: LambdaEvent<serde_json::Value>| take_in::on_event(&intake, event);
    lambda_runtime::run(service_fn(on_event)).await
}
