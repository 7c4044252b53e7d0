//! The settings, each declared once.

use super::reading::{
    TOKENS_MAX, address, bucket, choose, data_folder, dollars, index_place, list, mebibytes, number, processors,
    public_scopes, scratch_folder, seconds, server, set, truth,
};
use super::setting::{Kind, Preset, Setting};
use super::{EmbedderChoice, GeneratorChoice, IndexPlace, LogLevel, Origin, documents};
use docent_core::rate::Rate;
use docent_engine::webhooks::secret::SigningSecret;
use docent_models::openai::Secret;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use Kind::{Path, Place, Plain, Secret as Hidden};
use Preset::{Computed, Is, Nothing};

/// All settings, in the order of the reference.
pub const SETTINGS: &[Setting] = &[
    Setting {
        group: "Places",
        key: "image_runtime",
        environment: &["IS_USING_IMAGE_RUNTIME"],
        kind: Plain,
        default: Computed("`true` in a Lambda function, else `false`", |config, _| {
            Ok(Some(config.function_name.is_some().to_string()))
        }),
        about: "whether the program lies in a read-only place, such as a Lambda function or its container image: the index \
                is then read where it lies, beside the program, and scratch goes to the temporary folder",
        read: |config, text| set(&mut config.image_runtime, truth(text)?),
    },
    Setting {
        group: "Places",
        key: "data",
        environment: &["DOCENT_DATA"],
        kind: Path,
        default: Computed(
            "`$XDG_DATA_HOME/docent`, else `~/.local/share/docent` (macOS: `~/Library/Application Support/docent`); with \
             `image_runtime`, `docent` in the temporary folder",
            |config, environment| match config.image_runtime {
                true => Ok(Some(scratch_folder(environment))),
                false => data_folder(environment).map(Some),
            },
        ),
        about: "the folder that keeps everything: index, queries, settings file",
        read: |config, text| set(&mut config.data, PathBuf::from(text)),
    },
    Setting {
        group: "Places",
        key: "chroma_url",
        environment: &["CHROMA_URL"],
        kind: Plain,
        default: Nothing("none"),
        about: "the Chroma server that keeps the index, for example `http://localhost:8000`, unless `index` says otherwise",
        read: |config, text| set(&mut config.index, IndexPlace::Chroma(server(text)?)),
    },
    Setting {
        group: "Places",
        key: "index",
        environment: &["DOCENT_INDEX"],
        kind: Place,
        default: Computed(
            "`chroma_url`, else `index` in the data folder; with `image_runtime`, `index` beside the program \
             (`$LAMBDA_TASK_ROOT`)",
            |config, environment| {
                let beside =
                    || environment.get("LAMBDA_TASK_ROOT").map_or(environment.working_folder().into(), PathBuf::from);
                let folder = if config.image_runtime { beside() } else { config.data.clone() };
                Ok(Some(match &config.index {
                    IndexPlace::Chroma(url) => url.clone(),
                    _ => folder.join("index").to_string_lossy().into_owned(),
                }))
            },
        ),
        about: "where the index is: a folder; `s3://BUCKET/PREFIX` or `file:///FOLDER` to answer from what was published there, \
                S3 being reached by AWS's own variables; the URL of a Chroma server; or the ARN of a vector bucket of Amazon S3 \
                Vectors, `arn:aws:s3vectors:REGION:ACCOUNT:bucket/NAME`, in a program that was built with what AWS offers",
        read: |config, text| set(&mut config.index, index_place(text)?),
    },
    Setting {
        group: "Places",
        key: "chroma_path",
        environment: &["CHROMA_PATH"],
        kind: Path,
        default: Nothing("none"),
        about: "the folder of an embedded Chroma store, which only Chroma itself opens: it is refused with what to do, \
                unless `chroma_url` or `index` is set",
        read: |config, text| match config.origin("index") {
            Some(Origin::Default) if matches!(config.index, IndexPlace::Folder(_)) => Err(format!(
                "opened by Chroma itself: run `chroma run --path {text}` and set CHROMA_URL to its address; or set \
                 DOCENT_INDEX and ingest the documents"
            )),
            _ => Ok(()),
        },
    },
    Setting {
        group: "Places",
        key: "chroma_token",
        environment: &["CHROMA_TOKEN"],
        kind: Hidden,
        default: Nothing("none"),
        about: "the token for the Chroma server, sent as bearer token and as `x-chroma-token`",
        read: |config, text| set(&mut config.chroma.token, Some(docent_chroma::Token::new(text))),
    },
    Setting {
        group: "Places",
        key: "chroma_tenant",
        environment: &["CHROMA_TENANT"],
        kind: Plain,
        default: Is("default_tenant"),
        about: "the tenant on the Chroma server",
        read: |config, text| set(&mut config.chroma.tenant, text.to_owned()),
    },
    Setting {
        group: "Places",
        key: "chroma_database",
        environment: &["CHROMA_DATABASE"],
        kind: Plain,
        default: Is("default_database"),
        about: "the database of that tenant",
        read: |config, text| set(&mut config.chroma.database, text.to_owned()),
    },
    Setting {
        group: "Places",
        key: "words_index",
        environment: &["DOCENT_WORDS_INDEX"],
        kind: Path,
        default: Nothing("none"),
        about: "a folder for an index of the words that is kept beside a store of vectors alone, so that searches rank by \
                both; without it they rank by vectors",
        read: |config, text| set(&mut config.words_index, Some(PathBuf::from(text))),
    },
    Setting {
        group: "Places",
        key: "scratch",
        environment: &["DOCENT_SCRATCH"],
        kind: Path,
        default: Computed("`scratch` in the data folder", |config, _| {
            Ok(Some(config.data.join("scratch").to_string_lossy().into_owned()))
        }),
        about: "the folder that published generations are copied to; it can be removed at any time",
        read: |config, text| set(&mut config.scratch, PathBuf::from(text)),
    },
    Setting {
        group: "Places",
        key: "collection",
        environment: &["DOCENT_COLLECTION"],
        kind: Plain,
        default: Is("default"),
        about: "the collection that is meant when none is named",
        read: |config, text| set(&mut config.collection, text.to_owned()),
    },
    Setting {
        group: "Models",
        key: "openai_api_key",
        environment: &["OPENAI_API_KEY"],
        kind: Hidden,
        default: Nothing("none"),
        about: "the key for the OpenAI-compatible endpoint; local servers often need none",
        read: |config, text| set(&mut config.openai.api_key, Some(Secret::new(text))),
    },
    Setting {
        group: "Models",
        key: "openai_api_key_secret_arn",
        environment: &["OPENAI_API_KEY_SECRET_ARN"],
        kind: Plain,
        default: Nothing("none"),
        about: "the secret of Secrets Manager that holds the key, as a bare text or in the field `OPENAI_API_KEY` of a JSON \
                object; it counts if there is no `openai_api_key`, and is read again when the endpoint refuses the key",
        read: |config, text| set(&mut config.openai_api_key_secret_arn, Some(text.to_owned())),
    },
    Setting {
        group: "Models",
        key: "openai_base_url",
        environment: &["OPENAI_BASE_URL"],
        kind: Plain,
        default: Is("https://api.openai.com/v1"),
        about: "where the OpenAI-compatible endpoint is, for example `http://localhost:11434/v1`",
        read: |config, text| set(&mut config.openai.base_url, text.to_owned()),
    },
    Setting {
        group: "Models",
        key: "generator",
        environment: &["DOCENT_GENERATOR"],
        kind: Plain,
        default: Computed("`openai` if there is a key or a secret with one, else `quoting`", |config, _| {
            let has_key = config.openai.api_key.is_some() || config.openai_api_key_secret_arn.is_some();
            let chosen = if has_key { "openai" } else { "quoting" };
            Ok(Some(chosen.to_owned()))
        }),
        about: "who writes answers: `quoting` (no model: the best sentences, word for word) or `openai`",
        read: |config, text| {
            let choices = [("quoting", GeneratorChoice::Quoting), ("openai", GeneratorChoice::OpenAi)];
            choose(&mut config.generator, text, &choices)
        },
    },
    Setting {
        group: "Models",
        key: "openai_model",
        environment: &["DOCENT_OPENAI_MODEL", "OPENAI_MODEL"],
        kind: Plain,
        default: Is("gpt-4o-mini"),
        about: "the chat model",
        read: |config, text| set(&mut config.openai.model, text.to_owned()),
    },
    Setting {
        group: "Models",
        key: "embedder",
        environment: &["DOCENT_EMBEDDER"],
        kind: Plain,
        default: Is("local"),
        about: "who turns texts into vectors: `local` (the model inside the program) or `openai`; a collection keeps to the \
                one that it was made with",
        read: |config, text| {
            let choices = [("local", EmbedderChoice::Local), ("openai", EmbedderChoice::OpenAi)];
            choose(&mut config.embedder, text, &choices)
        },
    },
    Setting {
        group: "Models",
        key: "openai_embedding_model",
        environment: &["DOCENT_OPENAI_EMBEDDING_MODEL", "OPENAI_EMBEDDING_MODEL"],
        kind: Plain,
        default: Is("text-embedding-3-small"),
        about: "the embedding model, if `embedder` is `openai`",
        read: |config, text| set(&mut config.openai.embedding_model, text.to_owned()),
    },
    Setting {
        group: "Models",
        key: "openai_embedding_dimension",
        environment: &["DOCENT_OPENAI_EMBEDDING_DIMENSION"],
        kind: Plain,
        default: Nothing("the model's own; an unknown model is asked"),
        about: "the length of the embedding model's vectors",
        read: |config, text| {
            let dimension = number(text, 1..=16_384)?;
            set(&mut config.openai.embedding_dimension, Some(dimension))
        },
    },
    Setting {
        group: "Models",
        key: "proxy",
        environment: &["DOCENT_PROXY", "HTTPS_PROXY", "https_proxy"],
        kind: Hidden,
        default: Nothing("none"),
        about: "a proxy, as a URL, for endpoints with an https address",
        read: |config, text| set(&mut config.openai.proxy, Some(Secret::new(text))),
    },
    Setting {
        group: "Models",
        key: "ca_file",
        environment: &["DOCENT_CA_FILE", "SSL_CERT_FILE"],
        kind: Path,
        default: Nothing("none"),
        about: "a file of certificates in PEM to trust besides the public ones",
        read: |config, text| set(&mut config.ca_file, Some(PathBuf::from(text))),
    },
    Setting {
        group: "Documents",
        key: "chunk_tokens",
        environment: &["DOCENT_CHUNK_TOKENS"],
        kind: Plain,
        default: Is("200"),
        about: "the most tokens that a chunk has, its title and headings not counted; the local model reads 256 in all",
        read: |config, text| {
            let tokens = number(text, 16..=8_000)?;
            set(&mut config.engine.chunking.tokens_max, tokens)
        },
    },
    Setting {
        group: "Documents",
        key: "chunk_overlap",
        environment: &["DOCENT_CHUNK_OVERLAP"],
        kind: Plain,
        default: Is("0"),
        about: "how many tokens of the chunk before are repeated; less than `chunk_tokens`",
        read: |config, text| {
            let most = config.engine.chunking.tokens_max.saturating_sub(1);
            let overlap = number(text, 0..=most)?;
            set(&mut config.engine.chunking.overlap, overlap)
        },
    },
    Setting {
        group: "Documents",
        key: "parse_workers",
        environment: &["DOCENT_PARSE_WORKERS"],
        kind: Plain,
        default: Computed("one per processor", |_, _| Ok(Some(processors().to_string()))),
        about: "how many files are read at the same time, each in a process of its own",
        read: |config, text| set(&mut config.engine.parse_workers, number(text, 1..=256)?),
    },
    Setting {
        group: "Documents",
        key: "parse_timeout_s",
        environment: &["DOCENT_PARSE_TIMEOUT_S"],
        kind: Plain,
        default: Is("60"),
        about: "how many seconds reading a file may take",
        read: |config, text| set(&mut config.parse.time, seconds(text, 1..=3_600)?),
    },
    Setting {
        group: "Documents",
        key: "parse_memory_mib",
        environment: &["DOCENT_PARSE_MEMORY_MIB"],
        kind: Plain,
        default: Is("1024"),
        about: "how much memory, in MiB, reading a file may take",
        read: |config, text| set(&mut config.parse.memory_bytes, mebibytes(text, 256..=65_536)?),
    },
    Setting {
        group: "Documents",
        key: "file_mib",
        environment: &["DOCENT_FILE_MIB"],
        kind: Plain,
        default: Is("200"),
        about: "how large, in MiB, a file may be, uploads included",
        read: |config, text| set(&mut config.parse.file_bytes, mebibytes(text, 1..=16_384)?),
    },
    documents::OCR,
    documents::OCR_LANGUAGES,
    documents::TESSERACT,
    documents::TESSDATA,
    documents::KEEP_ORIGINALS,
    Setting {
        group: "Answers",
        key: "top_k",
        environment: &["DOCENT_TOP_K"],
        kind: Plain,
        default: Is("8"),
        about: "how many passages an answer may be made from, at most 50",
        read: |config, text| set(&mut config.top_k, number(text, 1..=50)?),
    },
    Setting {
        group: "Answers",
        key: "answer_timeout_s",
        environment: &["DOCENT_ANSWER_TIMEOUT_S"],
        kind: Plain,
        default: Is("120"),
        about: "how many seconds one attempt at an answer may take, retries of the endpoint included",
        read: |config, text| set(&mut config.engine.answer_timeout, seconds(text, 1..=3_600)?),
    },
    Setting {
        group: "Answers",
        key: "query_deadline_s",
        environment: &["DOCENT_QUERY_DEADLINE_S"],
        kind: Plain,
        default: Is("600"),
        about: "after how many seconds an unanswered question is given up",
        read: |config, text| set(&mut config.engine.query_deadline, seconds(text, 1..=86_400)?),
    },
    Setting {
        group: "Answers",
        key: "retention_days",
        environment: &["DOCENT_RETENTION_DAYS"],
        kind: Plain,
        default: Is("180"),
        about: "after how many days a question and its answer are forgotten",
        read: |config, text| {
            let days: u64 = number(text, 1..=36_500)?;
            set(&mut config.engine.query_retention, Duration::from_secs(days * 86_400))
        },
    },
    Setting {
        group: "Server",
        key: "listen",
        environment: &["DOCENT_LISTEN"],
        kind: Plain,
        default: Is("127.0.0.1:8080"),
        about: "the address and port that `docent serve` listens on; beyond this machine only with an API key or `public`",
        read: |config, text| set(&mut config.listen, address(text)?),
    },
    Setting {
        group: "Server",
        key: "api_keys",
        environment: &["DOCENT_API_KEYS", "DOCENT_API_KEY"],
        kind: Hidden,
        default: Nothing("none"),
        about: "keys, separated by commas, that open everything, besides those that `docent keys create` makes",
        read: |config, text| {
            let keys: Vec<_> = list(text).map(Secret::new).collect();
            if keys.iter().any(|key| key.expose().len() < KEY_BYTES_MIN) {
                return Err(format!("keys of at least {KEY_BYTES_MIN} characters"));
            }
            set(&mut config.api_keys, keys)
        },
    },
    Setting {
        group: "Server",
        key: "mcp_key",
        environment: &["DOCENT_MCP_KEY"],
        kind: Hidden,
        default: Nothing("none"),
        about: "the API key that `docent mcp` calls with on standard input; without one it may do everything",
        read: |config, text| set(&mut config.mcp_key, Some(Secret::new(text))),
    },
    Setting {
        group: "Server",
        key: "public",
        environment: &["DOCENT_PUBLIC"],
        kind: Plain,
        default: Nothing("none"),
        about: "what callers without a key may do: `read`, `ask` or `read,ask`; without it a server asks for a key, unless it has \
                none and listens on this machine alone",
        read: |config, text| set(&mut config.public, public_scopes(text)?),
    },
    Setting {
        group: "Server",
        key: "cors_origins",
        environment: &["DOCENT_CORS_ORIGINS"],
        kind: Plain,
        default: Is("*"),
        about: "the web origins, separated by commas, whose pages may call the server; `*` for all, `none` for none",
        read: |config, text| {
            let origins = list(text).filter(|origin| *origin != "none");
            set(&mut config.cors_origins, origins.map(str::to_owned).collect())
        },
    },
    Setting {
        group: "Server",
        key: "webhook_secret",
        environment: &["DOCENT_WEBHOOK_SECRET"],
        kind: Hidden,
        default: Nothing("none: webhooks are off"),
        about: "what webhooks are signed with, and what turns them on: `whsec_` and the base64 of 24 to 64 random bytes, for example from \
                `echo whsec_$(openssl rand -base64 24)`; while one replaces another, both, separated by a comma",
        read: |config, text| set(&mut config.webhooks.secrets, SigningSecret::parse_all(text)?),
    },
    Setting {
        group: "Server",
        key: "webhook_secret_arn",
        environment: &["DOCENT_WEBHOOK_SECRET_ARN"],
        kind: Plain,
        default: Nothing("none"),
        about: "the secret of Secrets Manager that holds it, as a bare text or in the field `DOCENT_WEBHOOK_SECRET` of a JSON object, with \
                or without `whsec_`; it counts if there is no `webhook_secret`, and is read once by each process that signs",
        read: |config, text| set(&mut config.webhooks.secret_arn, Some(text.to_owned())),
    },
    Setting {
        group: "Server",
        key: "webhook_hosts",
        environment: &["DOCENT_WEBHOOK_HOSTS"],
        kind: Plain,
        default: Nothing("none"),
        about: "hosts, by name or address and separated by commas, that webhooks may go to though their addresses are not public, and \
                without TLS: receivers inside your network",
        read: |config, text| set(&mut config.webhooks.hosts, list(text).map(str::to_owned).collect()),
    },
    Setting {
        group: "Server",
        key: "workers",
        environment: &["DOCENT_WORKERS"],
        kind: Plain,
        default: Computed("twice the number of processors", |_, _| Ok(Some((2 * processors()).to_string()))),
        about: "how many questions the server works on at the same time",
        read: |config, text| set(&mut config.workers, number(text, 1..=1_024)?),
    },
    Setting {
        group: "Server",
        key: "lease_s",
        environment: &["DOCENT_LEASE_S"],
        kind: Plain,
        default: Is("30"),
        about: "how many seconds a worker that fell silent keeps its question",
        read: |config, text| set(&mut config.engine.lease, seconds(text, 1..=3_600)?),
    },
    Setting {
        group: "Server",
        key: "attempts_max",
        environment: &["DOCENT_ATTEMPTS_MAX"],
        kind: Plain,
        default: Is("3"),
        about: "how many workers may try a question before it is given up",
        read: |config, text| set(&mut config.engine.attempts_max, number(text, 1..=100)?),
    },
    Setting {
        group: "Limits",
        key: "rate_limit_per_minute",
        environment: &["DOCENT_RATE_LIMIT_PER_MINUTE"],
        kind: Plain,
        default: Nothing("none"),
        about: "how many requests a minute each key may make; all of them may come at once",
        read: |config, text| {
            let calls = number(text, 1..=60_000)?;
            set(&mut config.rate, NonZeroU32::new(calls).map(Rate::per_minute))
        },
    },
    Setting {
        group: "Limits",
        key: "daily_token_cap",
        environment: &["DOCENT_DAILY_TOKEN_CAP"],
        kind: Plain,
        default: Nothing("none"),
        about: "how many tokens all answers of a day (UTC) may cost together",
        read: |config, text| set(&mut config.engine.budget.all.tokens, Some(number(text, 0..=TOKENS_MAX)?)),
    },
    Setting {
        group: "Limits",
        key: "daily_token_cap_per_key",
        environment: &["DOCENT_DAILY_TOKEN_CAP_PER_KEY"],
        kind: Plain,
        default: Nothing("none"),
        about: "how many tokens the answers of a day (UTC) may cost each key",
        read: |config, text| set(&mut config.engine.budget.per_key.tokens, Some(number(text, 0..=TOKENS_MAX)?)),
    },
    Setting {
        group: "Limits",
        key: "daily_cost_cap_usd",
        environment: &["DOCENT_DAILY_COST_CAP_USD"],
        kind: Plain,
        default: Nothing("none"),
        about: "how many US dollars all answers of a day (UTC) may cost together, by estimate",
        read: |config, text| set(&mut config.engine.budget.all.money, Some(dollars(text)?)),
    },
    Setting {
        group: "Limits",
        key: "daily_cost_cap_per_key_usd",
        environment: &["DOCENT_DAILY_COST_CAP_PER_KEY_USD"],
        kind: Plain,
        default: Nothing("none"),
        about: "how many US dollars the answers of a day (UTC) may cost each key, by estimate",
        read: |config, text| set(&mut config.engine.budget.per_key.money, Some(dollars(text)?)),
    },
    Setting {
        group: "Limits",
        key: "prices_file",
        environment: &["DOCENT_PRICES_FILE"],
        kind: Path,
        default: Nothing("the list inside the program, for OpenAI's own endpoint"),
        about: "a file with the prices of models, for estimates of cost; it replaces the list inside the program",
        read: |config, text| set(&mut config.prices_file, Some(PathBuf::from(text))),
    },
    Setting {
        group: "AWS",
        key: "table_name",
        environment: &["TABLE_NAME"],
        kind: Plain,
        default: Nothing("none; the Lambda functions need one"),
        about: "the DynamoDB table that keeps queries, API keys and counters, instead of a file in the data folder",
        read: |config, text| set(&mut config.table_name, Some(text.to_owned())),
    },
    Setting {
        group: "AWS",
        key: "worker_lambda_name",
        environment: &["WORKER_LAMBDA_NAME"],
        kind: Plain,
        default: Nothing("none; the API function needs one, the worker function means itself"),
        about: "the Lambda function, by name or ARN, that the API function wakes for each question",
        read: |config, text| set(&mut config.worker_lambda_name, Some(text.to_owned())),
    },
    Setting {
        group: "AWS",
        key: "documents",
        environment: &["DOCENT_DOCUMENTS"],
        kind: Plain,
        default: Nothing("none; the ingest function needs one"),
        about: "where the ingest function takes documents from, `s3://BUCKET/PREFIX`; the API function, if it is told, shows what \
                became of them",
        read: |config, text| set(&mut config.documents, Some(bucket(text)?)),
    },
    Setting {
        group: "Logs",
        key: "log_level",
        environment: &["DOCENT_LOG_LEVEL"],
        kind: Plain,
        default: Nothing("`info` for `docent serve` and the Lambda functions, `off` for the other commands"),
        about: "how much is logged to standard error: `off`, `error`, `warn`, `info` or `debug`",
        read: |config, text| {
            let choices = [
                ("off", Some(LogLevel::Off)),
                ("error", Some(LogLevel::Error)),
                ("warn", Some(LogLevel::Warn)),
                ("info", Some(LogLevel::Info)),
                ("debug", Some(LogLevel::Debug)),
            ];
            choose(&mut config.log_level, text, &choices)
        },
    },
    Setting {
        group: "Logs",
        key: "log_format",
        environment: &["DOCENT_LOG_FORMAT"],
        kind: Plain,
        default: Computed("`json` in a Lambda function, else `text`", |config, _| {
            Ok(Some(if config.function_name.is_some() { "json" } else { "text" }.to_owned()))
        }),
        about: "what a log line is: `text` or `json`",
        read: |config, text| choose(&mut config.log_json, text, &[("text", false), ("json", true)]),
    },
];

/// A key that can be guessed is no key.
const KEY_BYTES_MIN: usize = 16;
