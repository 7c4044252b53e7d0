//! From what was typed to what it means; each error says what a value must be.

use super::{Environment, IndexPlace, VectorBucket};
use docent_core::access::Scope;
use docent_core::spending::MicroDollars;
use docent_engine::{Error, Result};
use docent_index::remote::Place;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// More than a day has; a store counts to twice as many.
pub(super) const TOKENS_MAX: u64 = u64::MAX >> 2;

pub(super) type Read<T = ()> = std::result::Result<T, String>;

#[expect(clippy::unnecessary_wraps, reason = "ends the reading of a setting, which may fail before")]
pub(super) fn set<T>(place: &mut T, value: T) -> Read {
    *place = value;
    Ok(())
}

pub(super) fn choose<T: Copy>(place: &mut T, text: &str, choices: &[(&str, T)]) -> Read {
    let chosen = choices.iter().find(|(name, _)| *name == text);
    let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
    let (_, value) = chosen.ok_or_else(|| format!("one of {}", names.join(", ")))?;
    set(place, *value)
}

pub(super) fn truth(text: &str) -> Read<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" => Ok(false),
        _ => Err("true or false".to_owned()),
    }
}

pub(super) fn number<T: FromStr + PartialOrd + Display>(text: &str, range: RangeInclusive<T>) -> Read<T> {
    let read = text.trim().parse().ok();
    let fits = read.filter(|number| range.contains(number));
    fits.ok_or_else(|| format!("a whole number from {} to {}", range.start(), range.end()))
}

pub(super) fn seconds(text: &str, range: RangeInclusive<u64>) -> Read<Duration> {
    number(text, range).map(Duration::from_secs)
}

pub(super) fn mebibytes(text: &str, range: RangeInclusive<u64>) -> Read<u64> {
    number(text, range).map(|mebibytes| mebibytes << 20)
}

/// `5` or `0.50`.
pub(super) fn dollars(text: &str) -> Read<MicroDollars> {
    let read = MicroDollars::parse(text.trim()).filter(|money| money.0 <= TOKENS_MAX);
    read.ok_or_else(|| "an amount of US dollars, for example 5 or 0.50".to_owned())
}

/// What may be given to everybody: nothing that changes documents or shows what others asked.
pub(super) fn public_scopes(text: &str) -> Read<BTreeSet<Scope>> {
    let allowed = |name| Scope::parse(name).filter(|scope| matches!(scope, Scope::Read | Scope::Ask));
    list(text).map(|name| allowed(name).ok_or_else(|| "`read`, `ask` or `read,ask`".to_owned())).collect()
}

pub(super) fn index_place(text: &str) -> Read<IndexPlace> {
    if VectorBucket::is_arn(text) {
        let bucket = VectorBucket::parse(text).map(IndexPlace::Vectors);
        return bucket.ok_or_else(|| "a vector bucket, arn:aws:s3vectors:REGION:ACCOUNT:bucket/NAME".to_owned());
    }
    if !Place::is_url(text) {
        return Ok(IndexPlace::Folder(PathBuf::from(text)));
    }
    let published = || Place::parse(text).map(IndexPlace::Published);
    let place = server(text).map(IndexPlace::Chroma).or_else(|_| published());
    place.map_err(|_| "a folder, s3://BUCKET/PREFIX, file:///FOLDER or the address of a Chroma server".to_owned())
}

pub(super) fn bucket(text: &str) -> Read<Place> {
    let place = Place::parse(text).ok().filter(|_| text.starts_with("s3://"));
    place.ok_or_else(|| "a bucket with a prefix, s3://BUCKET/PREFIX".to_owned())
}

impl VectorBucket {
    /// True for what can only be meant as one.
    pub(super) fn is_arn(text: &str) -> bool {
        text.starts_with("arn:")
    }

    fn parse(text: &str) -> Option<Self> {
        let [_, partition, "s3vectors", region, account, resource] = text.split(':').collect::<Vec<_>>()[..] else {
            return None;
        };
        let name = resource.strip_prefix("bucket/")?;
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let is_account = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
        let is_name = |name: &str| !name.is_empty() && name.bytes().all(plain);
        let fits = is_account && (3..=63).contains(&name.len()) && [partition, region, name].into_iter().all(is_name);
        fits.then(|| Self { arn: text.to_owned(), region: region.to_owned() })
    }
}

/// Names of language data, such as `eng`, `chi_sim` or `script/Latin`, with `+` between them.
pub(super) fn languages(text: &str) -> Read<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_name = |name: &str| name.split('/').all(|part| !part.is_empty() && part.chars().all(plain));
    let text = text.trim();
    let named = Some(text.to_owned()).filter(|text| text.len() <= 200 && text.split('+').all(is_name));
    named.ok_or_else(|| "languages by tesseract's names, for example eng or eng+deu".to_owned())
}

pub(super) fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

/// `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`, or a port alone, which means this machine.
pub(super) fn address(text: &str) -> Read<SocketAddr> {
    let local = |port: &str| {
        let port = port.parse().ok()?;
        Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
    };
    let named = || text.strip_prefix("localhost:").and_then(local);
    let read = text.parse().ok().or_else(named).or_else(|| local(text));
    read.ok_or_else(|| "an address and a port, for example 127.0.0.1:8080".to_owned())
}

pub(super) fn server(text: &str) -> Read<String> {
    let known = ["http://", "https://"].iter().any(|scheme| text.starts_with(scheme));
    if known {
        Ok(text.to_owned())
    } else {
        Err("the address of a server, for example http://localhost:8000".to_owned())
    }
}

pub(super) fn processors() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}

/// Where this kind of machine keeps a program's data (XDG Base Directory Specification; Apple's File System
/// Programming Guide).
pub(super) fn platform_data(environment: &Environment) -> Option<PathBuf> {
    let absolute = |name| environment.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let below_home = if cfg!(target_os = "macos") { "Library/Application Support" } else { ".local/share" };
    absolute("XDG_DATA_HOME").or_else(|| Some(absolute("HOME")?.join(below_home))).map(|folder| folder.join("docent"))
}

/// Where a function may write.
pub(super) fn scratch_folder(environment: &Environment) -> String {
    format!("{}/docent", environment.get("TMPDIR").unwrap_or("/tmp").trim_end_matches('/'))
}

pub(super) fn data_folder(environment: &Environment) -> Result<String> {
    let folder = platform_data(environment).ok_or_else(|| {
        Error::invalid("there is no place for the data folder, as HOME is not set")
            .hint("name a folder with --data or DOCENT_DATA")
    })?;
    Ok(folder.to_string_lossy().into_owned())
}
