//! Fonts for Chinese, Japanese and Korean that are in the file and do not say which characters they show. Their glyphs have
//! numbers in one of Adobe's character collections, and for those there are tables.

use hayro_interpret::hayro_cmap::{BfString, CMap, CMapName, CidFamily, load_embedded};
use hayro_syntax::Pdf;
use hayro_syntax::object::{Array, Dict, Name, Object, Stream, String as Bytes};
use std::collections::HashMap;

/// From a code to a number in the collection, and from there to a character.
struct Tables {
    numbers: CMap,
    characters: CMap,
}

/// The tables of a document's fonts, by the fonts' names. Fonts of the same name differ in the glyphs they carry, not in
/// what a number means.
#[derive(Default)]
pub(crate) struct CidFonts(HashMap<String, Tables>);

impl CidFonts {
    pub(crate) fn of(pdf: &Pdf) -> Self {
        let fonts = pdf.objects().into_iter().filter_map(|object| match object {
            Object::Dict(dict) => named_tables(&dict),
            _ => None,
        });
        Self(fonts.collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What a code of a font shows.
    pub(crate) fn character(&self, font: &str, code: u32) -> Option<BfString> {
        let tables = self.0.get(font)?;
        let number = (1..=4).find_map(|bytes| tables.numbers.lookup_cid_code(code, bytes))?;
        tables.characters.lookup_bf_string(number)
    }
}

fn named_tables(font: &Dict<'_>) -> Option<(String, Tables)> {
    let is_composite = font.get::<Name<'_>>(&b"Subtype"[..])?.as_str() == "Type0";
    if !is_composite || font.contains_key(b"ToUnicode") {
        return None;
    }
    let name = font.get::<Name<'_>>(&b"BaseFont"[..])?.as_str().to_owned();
    let name = match name.split_once('+') {
        Some((subset, rest)) if subset.len() == 6 => rest.to_owned(),
        _ => name,
    };
    let numbers = encoding(font)?;
    let stated = numbers.metadata().character_collection.as_ref().map(|collection| collection.family.clone());
    let family = stated.filter(|family| family.ucs2_cmap().is_some()).or_else(|| collection(font))?;
    let characters = predefined(family.ucs2_cmap()?)?;
    Some((name, Tables { numbers, characters }))
}

fn encoding(font: &Dict<'_>) -> Option<CMap> {
    match font.get::<Object<'_>>(&b"Encoding"[..])? {
        Object::Name(name) if name.as_str() == "Identity-H" => Some(CMap::identity_h()),
        Object::Name(name) if name.as_str() == "Identity-V" => Some(CMap::identity_v()),
        Object::Name(name) => predefined(CMapName::from_bytes(name.as_str().as_bytes())),
        Object::Stream(stream) => embedded(&stream),
        _ => None,
    }
}

fn predefined(name: CMapName<'_>) -> Option<CMap> {
    CMap::parse(load_embedded(name)?, load_embedded)
}

fn embedded(stream: &Stream<'_>) -> Option<CMap> {
    CMap::parse(&stream.decoded_data().ok()?, load_embedded)
}

/// The collection that the font below says its numbers belong to.
fn collection(font: &Dict<'_>) -> Option<CidFamily> {
    let below = font.get::<Array<'_>>(&b"DescendantFonts"[..])?.iter::<Dict<'_>>().next()?;
    let info = below.get::<Dict<'_>>(&b"CIDSystemInfo"[..])?;
    let text = |key: &[u8]| info.get::<Bytes<'_>>(key).map(|text| text.as_bytes().to_vec());
    Some(CidFamily::from_registry_ordering(&text(b"Registry")?, &text(b"Ordering")?))
}
