//! A door for the fuzz targets (`fuzz/`) to what is nobody else's business.

use crate::body::read;
use crate::chat_request::ChatRequest;
use crate::facade;
use crate::wire::{CreateQuery, FeedbackBody, SearchBody};
use axum::http::HeaderMap;
use docent_engine::queries::INSTRUCTIONS_CHARS_MAX;

/// Reads a body as every route that takes JSON reads its own, and looks at what came of it. A body that is refused is refused
/// with a problem; nothing of it may end the process.
pub fn read_as_every_request(body: &[u8]) {
    if let Ok(chat) = read::<ChatRequest>(body) {
        let wishes = chat.wishes().unwrap_or_default();
        assert!(wishes.chars().count() <= INSTRUCTIONS_CHARS_MAX, "wishes that will be refused");
        let earlier = chat.questions().map(|(_, earlier)| earlier).unwrap_or_default();
        assert!(earlier.iter().all(|words| !words.is_empty()), "a question without words");
        let _either = chat.is_housekeeping();
    }
    let filters =
        [read::<CreateQuery>(body).map(|query| query.filters), read::<SearchBody>(body).map(|search| search.filters)];
    for filter in filters.into_iter().flatten().flatten() {
        let _either = filter.condition();
    }
    let _either = read::<FeedbackBody>(body);
    let _either = facade::submitted(&HeaderMap::new(), body);
}
