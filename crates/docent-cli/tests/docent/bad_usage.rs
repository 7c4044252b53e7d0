//! Commands, questions and settings that cannot be right.

use crate::snapshot;
use crate::terminal::Terminal;

fn leave() -> Terminal {
    let terminal = Terminal::new().file("leave.md", "# Leave\n\nEverybody has 25 days of annual leave.\n");
    terminal.docent(&["ingest", "leave.md"]).succeeded();
    terminal
}

#[test]
fn questions() {
    let terminal = leave();
    snapshot!(terminal.docent(&["ask", "  "]), @r"
    exit 2
    --- stdout
    --- stderr
    error: the question is empty

    hint: ask something, for example: how many days of leave do we have?
    ");
    snapshot!(terminal.docent(&["ask", &"why ".repeat(501)]), @r"
    exit 2
    --- stdout
    --- stderr
    error: the question has 2004 characters; at most 2000 are allowed

    hint: shorten it; background belongs into the documents
    ");
    snapshot!(terminal.docent(&["ask", "--collection", "nowhere", "How many days?"]), @r"
    exit 1
    --- stdout
    --- stderr
    error: there is no collection `nowhere`

    hint: `docent ingest PATH` makes one; `docent collections` lists those that exist
    ");
    snapshot!(terminal.docent(&["ask", "--top-k", "99", "How many days?"]), @r"
    exit 2
    --- stdout
    --- stderr
    error: `top_k` must be a whole number from 1 to 50 (it is `99`)

    hint: it was set here: command line
    ");
    snapshot!(terminal.docent(&["ask", "--filter", "colour=blue", "How many days?"]), @r"
    exit 2
    --- stdout
    --- stderr
    error: there is no filter key `colour`

    hint: keys are document_id, filename, format, title, page
    ");
    let longest = format!("{} days?", "a".repeat(1_994));
    assert_eq!(terminal.docent(&["ask", &longest]).status, Some(0));
}

#[test]
fn commands() {
    let terminal = Terminal::new();
    snapshot!(terminal.docent(&["serch", "x"]), @r"
    exit 2
    --- stdout
    --- stderr
    error: unrecognized subcommand 'serch'

      tip: some similar subcommands exist: 'serve', 'search'

    Usage: docent [OPTIONS] <COMMAND>

    For more information, try '--help'.
    ");
    snapshot!(terminal.docent(&["delete"]), @r"
    exit 2
    --- stdout
    --- stderr
    error: the following required arguments were not provided:
      <WHAT>...

    Usage: docent delete <WHAT>...

    For more information, try '--help'.
    ");
    snapshot!(terminal.docent(&["search", ""]), @r#"
    exit 2
    --- stdout
    --- stderr
    error: there are no words to search for

    hint: for example: docent search "parental leave"
    "#);
    snapshot!(terminal.docent(&["explain", "last"]), @r#"
    exit 1
    --- stdout
    --- stderr
    error: no question was asked on the command line yet

    hint: docent ask "…" asks one
    "#);
    snapshot!(terminal.docent(&["explain", "qry_0"]), @r"
    exit 1
    --- stdout
    --- stderr
    error: there is no query `qry_0`

    hint: `docent explain last` shows the last answer of the command line
    ");
    snapshot!(terminal.docent(&["documents", "--collection", "No Such Name"]), @r#"
    exit 2
    --- stdout
    --- stderr
    error: "No Such Name" is not a collection name

    hint: use 1 to 64 of a-z, 0-9, - and _, beginning with a letter or a digit
    "#);
}

#[test]
fn help_and_version() {
    let terminal = Terminal::new();
    snapshot!(terminal.docent(&["--version"]), @r"
    exit 0
    --- stdout
    docent 0.1.0
    --- stderr
    ");
    snapshot!(terminal.docent(&["ask", "--help"]), @r"
    exit 0
    --- stdout
    Answer a question from the documents

    Usage: docent ask [OPTIONS] <QUESTION>...

    Arguments:
      <QUESTION>...  The question

    Options:
      -c, --collection <NAME>   Collection to use [env: DOCENT_COLLECTION] [default: default]
          --data <FOLDER>       Folder that keeps everything [env: DOCENT_DATA]
          --config <FILE>       Settings file [env: DOCENT_CONFIG]
      -k, --top-k <N>           Passages the answer may be made from [env: DOCENT_TOP_K] [default: 8]
      -f, --filter <KEY=VALUE>  Only documents with filename=…, title=…, format=…, document_id=… or
                                page=…; or a filter as JSON
      -v, --verbose...          Say more; twice for even more
          --json                Print JSON
      -q, --quiet               Say nothing but results and errors
          --index <PLACE>       Folder of the index, or where it was published [env: DOCENT_INDEX]
      -h, --help                Print help
    --- stderr
    ");
}

#[test]
fn settings() {
    let terminal = Terminal::new().file("docent.toml", "top_k = 4\n").with("DOCENT_API_KEY", "0123456789abcdef");
    let shown = terminal.docent(&["config"]);
    let line = |key: &str| shown.succeeded().lines().find(|line| line.starts_with(key)).expect("a line").to_owned();
    assert!(line("top_k ").contains("4") && line("top_k ").ends_with("docent.toml"), "{}", line("top_k "));
    assert!(line("api_keys").contains("********") && !shown.stdout.contains("0123456789abcdef"));
    terminal.write("docent.toml", "top_q = 4\n");
    snapshot!(terminal.docent(&["config"]), @r"
    exit 2
    --- stdout
    --- stderr
    error: [FOLDER]/docent.toml has an unknown setting `top_q`

    hint: did you mean `top_k`?
    ");
    terminal.write("docent.toml", "top_k = 4000\n");
    snapshot!(terminal.docent(&["ask", "anything"]), @r"
    exit 2
    --- stdout
    --- stderr
    error: `top_k` must be a whole number from 1 to 50 (it is `4000`)

    hint: it was set here: [FOLDER]/docent.toml
    ");
    terminal.write("docent.toml", "top_k 4\n");
    snapshot!(terminal.docent(&["ask", "anything"]), @r"
    exit 2
    --- stdout
    --- stderr
    error: [FOLDER]/docent.toml is not TOML
      because: line 1: key with no value, expected `=`

    hint: a line looks like this: top_k = 8
    ");
}

#[test]
fn a_data_folder_that_cannot_be_one() {
    let terminal = Terminal::new().file("taken", "a file").with("PATH", "/nowhere");
    snapshot!(terminal.docent(&["documents", "--data", "taken"]), @r"
    exit 1
    --- stdout
    --- stderr
    error: the data folder [FOLDER]/taken cannot be used
      because: there is a file in its place

    hint: name a folder that you may write with --data or DOCENT_DATA
    ");
    snapshot!(terminal.docent(&["doctor", "--data", "taken"]), @r"
    exit 1
    --- stdout
      ok  configuration    no settings file; defaults, environment and flags
    fail  data folder      the data folder [FOLDER]/taken cannot be used:
                           there is a file in its place
                           hint: name a folder that you may write with --data or
                           DOCENT_DATA
    fail  index            the index could not be read or written: Not a directory
                           (os error 20)
                           hint: check that the data folder exists and may be read
                           and written
    fail  query store      the query store at [FOLDER]/taken/queries.sqlite
                           cannot be opened for writing: File exists (os error 17)
                           hint: check that the folder exists, that it is not
                           mounted read-only and that this user may write to it and
                           to the file
    fail  access           the keys cannot be read
                           hint: see the query store above
      ok  embedding model  local/all-MiniLM-L6-v2-q8, 384 dimensions; the first
                           sentence took [N] ms
    fail  parser           cannot write a file to try the parser with: Not a
                           directory (os error 20)
                           hint: see the data folder above
      ok  scans            not read, and there is no tesseract that could
      ok  answers          quoting: sentences of the documents, no model is asked
      ok  costs            answers cost nothing
    --- stderr

    5 parts to fix
    ");
}

#[test]
fn a_collection_keeps_to_the_settings_it_was_made_with() {
    let terminal = leave().file("more.md", "# More\n\nMore words.\n").with("DOCENT_CHUNK_TOKENS", "100");
    snapshot!(terminal.docent(&["ingest", "more.md"]), @r#"
    exit 2
    --- stdout
    --- stderr
    error: collection "default" was made with chunks of 200 tokens, not with chunks of 100 tokens

    hint: configure that model and chunking again, or make the collection anew with those that are configured now: docent reembed --collection default
    "#);
    let ran = terminal.docent(&["doctor"]);
    assert!(ran.stdout.contains("made with other settings: default"), "{}", ran.transcript());
    assert!(terminal.docent(&["search", "leave", "--mode", "bm25"]).succeeded().contains("25 days"));
}

#[test]
fn vectors_of_two_models_do_not_mix() {
    let terminal = leave().with("DOCENT_EMBEDDER", "openai").file("more.md", "# More\n\nMore words.\n");
    snapshot!(terminal.docent(&["search", "leave"]), @r"
    exit 2
    --- stdout
    --- stderr
    error: collection `default` was made with the embedding model local/all-MiniLM-L6-v2-q8

    hint: configure that model instead of openai/text-embedding-3-small, or make the collection anew with this one: docent reembed --collection default
    ");
    snapshot!(terminal.docent(&["ingest", "more.md"]), @r#"
    exit 2
    --- stdout
    --- stderr
    error: collection "default" was made with model local/all-MiniLM-L6-v2-q8, 384 dimensions, not with model openai/text-embedding-3-small, 1536 dimensions

    hint: configure that model and chunking again, or make the collection anew with those that are configured now: docent reembed --collection default
    "#);
    assert!(terminal.docent(&["search", "leave", "--mode", "bm25"]).succeeded().contains("25 days"));
}

#[test]
fn a_query_store_that_is_something_else() {
    let terminal = leave();
    terminal.write("data/queries.sqlite", "this is no database, it only has its name and enough bytes to be looked at");
    let _gone = (
        std::fs::remove_file(terminal.path("data/queries.sqlite-wal")),
        std::fs::remove_file(terminal.path("data/queries.sqlite-shm")),
    );
    let ran = terminal.docent(&["ask", "How many days?"]);
    assert!(matches!(ran.status, Some(1 | 2)), "{}", ran.transcript());
    assert!(ran.stderr.contains("\nhint: "), "{}", ran.transcript());
}

#[test]
fn a_healthy_machine() {
    let terminal = leave();
    let checks = terminal.docent(&["doctor", "--json"]);
    checks.succeeded();
    let checks = checks.json();
    let names: Vec<_> =
        checks.as_array().expect("checks").iter().map(|check| (&check["name"], &check["status"])).collect();
    let expected = [
        "configuration",
        "data folder",
        "index",
        "query store",
        "access",
        "embedding model",
        "parser",
        "scans",
        "answers",
        "costs",
    ];
    assert_eq!(names.len(), expected.len());
    for ((name, status), expected) in names.into_iter().zip(expected) {
        assert!(*name == expected && (*status == "ok" || *status == "warn"), "{checks}");
    }
}
