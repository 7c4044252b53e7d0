//! Documents in, listed, changed, out.

use crate::snapshot;
use crate::terminal::Terminal;
use docent_testkit::pdf;
use std::io::{BufRead, BufReader};
use std::process::Command;

const LEAVE: &str = "# Leave policy\n\nIntroduction.\n\n## Annual leave\n\nEverybody has 25 days of annual leave.\n\n\
    ## Sick leave\n\nSick leave is paid for ten weeks.\n";

fn people() -> Terminal {
    Terminal::new()
        .file("people/leave.md", LEAVE)
        .file("people/travel.pdf", pdf::pages(&[&["Travel rules"], &["The hotel limit in Bern is CHF 265 per night."]]))
        .file("people/.hidden.md", "# Not for anybody")
}

#[test]
fn taken_in_skipped_when_unchanged_replaced_when_changed() {
    let terminal = people();
    snapshot!(terminal.docent(&["ingest", "people"]), @r"
    exit 0
    --- stdout
        added  people/leave.md  3 sections, 3 chunks
        added  people/travel.pdf  2 pages, 2 chunks
    2 added in collection default (5 chunks)
    --- stderr
    ");
    snapshot!(terminal.docent(&["ingest", "people"]), @r"
    exit 0
    --- stdout
    2 unchanged in collection default
    --- stderr
    ");
    terminal.write("people/leave.md", LEAVE.replace("25 days", "30 days"));
    snapshot!(terminal.docent(&["ingest", "people/leave.md"]), @r"
    exit 0
    --- stdout
      updated  leave.md  3 sections, 3 chunks
    1 updated in collection default (3 chunks)
    --- stderr
    ");
    snapshot!(terminal.docent(&["search", "annual leave", "--mode", "bm25", "--limit", "1"]), @r"
    exit 0
    --- stdout
    1. leave.md · Leave policy > Annual leave
        score [SCORE] · words [SCORE] · meaning - · doc_[ID]#1
        Everybody has 30 days of annual leave.
    --- stderr
    ");
}

#[test]
fn for_programs_a_line_per_file_and_a_summary() {
    let terminal = people();
    snapshot!(terminal.docent(&["ingest", "people", "missing.md", "--json"]), @r#"
    exit 3
    --- stdout
    {"type":"file","file":"missing.md","document_id":"doc_[ID]","outcome":"refused","reason":"unreadable: missing.md: there is no such file or folder","format":null,"pages":0,"characters":0,"chunks":0,"unreadable_pages":[],"warnings":[]}
    {"type":"file","file":"people/leave.md","document_id":"doc_[ID]","outcome":"added","reason":null,"format":"markdown","pages":3,"characters":124,"chunks":3,"unreadable_pages":[],"warnings":[]}
    {"type":"file","file":"people/travel.pdf","document_id":"doc_[ID]","outcome":"added","reason":null,"format":"pdf","pages":2,"characters":57,"chunks":2,"unreadable_pages":[],"warnings":[]}
    {"type":"summary","added":2,"updated":0,"unchanged":0,"partial":0,"refused":1,"pages":5,"chunks":5,"generation":"gen_[ID]"}
    --- stderr
    "#);
}

#[test]
fn what_is_there() {
    let terminal = people();
    snapshot!(terminal.docent(&["collections"]), @r"
    exit 0
    --- stdout
    --- stderr
    there are no collections; `docent ingest PATH` makes one
    ");
    terminal.docent(&["ingest", "people", "-c", "people"]).succeeded();
    snapshot!(terminal.docent(&["documents", "-c", "people"]), @r"
    exit 0
    --- stdout
    DOCUMENT           FORMAT         PARTS  CHUNKS  TITLE
    people/leave.md    markdown  3 sections       3  Leave policy
    people/travel.pdf  pdf          2 pages       2  travel
    --- stderr
    ");
    snapshot!(terminal.docent(&["documents"]), @r"
    exit 1
    --- stdout
    --- stderr
    error: there is no collection `default`

    hint: `docent ingest PATH` makes one; `docent collections` lists those that exist
    ");
    let listed = terminal.docent(&["documents", "-c", "people", "--json"]).json_lines();
    let names: Vec<_> = listed.iter().map(|one| (one["filename"].as_str(), one["chunks"].as_u64())).collect();
    assert_eq!(names, [(Some("people/leave.md"), Some(3)), (Some("people/travel.pdf"), Some(2))]);
    let collections = terminal.docent(&["collections", "--json"]).json_lines();
    assert_eq!((&collections[0]["name"], &collections[0]["documents"]), (&"people".into(), &2.into()));
}

#[test]
fn what_is_deleted_is_not_found_any_more() {
    let terminal = people();
    terminal.docent(&["ingest", "people"]).succeeded();
    let found = |words: &str| terminal.docent(&["search", words, "--mode", "bm25", "--json"]).json();
    assert_eq!(found("annual")["data"].as_array().expect("hits").len(), 1);
    snapshot!(terminal.docent(&["delete", "people/leave.md"]), @r"
    exit 0
    --- stdout
      deleted  people/leave.md  3 chunks  doc_[ID]
               was in gen_[ID], is not in gen_[ID]
    --- stderr
    ");
    assert_eq!(found("annual")["data"].as_array().expect("hits").len(), 0);
    snapshot!(terminal.docent(&["delete", "people/leave.md"]), @r"
    exit 1
    --- stdout
    --- stderr
    error: there is no document `people/leave.md` in collection `default`

    hint: `docent documents` lists what is there
    ");
    snapshot!(terminal.docent(&["delete", "--all"]), @r"
    exit 2
    --- stdout
    --- stderr
    error: the following required arguments were not provided:
      --collection <NAME>

    Usage: docent delete --collection <NAME> --all [WHAT]...

    For more information, try '--help'.
    ");
    snapshot!(terminal.docent(&["delete", "--all", "--collection", "default"]), @r"
    exit 0
    --- stdout
      deleted  collection default
    --- stderr
    ");
    snapshot!(terminal.docent(&["delete", "--all", "--collection", "default"]), @r"
    exit 1
    --- stdout
    --- stderr
    error: there is no collection `default`

    hint: `docent collections` lists those that exist
    ");
}

#[test]
fn a_document_can_be_deleted_by_path_and_by_id_and_after_its_file_is_gone() {
    let terminal = people();
    terminal.docent(&["ingest", "people"]).succeeded();
    std::fs::remove_file(terminal.path("people/leave.md")).expect("removed");
    let path = terminal.path("people/leave.md");
    terminal.docent(&["delete", &path.to_string_lossy()]).succeeded();
    let left = terminal.docent(&["documents", "--json"]).json();
    terminal.docent(&["delete", left["id"].as_str().expect("an id")]).succeeded();
    assert_eq!(terminal.docent(&["documents", "--json"]).stdout, "");
}

#[test]
fn two_ingests_at_once_lose_nothing() {
    let terminal = people();
    let mut both = ["people/leave.md", "people/travel.pdf"].map(|path| terminal.start(&["ingest", path]));
    for one in &mut both {
        assert_eq!(one.wait().expect("ended").code(), Some(0));
    }
    assert_eq!(terminal.docent(&["documents", "--json"]).json_lines().len(), 2);
}

/// The refused file is the first to be reported, while the others are still being read.
#[test]
fn an_interrupted_ingest_is_taken_up_where_it_stopped() {
    let terminal = Terminal::new().file("many/0.md", "");
    for number in 1..=300 {
        terminal.write(&format!("many/{number}.md"), format!("# Number {number}\n\nOne of many documents.\n"));
    }
    let mut ingest = terminal.start(&["ingest", "many"]);
    let mut first = String::new();
    BufReader::new(ingest.stdout.take().expect("piped")).read_line(&mut first).expect("a line");
    assert_eq!(first, "  refused  many/0.md\n");
    let id = ingest.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().expect("run").success());
    assert_eq!(ingest.wait().expect("ended").code(), Some(130));
    assert_eq!(terminal.docent(&["ingest", "many"]).status, Some(3));
    assert_eq!(terminal.docent(&["documents", "--json"]).json_lines().len(), 300);
}

#[test]
fn what_would_be_indexed() {
    let terminal = people();
    snapshot!(terminal.docent(&["parse", "people/leave.md"]), @r"
    exit 0
    --- stdout
    markdown, 3 sections, 3 chunks
    title: Leave policy

    1. Leave policy (14 to 27)
        Introduction.

    2. Leave policy > Annual leave (14 to 52)
        Everybody has 25 days of annual leave.

    3. Leave policy > Sick leave (12 to 45)
        Sick leave is paid for ten weeks.
    --- stderr
    ");
    let parsed = terminal.docent(&["parse", "people/travel.pdf", "--json"]);
    snapshot!(parsed, @r#"
    exit 0
    --- stdout
    {"file":"people/travel.pdf","outcome":"text","reason":null,"pages":[{"page":1,"heading_path":[],"text":"Travel rules"},{"page":2,"heading_path":[],"text":"The hotel limit in Bern is CHF 265 per night."}],"chunks":[{"text":"Travel rules","start_char":0,"end_char":12,"start_page":1,"end_page":1,"heading_path":[]},{"text":"The hotel limit in Bern is CHF 265 per night.","start_char":0,"end_char":45,"start_page":2,"end_page":2,"heading_path":[]}]}
    --- stderr
    "#);
    let parsed = parsed.json();
    for chunk in parsed["chunks"].as_array().expect("chunks") {
        let number = |key: &str| usize::try_from(chunk[key].as_u64().expect("a number")).expect("small");
        let page = parsed["pages"][number("start_page") - 1]["text"].as_str().expect("text");
        let there: String = page.chars().take(number("end_char")).skip(number("start_char")).collect();
        assert_eq!(chunk["text"], there.as_str(), "offsets point at the words");
    }
}

#[test]
fn rows_are_cited_by_their_numbers_below_their_columns() {
    let rows: String = (1..60).map(|n| format!("Tarn Hall {n};{} guests\n", n * 7)).collect();
    let terminal = Terminal::new().file("halls.csv", format!("Hall;Capacity\n{rows}"));
    let parsed = terminal.docent(&["parse", "halls.csv", "--json"]).json();
    let chunks = parsed["chunks"].as_array().expect("chunks");
    let place = |chunk: &serde_json::Value| chunk["heading_path"][0].as_str().expect("rows").to_owned();
    assert_eq!((place(&chunks[0]).as_str(), chunks.len() > 2), ("rows 1–19", true));
    for chunk in chunks {
        assert!(chunk["text"].as_str().expect("text").starts_with("Hall | Capacity\n"), "{chunk}");
    }
    terminal.docent(&["ingest", "halls.csv"]).succeeded();
    let ran = terminal.docent(&["search", "capacity of Tarn Hall 41"]);
    let found = ran.succeeded();
    assert!(found.contains("rows 38–55") && found.contains("287"), "{found}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let terminal = people();
    terminal.docent(&["ingest", "people"]).succeeded();
    let ran = terminal.shell("\"$program\" documents | true; \"$program\" config --reference | head -n 1");
    snapshot!(ran, @r"
    exit 0
    --- stdout
    # Configuration
    --- stderr
    ");
}
