//! `docs/api.md`: its examples are run as they stand there, and its list of routes is the description's.

use crate::server::Server;
use crate::terminal::{DOCENT, Terminal};
use docent_testkit::tools;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

const GUIDE: &str = include_str!("../../../../docs/api.md");
const ROUTES: [&str; 2] = ["<!-- routes: a test compares them with the description -->\n", "<!-- end of routes -->\n"];

/// What is between fences of a language; what it must print is between the fences of `text` behind it.
struct Block {
    language: &'static str,
    body: &'static str,
}

fn blocks() -> Vec<Block> {
    let fenced = GUIDE.split("\n```").skip(1).step_by(2);
    let blocks = fenced.map(|block| block.split_once('\n').expect("a language, then its lines"));
    blocks.map(|(language, body)| Block { language, body }).collect()
}

/// All blocks of a language as one program, and the lines that it must print.
fn program(language: &str) -> (String, Vec<&'static str>) {
    let (mut source, mut expected, mut ours) = (String::new(), Vec::new(), false);
    for block in blocks() {
        if block.language == "text" {
            expected.extend(block.body.lines().filter(|_| ours));
            continue;
        }
        ours = block.language == language;
        if ours {
            source.push_str(block.body);
            source.push('\n');
        }
    }
    (source, expected)
}

/// True if the line is as the guide says, where `…` stands for anything.
fn is_as_said(line: &str, said: &str) -> bool {
    let Some((before, behind)) = said.split_once('…') else { return line == said };
    let Some(rest) = line.strip_prefix(before) else { return false };
    rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| is_as_said(&rest[at..], behind))
}

/// A server with the handbook, the way the guide says.
struct Site {
    terminal: Terminal,
    server: Server,
    key: String,
}

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn site() -> Site {
    let terminal = Terminal::new()
        .with("DOCENT_WEBHOOK_SECRET", "whsec_Zm9vZm9vZm9vZm9vZm9vZm9vZm9vZm9v")
        .with("DOCENT_WEBHOOK_HOSTS", "127.0.0.1");
    terminal.docent(&["ingest", &project("examples/handbook/people").to_string_lossy()]).succeeded();
    let made = terminal.docent(&["keys", "create", "guide", "--scope", "read,ask,write", "--json"]).json();
    let key = made["key"].as_str().expect("a secret").to_owned();
    let server = Server::start(&terminal);
    Site { terminal, server, key }
}

impl Site {
    fn runs(&self, command: &mut Command, expected: &[&str]) {
        let url = format!("http://{}", self.server.address);
        let ran = self.terminal.finish(command.env("DOCENT_URL", url).env("DOCENT_KEY", &self.key));
        let printed: Vec<&str> = ran.succeeded().lines().collect();
        let differ = || format!("it printed\n{}\nand the guide says\n{}", printed.join("\n"), expected.join("\n"));
        assert_eq!(printed.len(), expected.len(), "{}", differ());
        let alike = printed.iter().zip(expected).all(|(line, said)| is_as_said(line, said));
        assert!(alike && !printed.is_empty(), "{}", differ());
    }
}

fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

#[test]
fn with_curl() {
    if !is_there("curl") || !is_there("jq") {
        eprintln!("skipped: curl and jq are not installed");
        return;
    }
    let (site, (source, expected)) = (site(), program("sh"));
    let script = format!("set -euo pipefail\n{source}");
    site.runs(site.terminal.command("/bin/bash").arg("-c").arg(script), &expected);
}

#[test]
fn with_python() {
    let Some(python) = tools::installed("python/bin/python3") else { return };
    let (site, (source, expected)) = (site(), program("python"));
    site.runs(site.terminal.command(python).arg("-c").arg(source), &expected);
}

#[test]
fn with_typescript() {
    let (compiler, modules) = (project("web/node_modules/.bin/tsc"), tools::folder().join("node/node_modules"));
    if !compiler.is_file() || !modules.join("openai").is_dir() {
        eprintln!("skipped: Node's packages are not installed; scripts/install_test_tools.sh does it");
        return;
    }
    let (site, (source, expected)) = (site(), program("ts"));
    site.terminal.write("guide.mts", source);
    std::os::unix::fs::symlink(&modules, site.terminal.path("node_modules")).expect("linked");
    let options = ["--noCheck", "--target", "es2022", "--module", "nodenext", "guide.mts"];
    site.terminal.finish(site.terminal.command(compiler).args(options)).succeeded();
    site.runs(site.terminal.command("/usr/bin/env").args(["node", "guide.mjs"]), &expected);
}

#[test]
fn the_configuration_of_a_client_that_starts_its_servers() {
    let Some(python) = tools::installed("mcp/bin/python3") else { return };
    let all = blocks().into_iter().filter(|block| block.language == "json");
    let servers =
        all.map(|block| serde_json::from_str::<Value>(block.body).expect("JSON")["mcpServers"]["docent"].clone());
    let servers: Vec<Value> = servers.collect();
    let [started, called] = servers.as_slice() else { panic!("{servers:?}") };
    assert!(called["url"].as_str().is_some_and(|url| url.ends_with("/mcp")), "{called}");
    assert_eq!(started["command"], "docent");
    let site = site();
    let arguments = started["args"].as_array().expect("arguments").iter().map(|one| one.as_str().expect("text"));
    let told = site.terminal.finish(
        Command::new(python)
            .arg(project("crates/docent-cli/tests/docent/clients/mcp_client.py"))
            .args(["auto", "stdio", DOCENT, &json!(site.terminal.variables()).to_string()])
            .args(arguments),
    );
    assert_eq!(told.json()["ask"]["structured"]["outcome"], "answered", "{told:?}");
}

/// One row for each operation: what it is called by, who may, what it does.
fn routes() -> String {
    let description = serde_json::to_value(docent_api::openapi()).expect("JSON");
    let mut rows = String::from("| | scope | |\n| --- | --- | --- |\n");
    for (path, methods) in description["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let ways = operation["security"].as_array().into_iter().flatten();
            let scopes: Vec<&str> = ways.filter_map(|way| way["bearer"][0].as_str()).collect();
            let scopes = if scopes.is_empty() { "none".to_owned() } else { format!("`{}`", scopes.join("` or `")) };
            let about = operation["summary"].as_str().or(operation["description"].as_str()).unwrap_or_default();
            let (method, about) = (method.to_uppercase(), about.lines().next().unwrap_or_default());
            rows.push_str(&format!("| `{method} {path}` | {scopes} | {about} |\n"));
        }
    }
    rows
}

#[test]
fn the_list_of_routes_is_the_description_s() {
    let (_, behind) = GUIDE.split_once(ROUTES[0]).expect("the beginning of the routes");
    let (written, _) = behind.split_once(ROUTES[1]).expect("their end");
    assert!(written == routes(), "the routes in docs/api.md must be\n{}", routes());
}
