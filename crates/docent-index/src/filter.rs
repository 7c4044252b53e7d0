//! Conditions on chunks as tantivy queries, and as the set of a segment's records that both rankings may use.

use crate::error::{Failure, Result};
use crate::schema::Fields;
use docent_core::Filter;
use docent_core::filter::FilterValue;
use std::ops::Bound;
use tantivy::query::{AllQuery, BooleanQuery, EmptyQuery, EnableScoring, InvertedIndexRangeQuery, Occur, Query};
use tantivy::query::{TermQuery, TermSetQuery};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{BitSet, DocId, Searcher, SegmentReader, Term};

/// Which records of a segment may be returned.
pub(crate) enum Allowed<'a> {
    /// Those that are not deleted.
    Alive(&'a SegmentReader),
    /// Those that are not deleted and meet the filter.
    Only(BitSet),
}

impl Allowed<'_> {
    pub(crate) fn contains(&self, document: DocId) -> bool {
        match self {
            Self::Alive(reader) => !reader.is_deleted(document),
            Self::Only(set) => set.contains(document),
        }
    }

    /// True when no record of the segment can be returned.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Only(set) if set.len() == 0)
    }
}

/// What may be returned of each segment.
pub(crate) fn allowed<'a>(
    searcher: &'a Searcher,
    fields: &Fields,
    filter: Option<&Filter>,
) -> Result<Vec<Allowed<'a>>> {
    let readers = searcher.segment_readers().iter();
    let Some(filter) = filter else { return Ok(readers.map(Allowed::Alive).collect()) };
    let weight = query(filter, fields)?.weight(EnableScoring::disabled_from_searcher(searcher))?;
    readers
        .map(|reader| {
            let mut set = BitSet::with_max_value(reader.max_doc());
            weight.for_each_no_score(reader, &mut |documents| {
                for document in documents.iter().filter(|document| !reader.is_deleted(**document)) {
                    set.insert(*document);
                }
            })?;
            Ok(Allowed::Only(set))
        })
        .collect()
}

/// The filter as a query; `Invalid` when it names an unknown key or compares it with the wrong kind of value.
pub(crate) fn query(filter: &Filter, fields: &Fields) -> Result<Box<dyn Query>> {
    Ok(match filter {
        Filter::Eq { key, value } => equal(fields, key, value)?,
        Filter::Ne { key, value } => not(equal(fields, key, value)?),
        Filter::In { key, value } => one_of(fields, key, value)?,
        Filter::Nin { key, value } => not(one_of(fields, key, value)?),
        Filter::Gt { key, value } => pages(fields, from(number(key, value)?.floor() + 1.0), Bound::Unbounded),
        Filter::Gte { key, value } => pages(fields, from(number(key, value)?.ceil()), Bound::Unbounded),
        Filter::Lt { key, value } => up_to(fields, number(key, value)?.ceil() - 1.0),
        Filter::Lte { key, value } => up_to(fields, number(key, value)?.floor()),
        Filter::And { filters } => combine(fields, filters, Occur::Must, Box::new(AllQuery))?,
        Filter::Or { filters } => combine(fields, filters, Occur::Should, Box::new(EmptyQuery))?,
    })
}

fn combine(fields: &Fields, filters: &[Filter], occur: Occur, of_none: Box<dyn Query>) -> Result<Box<dyn Query>> {
    if filters.is_empty() {
        return Ok(of_none);
    }
    let clauses = filters.iter().map(|filter| Ok((occur, query(filter, fields)?))).collect::<Result<_>>()?;
    Ok(Box::new(BooleanQuery::new(clauses)))
}

fn not(query: Box<dyn Query>) -> Box<dyn Query> {
    let all: Box<dyn Query> = Box::new(AllQuery);
    Box::new(BooleanQuery::new(vec![(Occur::Must, all), (Occur::MustNot, query)]))
}

fn equal(fields: &Fields, key: &str, value: &FilterValue) -> Result<Box<dyn Query>> {
    Ok(term(fields, key, value)?.map_or_else(
        || Box::new(EmptyQuery) as Box<dyn Query>,
        |term| Box::new(TermQuery::new(term, IndexRecordOption::Basic)),
    ))
}

fn one_of(fields: &Fields, key: &str, value: &FilterValue) -> Result<Box<dyn Query>> {
    let FilterValue::List(values) = value else { return Err(bad(format!("{key:?} needs a list of strings here"))) };
    let mut terms = Vec::new();
    for value in values {
        let value = match value.parse::<f64>() {
            Ok(number) if key == "page" => FilterValue::Number(number),
            _ => FilterValue::Text(value.clone()),
        };
        terms.extend(term(fields, key, &value)?);
    }
    Ok(Box::new(TermSetQuery::new(terms)))
}

/// None when no chunk can have the value.
fn term(fields: &Fields, key: &str, value: &FilterValue) -> Result<Option<Term>> {
    match (key, value) {
        ("page", FilterValue::Number(number)) => {
            let whole = number.fract() == 0.0 && *number >= 0.0 && *number <= f64::from(u32::MAX);
            Ok(whole.then(|| Term::from_field_u64(fields.page, *number as u64)))
        }
        ("page", _) => Err(bad("\"page\" is compared with a number".to_owned())),
        (_, FilterValue::Text(text)) => Ok(Some(Term::from_field_text(text_field(fields, key)?, text))),
        _ => {
            text_field(fields, key)?;
            Err(bad(format!("{key:?} is compared with a string")))
        }
    }
}

fn text_field(fields: &Fields, key: &str) -> Result<Field> {
    match key {
        "document_id" => Ok(fields.document_id),
        "filename" => Ok(fields.filename),
        "format" => Ok(fields.format),
        "title" => Ok(fields.title),
        _ => Err(bad(format!("there is no filter key {key:?}"))),
    }
}

fn number(key: &str, value: &FilterValue) -> Result<f64> {
    match (key, value) {
        ("page", FilterValue::Number(number)) if number.is_finite() => Ok(*number),
        ("page", _) => Err(bad("\"page\" is compared with a number".to_owned())),
        ("document_id" | "filename" | "format" | "title", _) => {
            Err(bad(format!("{key:?} has no order; only \"page\" is compared by size")))
        }
        _ => Err(bad(format!("there is no filter key {key:?}"))),
    }
}

/// `least` may be below zero or beyond every page; the cast saturates.
const fn from(least: f64) -> Bound<u64> {
    Bound::Included(least as u64)
}

fn up_to(fields: &Fields, most: f64) -> Box<dyn Query> {
    if most < 0.0 {
        return Box::new(EmptyQuery);
    }
    pages(fields, from(0.0), Bound::Included(most as u64))
}

fn pages(fields: &Fields, least: Bound<u64>, most: Bound<u64>) -> Box<dyn Query> {
    let bound = |bound: Bound<u64>| bound.map(|page| Term::from_field_u64(fields.page, page));
    Box::new(InvertedIndexRangeQuery::new(bound(least), bound(most)))
}

const fn bad(message: String) -> Failure {
    Failure::BadFilter { message }
}
