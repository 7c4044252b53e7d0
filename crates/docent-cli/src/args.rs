//! What can be typed. What it means is found out in `docent-app`'s configuration.

use clap::builder::NonEmptyStringValueParser;
use clap::{ArgAction, Parser, Subcommand, ValueEnum};
use docent_app::Flags;
use docent_core::{Scope, SearchMode};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  docent ingest handbook/              take in a folder of PDF, Office files, web pages, text …
  docent sync handbook/                the same, and what is gone from it is removed
  docent ask \"how many days of leave?\"  an answer with quotes that were checked
  docent search \"parental leave\"       the passages themselves, with scores
  docent explain last                  why the last answer is what it is
  docent serve                         the same over HTTP

Exit status: 0 done, 1 failed, 2 wrong usage, 3 files were refused, 130 interrupted";

const FORMATS: &str = "\
What is read, and the place that a quote gets:
  .pdf                        page
  .pptx .ppsx                 slide
  .docx .md .html .txt        headings
  .xlsx                       sheet and rows
  .csv .tsv                   rows
  .epub                       chapter and headings
  .ipynb                      headings and cell
  .eml                        headings, attached messages
  source code, .json, .yaml   language and lines";

/// Answers questions from your documents, with quotes that code has checked.
#[derive(Debug, Parser)]
#[command(name = "docent", version, after_help = EXAMPLES, disable_help_subcommand = true, max_term_width = 100)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Global {
    /// Folder that keeps everything [env: DOCENT_DATA]
    #[arg(long, global = true, value_name = "FOLDER")]
    pub(crate) data: Option<PathBuf>,
    /// Settings file [env: DOCENT_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Say more; twice for even more
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Say nothing but results and errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Folder of the index, or where it was published [env: DOCENT_INDEX]
    #[arg(long, global = true, value_name = "PLACE")]
    pub(crate) index: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the whole job on a small handbook; nothing is kept
    Demo,
    /// Take documents in; only what changed is read again
    Ingest(IngestArgs),
    /// Make a collection equal to a folder or a bucket
    Sync(SyncArgs),
    /// Show what would be indexed of one file
    Parse(ParseArgs),
    /// Remove documents, or a whole collection
    Delete(DeleteArgs),
    /// Prove that nothing of a deleted document is left in the index's files
    VerifyDeleted(VerifyDeletedArgs),
    /// Give a collection the configured embedding model and chunks, from the text that it holds
    Reembed(ReembedArgs),
    /// List the documents of a collection
    Documents(ListArgs),
    /// List the collections
    Collections(JsonArgs),
    /// Publish a collection for other machines to read
    Publish(PublishArgs),
    /// List, compare, take back and remove what was published
    Generations(GenerationsArgs),
    /// Answer a question from the documents
    Ask(AskArgs),
    /// Find passages
    Search(SearchArgs),
    /// Show how an answer came about
    Explain(ExplainArgs),
    /// Serve the HTTP interface
    Serve(ServeArgs),
    /// Serve agents and chat clients on standard input and output (Model Context Protocol)
    Mcp(McpArgs),
    /// Make, list and revoke API keys
    Keys(KeysArgs),
    /// Measure quality on labelled questions
    Eval(EvalArgs),
    /// Check every part and say what to fix
    Doctor(JsonArgs),
    /// Show every setting and where it comes from
    Config(ConfigArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct CollectionArg {
    /// Collection to use [env: DOCENT_COLLECTION] [default: default]
    #[arg(short, long, value_name = "NAME")]
    pub(crate) collection: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct OcrArgs {
    /// Read scanned pages of PDFs, with tesseract, which has to be installed [env: DOCENT_OCR]
    #[arg(long)]
    pub(crate) ocr: bool,
    /// Languages they are in, by tesseract's names, such as eng+deu [env: DOCENT_OCR_LANGUAGES] [default: eng]
    #[arg(long, value_name = "LANGUAGES")]
    pub(crate) ocr_languages: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct JsonArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) collection: CollectionArg,
    /// Print one JSON object per line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct IngestArgs {
    /// Files and folders
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) collection: CollectionArg,
    #[command(flatten)]
    pub(crate) ocr: OcrArgs,
    /// Print one JSON object per file, then a summary
    #[arg(long)]
    pub(crate) json: bool,
}

const SYNC: &str = "\
Files are compared by their content, objects of a bucket by their ETag. What is gone from there is removed from the \
collection, but only documents that a sync of it took in. A file .docentignore at its root names what does not \
belong to it, with the patterns of .gitignore. Symbolic links are not followed out of a folder. A bucket is \
reached as AWS_REGION, AWS_ENDPOINT_URL and the other AWS_ variables say.";

#[derive(Debug, clap::Args)]
#[command(after_help = SYNC)]
pub(crate) struct SyncArgs {
    /// The folder, or s3://BUCKET/PREFIX
    #[arg(value_name = "SOURCE")]
    pub(crate) source: PathBuf,
    #[command(flatten)]
    pub(crate) collection: CollectionArg,
    /// Name of the source, for one that does not always lie in the same place
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Say what would happen and change nothing
    #[arg(short = 'n', long, conflicts_with = "watch")]
    pub(crate) dry_run: bool,
    /// Remove documents even if more than 30 % of the source's are gone
    #[arg(long)]
    pub(crate) allow_deletes: bool,
    /// Go on and sync again whenever something changes, until Ctrl-C
    #[arg(short, long)]
    pub(crate) watch: bool,
    /// How often to look for changes: 1 for a folder, 60 for a bucket, which is listed each time
    #[arg(long, value_name = "SECONDS", requires = "watch", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) every: Option<u64>,
    #[command(flatten)]
    pub(crate) ocr: OcrArgs,
    /// Print one JSON object per file, then a summary
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
#[command(after_help = FORMATS)]
pub(crate) struct ParseArgs {
    /// The file
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) ocr: OcrArgs,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DeleteArgs {
    /// Documents: the name that `docent documents` shows, a path or an id
    #[arg(value_name = "WHAT", required_unless_present = "all")]
    pub(crate) what: Vec<String>,
    #[command(flatten)]
    pub(crate) collection: CollectionArg,
    /// Erase stored answers that were made from it, instead of marking them; the questions stay
    #[arg(long)]
    pub(crate) erase: bool,
    /// The whole collection
    #[arg(long, conflicts_with = "what", requires = "collection")]
    pub(crate) all: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

const VERIFY: &str = "\
Looks for the id and the words in the lists of the id, in every stored record, unpacked (deleted but not yet \
removed ones included), and in the plain bytes of every file; also of the editions that `docent reembed` keeps, and \
of every generation, where the index is a place that was published to. Compressed dictionaries are not read word by \
word. Stored answers, backups and the blocks of the disk are not looked into.
Exit status: 0 nothing was found, 1 something was.";

#[derive(Debug, clap::Args)]
#[command(after_help = VERIFY)]
pub(crate) struct VerifyDeletedArgs {
    /// The document's id, as its delete showed it
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Words of the document to look for besides, wherever they stand
    #[arg(short, long, value_name = "WORDS", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) text: Vec<String>,
    #[command(flatten)]
    pub(crate) collection: CollectionArg,
    /// Print one JSON object per generation and edition
    #[arg(long)]
    pub(crate) json: bool,
}

const REEMBED: &str = "\
The collection is made anew beside itself and answers as before meanwhile; documents that come, change or go until \
then are caught up. Then the new edition takes its place in one step. The old one is kept, and deletes remove \
documents from both. An interrupted run is gone on with. Start servers anew with the new settings afterwards.";

#[derive(Debug, clap::Args)]
#[command(after_help = REEMBED)]
pub(crate) struct ReembedArgs {
    #[command(flatten)]
    pub(crate) collection: CollectionArg,
    /// All collections
    #[arg(long, conflicts_with = "collection")]
    pub(crate) all: bool,
    /// Go back to the edition that answered before; what has come since is embedded by its model, if that is configured
    #[arg(long, conflicts_with = "all")]
    pub(crate) back: bool,
    /// Remove the edition that answered before, and what interrupted runs have left
    #[arg(long, conflicts_with = "back")]
    pub(crate) forget_previous: bool,
    /// Print one JSON object per document, then a summary
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct PublishArgs {
    /// s3://BUCKET/PREFIX or file:///FOLDER [default: the index, if it is such a place]
    #[arg(value_name = "PLACE")]
    pub(crate) place: Option<String>,
    #[command(flatten)]
    pub(crate) collection: CollectionArg,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct GenerationsArgs {
    #[command(subcommand)]
    pub(crate) what: GenerationsWhat,
}

#[derive(Debug, Subcommand)]
pub(crate) enum GenerationsWhat {
    /// Show the generations of a collection, the newest first
    List(ListArgs),
    /// Name the documents that two generations do not have in common
    Diff(DiffArgs),
    /// Make an older generation live again
    Rollback(RollbackArgs),
    /// Remove older generations, and text that was deleted
    Purge(PurgeArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct DiffArgs {
    /// A generation
    pub(crate) first: String,
    /// Another one
    pub(crate) second: String,
    #[command(flatten)]
    pub(crate) collection: CollectionArg,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RollbackArgs {
    /// The generation
    pub(crate) generation: String,
    #[command(flatten)]
    pub(crate) collection: CollectionArg,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct PurgeArgs {
    /// Generations to keep, the live one included; only 1 frees it from deleted text, too
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) keep: u32,
    #[command(flatten)]
    pub(crate) collection: CollectionArg,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

impl GenerationsWhat {
    fn collection(&self) -> &CollectionArg {
        match self {
            Self::List(args) => &args.collection,
            Self::Diff(args) => &args.collection,
            Self::Rollback(args) => &args.collection,
            Self::Purge(args) => &args.collection,
        }
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct AskArgs {
    /// The question
    #[arg(required = true, value_name = "QUESTION")]
    pub(crate) question: Vec<String>,
    #[command(flatten)]
    pub(crate) collection: CollectionArg,
    /// Passages the answer may be made from [env: DOCENT_TOP_K] [default: 8]
    #[arg(short = 'k', long, value_name = "N")]
    pub(crate) top_k: Option<u32>,
    #[command(flatten)]
    pub(crate) filter: FilterArg,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct FilterArg {
    /// Only documents with filename=…, title=…, format=…, document_id=… or page=…; or a filter as JSON
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub(crate) filter: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct SearchArgs {
    /// The words
    #[arg(required = true, value_name = "QUERY")]
    pub(crate) query: Vec<String>,
    #[command(flatten)]
    pub(crate) collection: CollectionArg,
    /// Which ranking
    #[arg(short, long, value_enum, default_value_t = Mode::Hybrid)]
    pub(crate) mode: Mode,
    /// Passages to show
    #[arg(short, long, value_name = "N", default_value_t = 10)]
    pub(crate) limit: usize,
    #[command(flatten)]
    pub(crate) filter: FilterArg,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Mode {
    /// Words only
    Bm25,
    /// Meaning only
    Dense,
    /// Both, fused
    Hybrid,
}

impl From<Mode> for SearchMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Bm25 => Self::Bm25,
            Mode::Dense => Self::Dense,
            Mode::Hybrid => Self::Hybrid,
        }
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct ExplainArgs {
    /// The id that an answer shows, or `last`
    pub(crate) id: String,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ServeArgs {
    /// Address and port [env: DOCENT_LISTEN] [default: 127.0.0.1:8080]
    #[arg(short, long, value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,
    #[command(flatten)]
    pub(crate) ocr: OcrArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct McpArgs {
    #[command(flatten)]
    pub(crate) collection: CollectionArg,
}

#[derive(Debug, clap::Args)]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    pub(crate) what: KeysWhat,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysWhat {
    /// Make a key; its secret is shown this once
    Create(KeysCreateArgs),
    /// List all keys, without their secrets
    List(JsonArgs),
    /// Refuse a key from now on
    Revoke(KeysRevokeArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct KeysCreateArgs {
    /// Who or what will use it
    pub(crate) name: String,
    /// What it may do
    #[arg(short, long, value_enum, value_name = "SCOPES", value_delimiter = ',',
        default_values_t = [ScopeName::Read, ScopeName::Ask])]
    pub(crate) scope: Vec<ScopeName>,
    /// The collections it sees [default: all]
    #[arg(short, long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) collection: Vec<String>,
    /// How long it lasts, in days or hours: 90d, 12h [default: until it is revoked]
    #[arg(short, long, value_name = "TIME")]
    pub(crate) expires: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct KeysRevokeArgs {
    /// The id that `docent keys list` shows
    pub(crate) id: String,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ScopeName {
    /// Search, documents, own queries
    Read,
    /// Ask questions
    Ask,
    /// Take documents in, remove them
    Write,
    /// Everything
    Admin,
}

impl From<ScopeName> for Scope {
    fn from(name: ScopeName) -> Self {
        match name {
            ScopeName::Read => Self::Read,
            ScopeName::Ask => Self::Ask,
            ScopeName::Write => Self::Write,
            ScopeName::Admin => Self::Admin,
        }
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct EvalArgs {
    #[command(subcommand)]
    pub(crate) what: EvalWhat,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EvalWhat {
    /// nDCG, recall and reciprocal rank on a folder in BEIR's layout
    Retrieval(EvalRetrievalArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct EvalRetrievalArgs {
    /// Folder with queries.jsonl, qrels.tsv and corpus.jsonl or docs/
    pub(crate) folder: PathBuf,
    /// Which ranking
    #[arg(short, long, value_enum, default_value_t = Mode::Hybrid)]
    pub(crate) mode: Mode,
    /// Write every question's documents to this file, in TREC's run format
    #[arg(long, value_name = "FILE")]
    pub(crate) run: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ConfigArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Print the reference page
    #[arg(long, hide = true)]
    pub(crate) reference: bool,
}

impl Args {
    /// What was typed, for the configuration.
    pub(crate) fn flags(&self) -> Flags {
        let level = match self.global.verbose {
            0 => None,
            1 => Some("info"),
            _ => Some("debug"),
        };
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let flags = Flags::new(self.global.config.clone())
            .with("data", path(&self.global.data))
            .with("index", self.global.index.as_ref())
            .with("log_level", level);
        match &self.command {
            Command::Ingest(args) => args.ocr.add_to(flags).with("collection", args.collection.typed()),
            Command::Sync(args) => args.ocr.add_to(flags).with("collection", args.collection.typed()),
            Command::Parse(args) => args.ocr.add_to(flags),
            Command::Delete(args) => flags.with("collection", args.collection.typed()),
            Command::VerifyDeleted(args) => flags.with("collection", args.collection.typed()),
            Command::Reembed(args) => flags.with("collection", args.collection.typed()),
            Command::Documents(args) => flags.with("collection", args.collection.typed()),
            Command::Publish(args) => flags.with("collection", args.collection.typed()),
            Command::Generations(args) => flags.with("collection", args.what.collection().typed()),
            Command::Search(args) => flags.with("collection", args.collection.typed()),
            Command::Ask(args) => flags.with("collection", args.collection.typed()).with("top_k", args.top_k),
            Command::Mcp(args) => flags.with("collection", args.collection.typed()),
            Command::Serve(args) => args.ocr.add_to(flags).with("listen", args.listen.as_ref()),
            _ => flags,
        }
    }
}

impl OcrArgs {
    fn add_to(&self, flags: Flags) -> Flags {
        flags.with("ocr", self.ocr.then_some(true)).with("ocr_languages", self.ocr_languages.as_ref())
    }
}

impl CollectionArg {
    fn typed(&self) -> Option<&String> {
        self.collection.as_ref()
    }
}
