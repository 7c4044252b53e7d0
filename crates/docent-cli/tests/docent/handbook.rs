//! The handbook that comes with the project.

use crate::snapshot;
use crate::terminal::{DOCENT, Terminal};
use std::path::PathBuf;

fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the project")
}

#[test]
fn the_demo() {
    let terminal = Terminal::new();
    let output = terminal.command(DOCENT).arg("demo").current_dir(project()).output().expect("run");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for line in text.lines() {
        assert!(console::measure_text_width(line) <= 80, "over 80 columns: {line}");
    }
    for (question, says) in [
        ("1. What is the hotel limit per night in Switzerland?", "CHF 265"),
        ("2. How many weeks of parental leave", "26 weeks"),
        ("3. Who carries out the penetration test", "Quillmark Labs"),
        ("4. What does error E-417 mean?", "90 seconds"),
        ("5. May I bring my dog to the office?", "The documents do not answer this question."),
    ] {
        let (_, after) = text.split_once(question).unwrap_or_else(|| panic!("not asked: {question}\n{text}"));
        let answer = after.split("answered by").next().expect("an answer");
        let answer = answer.split("not found by").next().expect("an answer");
        assert!(answer.contains(says), "{question}: {answer}");
    }
    assert!(text.contains("What next"), "{text}");
}

#[test]
fn a_demo_without_its_handbook_says_where_to_go() {
    let terminal = Terminal::new();
    // Far from the source tree that the program was built in, too.
    std::fs::copy(DOCENT, terminal.path("docent")).expect("copied");
    snapshot!(terminal.finish(terminal.command(terminal.path("docent")).arg("demo")), @r"
    exit 1
    --- stdout
    --- stderr
    error: examples/handbook was not found

    hint: run the demo in Docent's source folder, or begin with your own documents: docent ingest FOLDER
    ");
}
