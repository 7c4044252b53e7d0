//! Files that cannot be taken in, and places that cannot be written: each costs itself and nothing else.

use crate::snapshot;
use crate::terminal::Terminal;
use docent_testkit::pdf;

/// Files of all kinds of badness with the word that their refusal begins with; none for a good one.
fn files() -> Vec<(&'static str, Vec<u8>, Option<&'static str>)> {
    let good = pdf::pages(&[&["A page with words on it."]]);
    vec![
        ("good.pdf", good.clone(), None),
        ("empty.md", Vec::new(), Some("empty")),
        ("blank.txt", b" \n\n\t\n".to_vec(), Some("empty")),
        ("encrypted.pdf", pdf::encrypted(), Some("encrypted")),
        ("corrupt.pdf", b"%PDF-1.4\nnothing that follows is a PDF".to_vec(), Some("corrupt")),
        ("cut-off.pdf", good[..60].to_vec(), Some("corrupt")),
        ("drawing.pdf", pdf::drawing(), Some("no_text")),
        ("photo.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01".to_vec(), Some("unsupported")),
        ("photo-called.pdf", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01".to_vec(), Some("corrupt")),
        ("letter.docx", b"PK\x03\x04\x14\0\x06\0[Content_Types].xml word/document.xml".to_vec(), Some("corrupt")),
        ("letter.pages", b"PK\x03\x04\x14\0\x06\0Index/Document.iwa".to_vec(), Some("unsupported")),
        ("really-a-pdf.txt", good, Some("corrupt")),
        ("latin-1.txt", b"Caf\xe9 cr\xe8me co\xfbte deux francs dans notre caf\xe9.".to_vec(), None),
        ("missing.md", Vec::new(), Some("unreadable")),
    ]
}

fn folder_of_files() -> Terminal {
    let terminal = Terminal::new();
    for (name, content, _) in files().into_iter().filter(|(name, ..)| *name != "missing.md") {
        terminal.write(&format!("files/{name}"), content);
    }
    terminal
}

#[test]
fn each_is_refused_for_its_own_reason() {
    let terminal = folder_of_files();
    for (name, _, refusal) in files() {
        let ran = terminal.docent(&["parse", "--json", &format!("files/{name}")]);
        let parsed = ran.json();
        let (outcome, status) = if refusal.is_some() { ("refused", 3) } else { ("text", 0) };
        assert_eq!((parsed["outcome"].as_str(), ran.status), (Some(outcome), Some(status)), "{name}: {parsed}");
        let begins = parsed["reason"].as_str().map(|reason| reason.split(':').next().expect("a word"));
        assert_eq!(begins, refusal, "{name}: {parsed}");
        let words = parsed["chunks"].as_array().expect("chunks");
        assert_eq!(words.is_empty(), refusal.is_some(), "{name}: {parsed}");
    }
}

#[test]
fn a_bad_file_never_stops_the_others() {
    let terminal = folder_of_files();
    snapshot!(terminal.docent(&["ingest", "files", "missing.md"]), @r"
    exit 3
    --- stdout
      refused  missing.md
               unreadable: missing.md: there is no such file or folder
      refused  files/blank.txt
               empty: the file holds nothing but white space
      refused  files/corrupt.pdf
               corrupt: the PDF's structure is damaged beyond reading
      refused  files/cut-off.pdf
               corrupt: the PDF's structure is damaged beyond reading
      refused  files/drawing.pdf
               no_text: page 1: holds only drawings and no text
      refused  files/empty.md
               empty: the file has no bytes
      refused  files/encrypted.pdf
               encrypted: the PDF needs a password; save a copy without one
      refused  files/letter.docx
               corrupt: the file's archive is damaged or was cut off; get a whole
               copy
      refused  files/letter.pages
               unsupported: Apple Pages files are not read; PDF, Word, PowerPoint,
               Excel, CSV, HTML, Markdown, plain text, EPUB, notebooks, e-mail and
               source code are
      refused  files/photo-called.pdf
               corrupt: the file is named .pdf but contains a PNG image; rename it
               or replace it
      refused  files/photo.png
               unsupported: image files are not read; PDF, Word, PowerPoint, Excel,
               CSV, HTML, Markdown, plain text, EPUB, notebooks, e-mail and source
               code are
      refused  files/really-a-pdf.txt
               corrupt: the file is named .txt but contains PDF data; rename it or
               replace it
        added  files/good.pdf  1 page, 1 chunk
        added  files/latin-1.txt  1 chunk
    2 added, 12 refused in collection default (2 chunks)
    --- stderr
    ");
    let stored = terminal.docent(&["documents", "--json"]).json_lines();
    let names: Vec<_> = stored.iter().map(|one| one["filename"].as_str().expect("a name")).collect();
    assert_eq!(names, ["files/good.pdf", "files/latin-1.txt"]);
}

#[test]
fn words_of_another_encoding_arrive_whole() {
    let parsed = folder_of_files().docent(&["parse", "--json", "files/latin-1.txt"]).json();
    assert_eq!(parsed["pages"][0]["text"], "Café crème coûte deux francs dans notre café.");
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_be_read() {
    use std::os::unix::fs::PermissionsExt;
    let terminal = Terminal::new().file("secret.md", "# Secret");
    let path = terminal.path("secret.md");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).expect("set");
    if std::fs::read(&path).is_ok() {
        eprintln!("skipped: this user may read everything");
        return;
    }
    snapshot!(terminal.docent(&["ingest", "secret.md"]), @"");
}

#[test]
fn a_file_that_became_bad_keeps_its_earlier_version() {
    let terminal = Terminal::new().file("leave.md", "# Leave\n\nEverybody has 25 days.\n");
    terminal.docent(&["ingest", "leave.md"]).succeeded();
    terminal.write("leave.md", "");
    snapshot!(terminal.docent(&["ingest", "leave.md"]), @r"
    exit 3
    --- stdout
      refused  leave.md
               empty: the file has no bytes
               the version taken in earlier stays searchable
    1 refused in collection default
    --- stderr
    ");
    assert!(terminal.docent(&["search", "days", "--mode", "bm25"]).succeeded().contains("25 days"));
}

#[test]
fn nothing_to_take_in() {
    let terminal = Terminal::new();
    std::fs::create_dir(terminal.path("empty")).expect("made");
    snapshot!(terminal.docent(&["ingest", "empty"]), @r"
    exit 1
    --- stdout
    --- stderr
    error: there are no files to take in

    hint: hidden files are left out unless they are named themselves
    ");
    snapshot!(terminal.docent(&["parse", "empty"]), @r"
    exit 3
    --- stdout
    --- stderr
    error: empty is refused
      because: unreadable: empty: this is a folder; name one file
    ");
    snapshot!(terminal.docent(&["parse", "nowhere.pdf"]), @r"
    exit 3
    --- stdout
    --- stderr
    error: nowhere.pdf is refused
      because: unreadable: nowhere.pdf: there is no such file or folder
    ");
}

/// A full disk is played by a limit on the size of files that the program may write.
#[test]
fn a_full_disk_harms_nothing_that_is_stored() {
    let words: String = (0..2_000).map(|n| format!("word{n} ")).collect();
    let terminal = Terminal::new()
        .with("DOCENT_CHUNK_TOKENS", "16")
        .file("leave.md", "# Leave\n\nEverybody has 25 days.\n")
        .file("long.txt", words);
    terminal.docent(&["ingest", "leave.md"]).succeeded();
    let ran = terminal.shell("trap '' XFSZ; ulimit -f 100; \"$program\" ingest long.txt");
    assert_eq!(ran.status, Some(1), "{}", ran.transcript());
    assert!(ran.stderr.starts_with("error: ") && ran.stderr.contains("\nhint: "), "{}", ran.transcript());
    assert_eq!(terminal.docent(&["documents", "--json"]).json_lines().len(), 1);
    assert!(terminal.docent(&["search", "days", "--mode", "bm25"]).succeeded().contains("25 days"));
    terminal.docent(&["ingest", "long.txt"]).succeeded();
}
