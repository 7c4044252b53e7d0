//! Questions and what is told about their answers.

use crate::snapshot;
use crate::terminal::Terminal;
use docent_testkit::pdf;

fn handbook() -> Terminal {
    let terminal = Terminal::new()
        .file(
            "handbook/leave.md",
            "# Leave policy\n\n## Annual leave\n\nEverybody has 25 days of annual leave in a calendar year.\n\n\
             ## Sick leave\n\nSick leave is paid in full for the first ten weeks.\n",
        )
        .file(
            "handbook/travel.pdf",
            pdf::pages(&[
                &["Travel and expenses"],
                &["Trains are booked in second class.", "The hotel limit in Bern is CHF 265 per night."],
            ]),
        );
    terminal.docent(&["ingest", "handbook"]).succeeded();
    terminal
}

#[test]
fn an_answer_with_its_evidence_and_why() {
    let terminal = handbook();
    snapshot!(terminal.docent(&["ask", "How many days of annual leave do we have?", "-k", "2"]), @r"
    exit 0
    --- stdout
    Everybody has 25 days of annual leave in a calendar year. [1]

    [1] handbook/leave.md · Leave policy > Annual leave · verified
        “Everybody has 25 days of annual leave in a calendar year”
    --- stderr

    answered by quoting in [N] ms ([TIMES])
    docent explain qry_[ID]
    ");
    snapshot!(terminal.docent(&["explain", "last"]), @r"
    exit 0
    --- stdout
    Question: How many days of annual leave do we have?
    Collection default, generation gen_[ID], answered by quoting

    Candidates
      RANK   SCORE  WORDS  MEANING  FATE             WHERE
         1  [SCORE]  [SCORE]    [SCORE]  used             handbook/leave.md · Leave policy > Annual leave
         2  [SCORE]  [SCORE]    [SCORE]  used             handbook/leave.md · Leave policy > Sick leave
         3  [SCORE]      -    [SCORE]  below the top 2  handbook/travel.pdf · page 1
         4  [SCORE]      -    [SCORE]  below the top 2  handbook/travel.pdf · page 2

    Statements
      kept
        Everybody has 25 days of annual leave in a calendar year.
          passage 1, verified: “Everybody has 25 days of annual leave in a calendar
          year.”

    Context
      doc_[ID]#0, doc_[ID]#1

    Time and tokens
      embedding [N] ms, search [N] ms, answer [N] ms, together [N] ms
    --- stderr
    ");
    snapshot!(terminal.docent(&["ask", "What is the hotel limit in Bern?", "--quiet"]), @r"
    exit 0
    --- stdout
    The hotel limit in Bern is CHF 265 per night. [1]

    [1] handbook/travel.pdf · page 2 · verified
        “The hotel limit in Bern is CHF 265 per night”
    --- stderr
    ");
}

#[test]
fn what_the_documents_do_not_say() {
    let terminal = handbook();
    snapshot!(terminal.docent(&["ask", "May I bring my dog to the office?"]), @r"
    exit 0
    --- stdout
    The documents do not answer this question.

    Nearest passages:

    - handbook/leave.md · Leave policy > Annual leave
        Everybody has 25 days of annual leave in a calendar year.

    - handbook/travel.pdf · page 1
        Travel and expenses

    - handbook/leave.md · Leave policy > Sick leave
        Sick leave is paid in full for the first ten weeks.
    --- stderr

    not found by quoting in [N] ms ([TIMES])
    docent explain qry_[ID]
    ");
}

#[test]
fn for_programs_the_wire_shape() {
    let terminal = handbook();
    let answer = terminal.docent(&["ask", "How many days of annual leave do we have?", "--json"]);
    let answer = {
        answer.succeeded();
        answer.json()
    };
    assert_eq!(
        (&answer["object"], &answer["status"], &answer["outcome"]),
        (&"query".into(), &"completed".into(), &"answered".into())
    );
    let citation = &answer["citations"][0];
    assert_eq!(citation["filename"], "handbook/leave.md");
    assert_eq!(citation["verification"], "verified");
    assert!(citation["cited_text"].as_str().is_some_and(|quote| quote.contains("25 days")), "{citation}");
    let id = answer["id"].as_str().expect("an id");
    assert!(id.starts_with("qry_"), "{id}");
    let explained = terminal.docent(&["explain", id, "--json"]).json();
    assert_eq!(explained["trace"]["statements"][0]["kept"], true);
    assert_eq!(explained["query"]["id"], id);
}

#[test]
fn the_passages_themselves() {
    let terminal = handbook();
    snapshot!(terminal.docent(&["search", "hotel limit", "--mode", "bm25", "--limit", "1"]), @r"
    exit 0
    --- stdout
    1. handbook/travel.pdf · page 2
        score [SCORE] · words [SCORE] · meaning - · doc_[ID]#1
        Trains are booked in second class. The hotel limit in Bern is CHF 265 per
        night.
    --- stderr
    ");
    for (mode, bm25, dense) in [("bm25", true, false), ("dense", false, true), ("hybrid", true, true)] {
        let found = terminal.docent(&["search", "hotel limit in Bern", "--mode", mode, "--json"]).json();
        let best = &found["data"][0];
        assert_eq!(best["page_number"], 2, "{mode}: {found}");
        assert_eq!(best["bm25"].is_number(), bm25, "{mode}: {best}");
        assert!(best["dense"].is_number() || !dense, "{mode}: {best}");
    }
}

#[test]
fn filters_narrow_where_is_looked() {
    let terminal = handbook();
    let files = |filters: &[&str]| {
        let mut arguments = vec!["search", "leave hotel limit", "--json"];
        arguments.extend(filters.iter().flat_map(|filter| ["--filter", *filter]));
        let found = terminal.docent(&arguments).json();
        let mut files: Vec<_> = found["data"]
            .as_array()
            .unwrap_or_else(|| panic!("{found}"))
            .iter()
            .map(|hit| hit["filename"].as_str().expect("a name").to_owned())
            .collect();
        files.sort();
        files.dedup();
        files
    };
    assert_eq!(files(&[]), ["handbook/leave.md", "handbook/travel.pdf"]);
    assert_eq!(files(&["format=pdf"]), ["handbook/travel.pdf"]);
    assert_eq!(files(&["filename=handbook/leave.md"]), ["handbook/leave.md"]);
    assert_eq!(files(&["format=pdf", "page=7"]), [""; 0]);
    assert_eq!(files(&[r#"{"type":"ne","key":"format","value":"pdf"}"#]), ["handbook/leave.md"]);
}

#[test]
fn an_empty_collection_answers_that_it_does_not_know() {
    let terminal = handbook();
    terminal.docent(&["delete", "handbook/leave.md", "handbook/travel.pdf"]).succeeded();
    snapshot!(terminal.docent(&["ask", "How many days of annual leave do we have?"]), @r"
    exit 0
    --- stdout
    The documents do not answer this question.
    --- stderr

    not found by quoting in [N] ms ([TIMES])
    docent explain qry_[ID]
    ");
}
