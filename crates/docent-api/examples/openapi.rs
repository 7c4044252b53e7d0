//! Prints the description of the routes; `make page-bundle` makes the page's types from it.
#![expect(clippy::print_stdout, reason = "that is what it is for")]

fn main() {
    println!("{}", serde_json::to_string_pretty(&docent_api::openapi()).unwrap_or_default());
}
