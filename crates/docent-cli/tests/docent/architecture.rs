//! The picture of the crates, compared with what cargo knows; and the limits on sizes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Which crates of ours a crate may use. Tests may also use `docent-testkit`, which nothing may be built with.
const EDGES: [(&str, &[&str]); 15] = [
    ("docent-core", &[]),
    ("docent-engine", &["docent-core"]),
    ("docent-parse", &["docent-core", "docent-engine"]),
    ("docent-index", &["docent-core", "docent-engine"]),
    ("docent-models", &["docent-core", "docent-engine"]),
    ("docent-sqlite", &["docent-core", "docent-engine"]),
    ("docent-chroma", &["docent-core", "docent-engine"]),
    ("docent-aws", &["docent-core", "docent-engine"]),
    ("docent-webhooks", &["docent-engine"]),
    ("docent-api", &["docent-core", "docent-engine"]),
    (
        "docent-app",
        &[
            "docent-core",
            "docent-engine",
            "docent-parse",
            "docent-index",
            "docent-models",
            "docent-sqlite",
            "docent-chroma",
            "docent-aws",
            "docent-webhooks",
            "docent-api",
        ],
    ),
    ("docent-lambda", &["docent-core", "docent-engine", "docent-api", "docent-app"]),
    // A door beside the routes, which calls them from inside.
    ("docent-mcp", &["docent-api"]),
    ("docent-cli", &["docent-core", "docent-engine", "docent-api", "docent-app", "docent-mcp"]),
    ("docent-testkit", &["docent-core", "docent-engine"]),
];

/// Who alone may name a crate of others. A second one is a decision.
const OWNERS: [(&str, &[&str]); 15] = [
    ("rusqlite", &["docent-sqlite"]),
    // The index makes the client that `object_store` sends with.
    ("reqwest", &["docent-models", "docent-chroma", "docent-index", "docent-webhooks"]),
    ("object_store", &["docent-index"]),
    ("tantivy", &["docent-index"]),
    ("hayro-interpret", &["docent-parse"]),
    ("html5ever", &["docent-parse"]),
    ("calamine", &["docent-parse"]),
    ("axum", &["docent-api"]),
    ("aws-sdk-dynamodb", &["docent-aws"]),
    ("aws-sdk-lambda", &["docent-aws"]),
    ("aws-sdk-s3vectors", &["docent-aws"]),
    ("lambda_runtime", &["docent-lambda"]),
    ("rmcp", &["docent-mcp"]),
    ("clap", &["docent-cli"]),
    ("toml", &["docent-app"]),
];

/// What the pure core may not touch.
const OUTSIDE: [&str; 6] = ["tokio", "futures", "async-trait", "tracing", "reqwest", "tempfile"];

struct Graph {
    /// Crates of ours, with the names of what they are built with.
    ours: BTreeMap<String, BTreeSet<String>>,
}

fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the project")
}

fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().expect("rustc runs");
    let version = String::from_utf8(output.stdout).expect("UTF-8");
    version.lines().find_map(|line| line.strip_prefix("host: ")).expect("a host").to_owned()
}

fn graph() -> Graph {
    // What other platforms need is not on this machine.
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--filter-platform", &host()])
        .current_dir(project())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let list = |value: &serde_json::Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    let names: BTreeMap<String, String> =
        list(&metadata["packages"]).iter().map(|package| (text(&package["id"]), text(&package["name"]))).collect();
    let normal =
        |dependency: &serde_json::Value| list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].is_null());
    let uses: BTreeMap<String, Vec<String>> = list(&metadata["resolve"]["nodes"])
        .iter()
        .map(|node| {
            let used = list(&node["deps"]).into_iter().filter(normal).map(|dependency| text(&dependency["pkg"]));
            (text(&node["id"]), used.collect())
        })
        .collect();
    let members: Vec<String> = list(&metadata["workspace_members"]).iter().map(text).collect();
    let ours = members.iter().map(|id| (names[id].clone(), uses[id].iter().map(|used| names[used].clone()).collect()));
    Graph { ours: ours.collect() }
}

/// Everything that a package is built with by itself, on this platform. In a build of the whole workspace the features that
/// anybody asks for are on for all, so the picture of a program is that of its own build.
fn built_with(package: &str, features: &[&str]) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--edges", "normal", "--prefix", "none", "--target", &host(), "--package", package])
        .args(features)
        .current_dir(project())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).expect("UTF-8");
    tree.lines().filter_map(|line| line.split(' ').next()).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[test]
fn dependencies_point_one_way() {
    let graph = graph();
    let allowed: BTreeMap<&str, &[&str]> = EDGES.into();
    for (name, used) in &graph.ours {
        let allowed = allowed.get(name.as_str()).unwrap_or_else(|| panic!("{name} is not in the picture"));
        for other in used.iter().filter(|used| used.starts_with("docent-")) {
            assert!(allowed.contains(&other.as_str()), "{name} uses {other}, which the picture does not show");
        }
    }
}

#[test]
fn each_heavy_dependency_has_one_owner() {
    let graph = graph();
    for (dependency, owners) in OWNERS {
        let users: Vec<_> =
            graph.ours.iter().filter(|(_, used)| used.contains(dependency)).map(|(name, _)| name).collect();
        assert!(!users.is_empty(), "nobody uses {dependency}: take it off the list");
        for user in users {
            assert!(owners.contains(&user.as_str()), "{user} uses {dependency}, which belongs to {owners:?}");
        }
    }
    for outside in OUTSIDE {
        assert!(!graph.ours["docent-core"].contains(outside), "docent-core uses {outside}");
    }
}

/// What no program may be built with: tests' own, and libraries that make a build slow or not portable.
const UNWANTED: [&str; 7] =
    ["docent-testkit", "openssl", "openssl-sys", "native-tls", "aws-lc-sys", "cmake", "onig_sys"];

#[test]
fn the_program_carries_no_cloud_and_no_foreign_tls() {
    let parts = built_with("docent-cli", &[]);
    let unwanted = |name: &&String| name.starts_with("aws-") || UNWANTED.contains(&name.as_str());
    assert_eq!(parts.iter().filter(unwanted).collect::<Vec<_>>(), [""; 0]);
    assert!(parts.contains("docent-parse") && parts.contains("docent-sqlite"));
}

#[test]
fn the_functions_carry_no_database_of_one_machine_and_those_that_answer_no_parser() {
    const PARSERS: [&str; 4] = ["docent-parse", "hayro-interpret", "html5ever", "calamine"];
    const OF_ONE_MACHINE: [&str; 3] = ["docent-sqlite", "rusqlite", "clap"];
    let [answering, ingest] =
        [&["--no-default-features"][..], &[]].map(|features| built_with("docent-lambda", features));
    let found = |parts: &BTreeSet<String>, names: &[&str]| names.iter().filter(|name| parts.contains(**name)).count();
    for parts in [&answering, &ingest] {
        assert_eq!(found(parts, &OF_ONE_MACHINE) + found(parts, &UNWANTED), 0, "{parts:?}");
        assert!(parts.contains("docent-aws"));
    }
    assert_eq!((found(&answering, &PARSERS), found(&ingest, &PARSERS)), (0, PARSERS.len()));
}

#[test]
fn files_stay_short() {
    const LINES_MAX: usize = 600;
    const LINES_USUAL: usize = 400;
    let mut lengths: Vec<(usize, PathBuf)> = sources(&project().join("crates")).into_iter().map(measured).collect();
    lengths.sort();
    let (longest, path) = lengths.last().expect("files");
    assert!(*longest <= LINES_MAX, "{} has {longest} lines", path.display());
    let (usual, path) = &lengths[lengths.len() * 9 / 10];
    assert!(*usual <= LINES_USUAL, "one file in ten has more than {LINES_USUAL} lines, {} among them", path.display());
}

#[test]
fn no_helpers_and_no_mod_files() {
    const EMPTY_WORDS: [&str; 8] = ["mod", "util", "utils", "helper", "helpers", "manager", "service", "common"];
    for path in sources(&project().join("crates")) {
        let stem = path.file_stem().expect("a name").to_string_lossy().into_owned();
        assert!(!EMPTY_WORDS.contains(&stem.as_str()), "{} says nothing by its name", path.display());
    }
}

fn measured(path: PathBuf) -> (usize, PathBuf) {
    (std::fs::read_to_string(&path).expect("read").lines().count(), path)
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("listed").flatten() {
            let path = entry.path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found
}
