use super::*;

struct Place {
    folder: tempfile::TempDir,
    variables: Vec<(&'static str, &'static str)>,
    flags: Flags,
}

fn place() -> Place {
    Place { folder: tempfile::tempdir().expect("a folder"), variables: vec![("HOME", "/ada")], flags: Flags::default() }
}

impl Place {
    fn toml(self, text: &str) -> Self {
        std::fs::write(self.folder.path().join(FILE_NAME), text).expect("written");
        self
    }

    fn variable(mut self, name: &'static str, value: &'static str) -> Self {
        self.variables.push((name, value));
        self
    }

    fn flag(mut self, key: &'static str, value: &str) -> Self {
        self.flags = self.flags.with(key, Some(value));
        self
    }

    fn load(&self) -> Result<Config> {
        let environment = Environment::of(self.variables.iter().copied(), self.folder.path());
        Config::load(&self.flags, &environment)
    }

    /// The error and its hint, the folder's name blanked.
    fn refusal(&self) -> String {
        let error = self.load().expect_err("refused");
        let text = format!("{error}\nhint: {}", error.hint_text().unwrap_or("none"));
        text.replace(&*self.folder.path().to_string_lossy(), "[FOLDER]")
    }
}

fn value(config: &Config, key: &str) -> (Option<String>, String) {
    let shown = config.shown().into_iter().find(|shown| shown.key == key);
    let shown = shown.expect("a setting");
    (shown.value, shown.origin)
}

#[test]
fn the_stronger_place_wins() {
    let default = place();
    let file = place().toml("top_k = 4");
    let environment = place().toml("top_k = 4").variable("DOCENT_TOP_K", "5");
    let flag = place().toml("top_k = 4").variable("DOCENT_TOP_K", "5").flag("top_k", "6");
    let top_k = |place: &Place| place.load().expect("valid").top_k;
    assert_eq!([&default, &file, &environment, &flag].map(top_k), [8, 4, 5, 6]);
    let config = environment.load().expect("valid");
    assert_eq!(value(&config, "top_k"), (Some("5".to_owned()), "environment DOCENT_TOP_K".to_owned()));
}

#[test]
fn paths_are_relative_to_where_they_were_written() {
    let config = place().toml("index = \"there\"").variable("DOCENT_DATA", "here");
    let loaded = config.load().expect("valid");
    assert_eq!(loaded.data, config.folder.path().join("here"));
    assert_eq!(loaded.index, IndexPlace::Folder(config.folder.path().join("there")));
    assert_eq!(loaded.scratch, config.folder.path().join("here/scratch"));
}

#[test]
fn the_data_folder_is_the_platforms() {
    let table = [
        (vec![("HOME", "/ada")], "/ada/.local/share/docent"),
        (vec![("HOME", "/ada"), ("XDG_DATA_HOME", "/data")], "/data/docent"),
        (vec![("HOME", "/ada"), ("XDG_DATA_HOME", "not/absolute")], "/ada/.local/share/docent"),
    ];
    for (variables, folder) in table {
        let environment = Environment::of(variables, Path::new("/nowhere"));
        let config = Config::load(&Flags::default(), &environment).expect("valid");
        if !cfg!(target_os = "macos") {
            assert_eq!(config.data, Path::new(folder));
        }
    }
}

#[test]
fn a_key_makes_the_endpoint_the_generator_and_is_never_shown() {
    let config = place().variable("OPENAI_API_KEY", "sk-very-secret").load().expect("valid");
    assert_eq!(config.generator, GeneratorChoice::OpenAi);
    assert_eq!(value(&config, "openai_api_key").0.as_deref(), Some("********"));
    assert!(!format!("{config:?}{:?}", config.shown()).contains("sk-very-secret"));
    assert_eq!(place().load().expect("valid").generator, GeneratorChoice::Quoting);
}

#[test]
fn a_function_reads_its_index_beside_the_program_and_writes_to_the_temporary_folder() {
    let function = place()
        .variable("HOME", "")
        .variable("AWS_LAMBDA_FUNCTION_NAME", "worker")
        .variable("LAMBDA_TASK_ROOT", "/var/task")
        .load()
        .expect("valid");
    assert_eq!(function.data, Path::new("/tmp/docent"));
    assert_eq!(function.index, IndexPlace::Folder(PathBuf::from("/var/task/index")));
    assert!(function.image_runtime && function.log_json);
    let image =
        place().variable("IS_USING_IMAGE_RUNTIME", "True").variable("TMPDIR", "/scratch/").load().expect("valid");
    assert_eq!((image.data.as_path(), image.log_json), (Path::new("/scratch/docent"), false));
    let elsewhere =
        place().variable("IS_USING_IMAGE_RUNTIME", "1").variable("DOCENT_INDEX", "/mnt/index").load().expect("valid");
    assert_eq!(elsewhere.index, IndexPlace::Folder(PathBuf::from("/mnt/index")));
}

#[test]
fn a_secret_with_a_key_makes_the_endpoint_the_generator() {
    let config = place().variable("OPENAI_API_KEY_SECRET_ARN", "arn:aws:secretsmanager:x").load().expect("valid");
    assert_eq!(config.generator, GeneratorChoice::OpenAi);
}

#[test]
fn what_cannot_be_right_is_refused_with_the_place_where_it_was_said() {
    let table = [
        (place().toml("topk = 4"), "[FOLDER]/docent.toml has an unknown setting `topk`\nhint: did you mean `top_k`?"),
        (
            place().toml("zzz = 4"),
            "[FOLDER]/docent.toml has an unknown setting `zzz`\nhint: `docent config` lists all settings",
        ),
        (
            place().toml("top_k = \"many\""),
            "`top_k` must be a whole number from 1 to 50 (it is `many`)\nhint: it was set here: [FOLDER]/docent.toml",
        ),
        (
            place().variable("DOCENT_GENERATOR", "opneai"),
            "`generator` must be one of quoting, openai (it is `opneai`)\nhint: it was set here: environment DOCENT_GENERATOR",
        ),
        (
            place().variable("DOCENT_API_KEY", "short"),
            "`api_keys` must be keys of at least 16 characters\nhint: it was set here: environment DOCENT_API_KEY",
        ),
        (
            place().variable("DOCENT_PUBLIC", "read,write"),
            "`public` must be `read`, `ask` or `read,ask` (it is `read,write`)\nhint: it was set here: environment DOCENT_PUBLIC",
        ),
        (
            place().variable("DOCENT_DAILY_COST_CAP_USD", "5 $"),
            "`daily_cost_cap_usd` must be an amount of US dollars, for example 5 or 0.50 (it is `5 $`)\nhint: it was set here: \
             environment DOCENT_DAILY_COST_CAP_USD",
        ),
        (
            place().flag("index", "gs://docs"),
            "`index` must be a folder, s3://BUCKET/PREFIX, file:///FOLDER or the address of a Chroma server (it is `gs://docs`)\nhint: it was set here: \
             command line",
        ),
        (
            place().flag("listen", "everywhere"),
            "`listen` must be an address and a port, for example 127.0.0.1:8080 (it is `everywhere`)\nhint: it was set here: \
             command line",
        ),
        (place().toml("top_k = "), "[FOLDER]/docent.toml is not TOML\nhint: a line looks like this: top_k = 8"),
        (
            place().variable("DOCENT_CONFIG", "elsewhere.toml"),
            "there is no settings file [FOLDER]/elsewhere.toml\nhint: check --config and DOCENT_CONFIG",
        ),
        (
            place().variable("DOCENT_CHUNK_OVERLAP", "200"),
            "`chunk_overlap` must be a whole number from 0 to 199 (it is `200`)\nhint: it was set here: environment \
             DOCENT_CHUNK_OVERLAP",
        ),
        (
            place().variable("HOME", ""),
            "there is no place for the data folder, as HOME is not set\nhint: name a folder with --data or DOCENT_DATA",
        ),
    ];
    for (place, refusal) in table {
        assert_eq!(place.refusal(), refusal);
    }
}

#[test]
fn a_settings_file_in_the_data_folder_is_read_but_cannot_move_it() {
    let data = place().toml("top_k = 3");
    let elsewhere = tempfile::tempdir().expect("a folder");
    let environment = Environment::of([], elsewhere.path());
    let flags = Flags::default().with("data", Some(data.folder.path().display()));
    assert_eq!(Config::load(&flags, &environment).expect("valid").top_k, 3);
    let data = data.toml("data = \"away\"");
    let error = Config::load(&flags, &environment).expect_err("refused");
    assert!(error.to_string().contains("names a data folder"), "{error}");
    drop(data);
}

#[test]
fn ways_to_write_an_address() {
    for (typed, address) in [
        ("127.0.0.1:1", "127.0.0.1:1"),
        ("localhost:2", "127.0.0.1:2"),
        ("3", "127.0.0.1:3"),
        ("0.0.0.0:4", "0.0.0.0:4"),
        ("[::1]:5", "[::1]:5"),
    ] {
        let config = place().flag("listen", typed).load().expect("valid");
        assert_eq!(config.listen.to_string(), address);
    }
}

#[test]
fn the_index_may_be_somewhere_else() {
    for url in ["s3://docs/prefix", "file:///srv/docs"] {
        let config = place().toml(&format!("index = \"{url}\"")).variable("DOCENT_DATA", "here");
        let loaded = config.load().expect("valid");
        assert!(matches!(&loaded.index, IndexPlace::Published(place) if place.to_string() == url), "{url}");
        assert_eq!(loaded.index_folder(), config.folder.path().join("here/index"));
    }
    let lambda = place().variable("AWS_LAMBDA_FUNCTION_NAME", "worker").variable("AWS_SECRET_ACCESS_KEY", "hidden");
    let loaded = lambda.load().expect("valid");
    assert_eq!(loaded.scratch, Path::new("/tmp/docent/scratch"));
    assert_eq!(loaded.store.variables.get("AWS_SECRET_ACCESS_KEY").map(String::as_str), Some("hidden"));
    assert!(!format!("{loaded:?}").contains("hidden"));
}

#[test]
fn misspelt_variables_are_noticed() {
    let environment = Environment::of([("DOCENT_TOPK", "1"), ("DOCENT_TOP_K", "1"), ("OTHER", "1")], Path::new("/"));
    assert_eq!(environment.unknown(), ["DOCENT_TOPK"]);
}

#[test]
fn the_reference_page_is_current() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/configuration.md");
    let written = std::fs::read_to_string(page).unwrap_or_default();
    assert!(written == reference(), "write it anew: docent config --reference > docs/reference/configuration.md");
}

#[test]
fn keys_and_variables_are_unique() {
    let mut names: Vec<&str> =
        SETTINGS.iter().flat_map(|setting| setting.environment.iter().copied().chain([setting.key])).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn an_index_is_a_folder_or_a_server() {
    let index = |place: Place| {
        let config = place.load().expect("valid");
        (config.index.clone(), value(&config, "index").1)
    };
    let server = |url: &str, origin: &str| (IndexPlace::Chroma(url.to_owned()), origin.to_owned());
    assert!(matches!(index(place()), (IndexPlace::Folder(_), origin) if origin == "default"));
    assert_eq!(index(place().variable("CHROMA_URL", "http://a:1")), server("http://a:1", "default"));
    let both = || place().variable("CHROMA_URL", "http://a:1").variable("CHROMA_PATH", "chroma");
    assert_eq!(index(both()), server("http://a:1", "default"));
    let folder = both().variable("DOCENT_INDEX", "index");
    assert_eq!(folder.load().expect("valid").index, IndexPlace::Folder(folder.folder.path().join("index")));
    assert_eq!(index(folder).1, "environment DOCENT_INDEX");
    let named = both().variable("DOCENT_INDEX", "https://b/chroma");
    assert_eq!(index(named), server("https://b/chroma", "environment DOCENT_INDEX"));
    let demo = both().load().expect("valid").in_folder(Path::new("/demo"));
    assert_eq!(demo.index, IndexPlace::Folder(PathBuf::from("/demo/index")));
}

#[test]
fn a_vector_bucket_is_named_by_its_arn() {
    let arn = "arn:aws:s3vectors:eu-central-1:123456789012:bucket/team-docs";
    let loaded = place().variable("DOCENT_INDEX", arn).load().expect("valid");
    let expected = VectorBucket { arn: arn.to_owned(), region: "eu-central-1".to_owned() };
    assert_eq!(loaded.index, IndexPlace::Vectors(expected));
    for wrong in [
        "arn:aws:s3:::docs",
        "arn:aws:s3vectors:eu-central-1:123456789012:bucket/team-docs/index/people",
        "arn:aws:s3vectors:eu-central-1:team:bucket/docs",
        "arn:aws:s3vectors::123456789012:bucket/docs",
    ] {
        let refusal = place().variable("DOCENT_INDEX", wrong).refusal();
        assert!(refusal.contains("arn:aws:s3vectors:REGION:ACCOUNT:bucket/NAME"), "{refusal}");
    }
}

#[test]
fn a_store_that_only_chroma_opens_is_refused_with_what_to_do() {
    let refusal = place().variable("CHROMA_PATH", "chroma").refusal();
    assert!(refusal.contains("chroma run --path [FOLDER]/chroma") && refusal.contains("CHROMA_URL"), "{refusal}");
    let scheme = place().variable("DOCENT_INDEX", "ftp://host").refusal();
    assert!(scheme.starts_with("`index` must be a folder, s3:"), "{scheme}");
}
