//! The settings of OCR and of what is kept of documents.

use super::Environment;
use super::reading::{choose, languages, set, truth};
use super::setting::{Kind, Preset, Setting};
use std::path::{Path, PathBuf};

/// The program that reads scans.
const PROGRAM: &str = "tesseract";

pub(super) const OCR: Setting = Setting {
    group: "Documents",
    key: "ocr",
    environment: &["DOCENT_OCR"],
    kind: Kind::Plain,
    default: Preset::Is("false"),
    about: "whether pages of PDFs that show text without having any, as scans do, are read by tesseract, which has to be \
            installed: `true` or `false`",
    read: |config, text| set(&mut config.ocr.is_wanted, truth(text)?),
};

pub(super) const OCR_LANGUAGES: Setting = Setting {
    group: "Documents",
    key: "ocr_languages",
    environment: &["DOCENT_OCR_LANGUAGES"],
    kind: Kind::Plain,
    default: Preset::Is("eng"),
    about: "the languages that such pages are in, by tesseract's names, for example `eng+deu`; documents that were read in others \
            are read again",
    read: |config, text| set(&mut config.ocr.languages, languages(text)?),
};

pub(super) const TESSERACT: Setting = Setting {
    group: "Documents",
    key: "tesseract",
    environment: &["DOCENT_TESSERACT"],
    kind: Kind::Path,
    default: Preset::Computed("`tesseract` in the folders of `PATH`", |_, environment| Ok(on_path(environment))),
    about: "the program tesseract",
    read: |config, text| set(&mut config.ocr.program, Some(PathBuf::from(text))),
};

pub(super) const TESSDATA: Setting = Setting {
    group: "Documents",
    key: "tessdata",
    environment: &["DOCENT_TESSDATA", "TESSDATA_PREFIX"],
    kind: Kind::Path,
    default: Preset::Nothing("tesseract's own"),
    about: "the folder with tesseract's language data",
    read: |config, text| set(&mut config.ocr.tessdata, Some(PathBuf::from(text))),
};

pub(super) const KEEP_ORIGINALS: Setting = Setting {
    group: "Documents",
    key: "keep_originals",
    environment: &["DOCENT_KEEP_ORIGINALS"],
    kind: Kind::Plain,
    default: Preset::Is("true"),
    about: "whether the file of an upload is kept in the data folder, to be downloaded again, until its document is deleted: \
            `true` or `false`",
    read: |config, text| choose(&mut config.keep_originals, text, &[("true", true), ("false", false)]),
};

fn on_path(environment: &Environment) -> Option<String> {
    let folders = environment.get("PATH")?.split(':').filter(|folder| Path::new(folder).is_absolute());
    let found = folders.map(|folder| Path::new(folder).join(PROGRAM)).find(|program| program.is_file())?;
    Some(found.to_string_lossy().into_owned())
}
