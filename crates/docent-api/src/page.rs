//! The page: what a browser gets at `/`, from the program itself.
//!
//! `page/` holds what `make page-bundle` builds from `web/`, so that building the program needs no Node. The files there
//! have plain names, which keeps their history readable; they are served under names that carry a hash of what is in
//! them, so a browser may keep them for good. What they may do is in [`POLICY`]: load from this server, and nothing else.

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use std::sync::LazyLock;

/// Scripts, styles, images and calls from and to this server alone; no frames, no forms, no strings run as code.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// What accompanies every file of the page.
const GUARDS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
];

/// A file that the page names: `assets/STEM.EXTENSION`.
struct Part {
    stem: &'static str,
    extension: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

/// Each may name those before it, and the index all of them.
const PARTS: [Part; 5] = [
    Part {
        stem: "instrument-sans-latin-wght-normal",
        extension: "woff2",
        kind: "font/woff2",
        bytes: include_bytes!("../page/assets/instrument-sans-latin-wght-normal.woff2"),
    },
    Part {
        stem: "source-serif-4-latin-400-normal",
        extension: "woff2",
        kind: "font/woff2",
        bytes: include_bytes!("../page/assets/source-serif-4-latin-400-normal.woff2"),
    },
    Part { stem: "icon", extension: "svg", kind: "image/svg+xml", bytes: include_bytes!("../page/assets/icon.svg") },
    Part {
        stem: "app",
        extension: "css",
        kind: "text/css; charset=utf-8",
        bytes: include_bytes!("../page/assets/app.css"),
    },
    Part {
        stem: "app",
        extension: "js",
        kind: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../page/assets/app.js"),
    },
];

/// Made when the first browser comes.
static BUNDLE: LazyLock<Bundle> = LazyLock::new(Bundle::new);

struct Bundle {
    index: File,
    assets: Vec<File>,
}

struct File {
    /// With the hash of what is in it.
    name: String,
    kind: &'static str,
    plain: Vec<u8>,
    /// Compressed, where that is worth it.
    packed: Option<Vec<u8>>,
}

impl Bundle {
    fn new() -> Self {
        let (mut assets, mut renamed) = (Vec::new(), Vec::new());
        for part in PARTS {
            let bytes = with_names(part.bytes, &renamed);
            let name = format!("{}-{}.{}", part.stem, &blake3::hash(&bytes).to_hex()[..16], part.extension);
            renamed.push((format!("{}.{}", part.stem, part.extension), name.clone()));
            assets.push(File::new(name, part.kind, bytes));
        }
        let index = with_names(include_bytes!("../page/index.html"), &renamed);
        let name = blake3::hash(&index).to_hex()[..16].to_owned();
        Self { index: File::new(name, "text/html; charset=utf-8", index), assets }
    }
}

/// The text with each plain name replaced by the one it is served under; what is not text stays as it is.
fn with_names(bytes: &[u8], renamed: &[(String, String)]) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(bytes) else { return bytes.to_vec() };
    renamed.iter().fold(text.to_owned(), |text, (plain, served)| text.replace(plain, served)).into_bytes()
}

impl File {
    fn new(name: String, kind: &'static str, plain: Vec<u8>) -> Self {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        let packed = encoder.write_all(&plain).and_then(|()| encoder.finish()).ok();
        // A font is compressed already.
        let packed = packed.filter(|packed| packed.len() < plain.len());
        Self { name, kind, plain, packed }
    }

    fn sent(&'static self, asked: &HeaderMap, keep: &'static str) -> Response {
        let packed = self.packed.as_deref().filter(|_| takes_gzip(asked));
        let body = packed.unwrap_or(&self.plain);
        let mut response = ([(header::CONTENT_TYPE, self.kind), (header::CACHE_CONTROL, keep)], body).into_response();
        let headers = response.headers_mut();
        headers.extend(GUARDS.map(|(name, value)| (name, HeaderValue::from_static(value))));
        headers.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
        if packed.is_some() {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }
}

/// Whether the page is wanted rather than JSON: HTML is asked for by name, and no less than JSON.
pub(crate) fn is_wanted(asked: &HeaderMap) -> bool {
    let accepted = list(asked, &header::ACCEPT);
    let html = quality(&accepted, "text/html").unwrap_or(0.0);
    html > 0.0 && html >= quality(&accepted, "application/json").unwrap_or(0.0)
}

/// The page itself; a browser asks each time whether it has changed.
pub(crate) fn index(asked: &HeaderMap) -> Response {
    let file = &BUNDLE.index;
    let tag = format!("W/\"{}\"", file.name);
    let is_known = list(asked, &header::IF_NONE_MATCH).split(',').any(|known| known.trim() == tag);
    let mut response = file.sent(asked, "no-cache");
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Body::empty();
        response.headers_mut().remove(header::CONTENT_ENCODING);
        response.headers_mut().remove(header::CONTENT_LENGTH);
    }
    response.headers_mut().append(header::VARY, HeaderValue::from_static("Accept"));
    if let Ok(tag) = HeaderValue::try_from(tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// A script, style, font or image of the page.
pub(crate) async fn asset(Path(name): Path<String>, asked: HeaderMap) -> Response {
    match BUNDLE.assets.iter().find(|file| file.name == name) {
        Some(file) => file.sent(&asked, "public, max-age=31536000, immutable"),
        // An index of an earlier version may still be open somewhere.
        None => (StatusCode::NOT_FOUND, "not a file of this version's page; load it again").into_response(),
    }
}

fn takes_gzip(asked: &HeaderMap) -> bool {
    quality(&list(asked, &header::ACCEPT_ENCODING), "gzip").is_some_and(|quality| quality > 0.0)
}

/// A header that is a list, in one piece however often it was sent.
fn list(asked: &HeaderMap, name: &HeaderName) -> String {
    let values: Vec<_> = asked.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    values.join(",")
}

/// How much a list wants something, from 0 to 1, if it names it (RFC 9110, section 12.4.2).
fn quality(list: &str, wanted: &str) -> Option<f32> {
    list.split(',').find_map(|entry| {
        let mut parts = entry.split(';').map(str::trim);
        let is_it = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(wanted));
        let mut weight = || parts.find_map(|part| part.strip_prefix("q=")).and_then(|text| text.parse().ok());
        is_it.then(|| weight().unwrap_or(1.0))
    })
}
