//! A collection that is kept equal to a folder.

use crate::snapshot;
use crate::terminal::Terminal;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::Command;

/// A folder of ten notes, so that one of them is less than 30 %.
fn notes() -> Terminal {
    let terminal = Terminal::new();
    for number in 0..10 {
        terminal.write(&format!("notes/{number}.md"), note(number));
    }
    terminal
}

fn note(number: usize) -> String {
    format!("# Note {number}\n\nThe tarn numbered {number} is fed by a spring.\n")
}

fn listed(terminal: &Terminal) -> BTreeSet<String> {
    let documents = terminal.docent(&["documents", "--json"]).json_lines();
    documents.iter().map(|one| one["filename"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn what_is_new_comes_in_what_changed_is_replaced_what_is_gone_is_removed() {
    let terminal = notes();
    assert!(terminal.docent(&["sync", "notes"]).succeeded().ends_with("10 added in collection default (10 chunks)\n"));
    snapshot!(terminal.docent(&["sync", "notes"]), @r"
    exit 0
    --- stdout
    10 unchanged in collection default
    --- stderr
    ");
    terminal.write("notes/3.md", "# Note 3\n\nThe tarn is dry.\n");
    terminal.write("notes/new.md", "# New\n\nA tarn was found.\n");
    terminal.write("notes/bad.md", "");
    std::fs::remove_file(terminal.path("notes/7.md")).expect("removed");
    let before = terminal.docent(&["collections", "--json"]).stdout;
    snapshot!(terminal.docent(&["sync", "notes", "--dry-run"]), @r"
    exit 3
    --- stdout
       update  notes/3.md  1 section, 1 chunk
      refused  notes/bad.md
               empty: the file has no bytes
          add  notes/new.md  1 section, 1 chunk
       delete  notes/7.md  1 section, 1 chunk
    1 add, 1 update, 1 delete, 8 unchanged, 1 refused in collection default; nothing was changed
    --- stderr
    ");
    assert_eq!(terminal.docent(&["collections", "--json"]).stdout, before, "a dry run changes nothing");
    std::fs::remove_file(terminal.path("notes/bad.md")).expect("removed");
    snapshot!(terminal.docent(&["sync", "notes"]), @r"
    exit 0
    --- stdout
      updated  notes/3.md  1 section, 1 chunk
        added  notes/new.md  1 section, 1 chunk
      deleted  notes/7.md  1 section, 1 chunk
    1 added, 1 updated, 1 deleted, 8 unchanged in collection default (2 chunks)
    --- stderr
    ");
    let names = listed(&terminal);
    assert!(names.contains("notes/new.md") && !names.contains("notes/7.md") && names.len() == 10, "{names:?}");
}

#[test]
fn a_dry_run_makes_no_collection() {
    let terminal = notes();
    let ran = terminal.docent(&["sync", "notes", "-n", "--json"]);
    ran.succeeded();
    let lines = ran.json_lines();
    assert_eq!((lines.len(), &lines[0]["outcome"], &lines[0]["type"]), (11, &"added".into(), &"file".into()));
    assert_eq!((&lines[10]["type"], &lines[10]["dry_run"]), (&"summary".into(), &true.into()));
    assert_eq!((&lines[10]["added"], &lines[10]["needs_allow_deletes"]), (&10.into(), &false.into()));
    assert_eq!(terminal.docent(&["collections", "--json"]).stdout, "");
}

#[test]
fn a_folder_that_has_lost_much_empties_nothing_unasked() {
    let terminal = notes();
    terminal.docent(&["sync", "notes"]).succeeded();
    for number in 0..4 {
        std::fs::remove_file(terminal.path(&format!("notes/{number}.md"))).expect("removed");
    }
    snapshot!(terminal.docent(&["sync", "notes"]), @r"
    exit 1
    --- stdout
    --- stderr
    error: 4 of the 10 documents of this source are gone from it; more than 30 % are not removed unasked

    hint: nothing was changed; look at it with --dry-run, then give --allow-deletes if it is right
    ");
    assert_eq!(listed(&terminal).len(), 10);
    let dry = terminal.docent(&["sync", "notes", "--dry-run"]);
    assert!(dry.stderr.contains("a sync would stop here"), "{}", dry.transcript());
    terminal.docent(&["sync", "notes", "--allow-deletes"]).succeeded();
    assert_eq!(listed(&terminal).len(), 6);
    std::fs::remove_dir_all(terminal.path("notes")).expect("removed");
    snapshot!(terminal.docent(&["sync", "notes", "--allow-deletes"]), @r"
    exit 1
    --- stdout
    --- stderr
    error: notes: there is no such file or folder

    hint: nothing was changed; a folder is synced when all of it can be seen
    ");
    assert_eq!(listed(&terminal).len(), 6);
}

#[test]
fn documents_of_other_sources_and_those_taken_in_by_hand_stay() {
    let terminal = notes().file("other/a.md", "# A\n\nAnother folder.\n").file("by-hand.md", "# Hand\n\nBy hand.\n");
    terminal.write("notes/by-hand-too.md", "# Too\n\nInside the folder, before it was synced.\n");
    terminal.docent(&["ingest", "by-hand.md", "notes/by-hand-too.md"]).succeeded();
    std::fs::remove_file(terminal.path("notes/by-hand-too.md")).expect("removed");
    std::fs::remove_file(terminal.path("by-hand.md")).expect("removed");
    terminal.docent(&["sync", "other"]).succeeded();
    terminal.docent(&["sync", "notes", "--allow-deletes"]).succeeded();
    std::fs::remove_file(terminal.path("other/a.md")).expect("removed");
    terminal.docent(&["sync", "notes", "--allow-deletes"]).succeeded();
    let names = listed(&terminal);
    for kept in ["by-hand.md", "by-hand-too.md", "other/a.md"] {
        assert!(names.contains(kept), "{kept} of {names:?}");
    }
}

#[test]
fn a_file_taken_in_by_hand_is_taken_over_and_a_later_ingest_does_not_take_it_back() {
    let terminal = notes();
    terminal.docent(&["ingest", "notes/1.md"]).succeeded();
    let synced = terminal.docent(&["sync", "notes"]);
    assert!(synced.succeeded().contains("9 added, 1 updated in"), "{}", synced.transcript());
    terminal.write("notes/1.md", "# Note 1\n\nWritten anew.\n");
    terminal.docent(&["ingest", "notes/1.md"]).succeeded();
    assert!(terminal.docent(&["sync", "notes"]).succeeded().starts_with("10 unchanged"));
    std::fs::remove_file(terminal.path("notes/1.md")).expect("removed");
    assert!(terminal.docent(&["sync", "notes"]).succeeded().contains("1 deleted"));
}

#[test]
fn what_does_not_belong_to_the_folder() {
    let terminal = notes()
        .file("notes/drafts/secret.md", "# Secret\n\nNot for anybody.\n")
        .file("notes/deep/old.md", "# Old\n\nFrom long ago.\n")
        .file("notes/deep/good.md", "# Good\n\nFrom today.\n")
        .file("notes/.docentignore", "drafts/\nold*\n[12].md\n!2.md\n")
        .file("outside.md", "# Outside\n\nElsewhere.\n");
    let link = |target: &str, name: &str| {
        std::os::unix::fs::symlink(terminal.path(target), terminal.path(name)).expect("linked");
    };
    link("outside.md", "notes/link.md");
    link("notes/deep", "notes/loop");
    let synced = terminal.docent(&["sync", "notes"]);
    synced.succeeded();
    assert_eq!(synced.stderr, "link.md leads out of the folder and was not followed\n");
    let names = listed(&terminal);
    assert!(names.contains("notes/deep/good.md") && names.contains("notes/2.md"), "{names:?}");
    for absent in ["notes/1.md", "notes/deep/old.md", "notes/drafts/secret.md", "notes/link.md", "notes/loop/good.md"] {
        assert!(!names.contains(absent), "{absent} of {names:?}");
    }
    terminal.write("notes/.docentignore", "[a-\n");
    let wrong = terminal.docent(&["sync", "notes"]);
    assert_eq!(wrong.status, Some(2), "{}", wrong.transcript());
    assert!(wrong.stderr.contains(".docentignore line 1"), "{}", wrong.transcript());
    assert_eq!(listed(&terminal), names, "nothing was changed");
}

#[test]
fn a_source_with_a_name_may_lie_somewhere_else_tomorrow() {
    let terminal = notes();
    terminal.docent(&["sync", "notes", "--name", "tarns"]).succeeded();
    std::fs::create_dir(terminal.path("checkout")).expect("made");
    std::fs::rename(terminal.path("notes"), terminal.path("checkout/47")).expect("moved");
    snapshot!(terminal.docent(&["sync", "checkout/47", "--name", "tarns"]), @r"
    exit 0
    --- stdout
    10 unchanged in collection default
    --- stderr
    ");
    assert!(listed(&terminal).contains("tarns/0.md"));
}

#[test]
fn what_is_no_folder_is_refused() {
    let terminal = notes();
    snapshot!(terminal.docent(&["sync", "notes/1.md"]), @r"
    exit 2
    --- stdout
    --- stderr
    error: notes/1.md is not a folder

    hint: a folder is synced as a whole; `docent ingest` takes single files
    ");
    snapshot!(terminal.docent(&["sync", "https://example.com/notes"]), @r"
    exit 2
    --- stdout
    --- stderr
    error: https://example.com/notes is neither a folder nor a bucket

    hint: give a folder, or s3://BUCKET/PREFIX
    ");
}

/// The refused file is reported while the others are still being read; from then on each round kills at another moment.
#[test]
fn a_sync_that_is_killed_is_taken_up_by_the_next() {
    let terminal = Terminal::new();
    for number in 0..120 {
        terminal.write(&format!("many/{number}.md"), note(number).repeat(12));
    }
    for killed_after in [1, 2, 30] {
        let mut sync = terminal.start(&["sync", "many", "--json"]);
        let lines = BufReader::new(sync.stdout.take().expect("piped")).lines();
        terminal.write("many/0.md", "");
        let heard = lines.take(killed_after).count();
        assert!(Command::new("kill").args(["-KILL", &sync.id().to_string()]).status().expect("run").success());
        sync.wait().expect("ended");
        assert!(heard > 0);
    }
    terminal.write("many/0.md", note(0));
    std::fs::remove_file(terminal.path("many/1.md")).expect("removed");
    terminal.docent(&["sync", "many"]).succeeded();
    assert_eq!(listed(&terminal).len(), 119);
    assert!(terminal.docent(&["sync", "many"]).succeeded().starts_with("119 unchanged"));
}

#[test]
fn a_watched_folder_is_synced_when_it_changes() {
    let terminal = notes();
    let mut watch = terminal.start(&["sync", "notes", "--watch", "--quiet"]);
    let mut lines = BufReader::new(watch.stdout.take().expect("piped")).lines();
    let mut until = |end: &str| {
        let line = lines.by_ref().map(|line| line.expect("a line")).find(|line| line.contains(end));
        line.unwrap_or_else(|| panic!("no line with {end}"))
    };
    until("10 added in collection");
    terminal.write("notes/late.md", "# Late\n\nIt came later.\n");
    until("1 added, 10 unchanged in collection");
    std::fs::remove_file(terminal.path("notes/late.md")).expect("removed");
    until("1 deleted, 10 unchanged in collection");
    assert!(Command::new("kill").args(["-INT", &watch.id().to_string()]).status().expect("run").success());
    assert_eq!(watch.wait().expect("ended").code(), Some(0));
}
