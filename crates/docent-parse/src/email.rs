//! E-mail: who wrote to whom and when, then what; messages attached to a message are read like it. Other attachments are
//! named in the warnings.

use crate::html;
use crate::text;
use docent_core::{Format, Page, ParsedDocument, Refusal, RefusalKind};
use mail_parser::{Address, Message, MessageParser, MimeHeaders, PartType};

/// Messages inside messages that are followed.
const DEEPEST: usize = 5;

pub(crate) fn parse(bytes: &[u8]) -> Result<ParsedDocument, Refusal> {
    let message = MessageParser::default().parse(bytes).filter(is_message).ok_or_else(|| {
        Refusal::new(RefusalKind::Corrupt, "the file has none of the headers that every e-mail has; it is damaged")
    })?;
    let mut letters = Letters::default();
    letters.read(&message, Vec::new());
    if !letters.has_words {
        return Err(match letters.locked {
            true => Refusal::new(RefusalKind::Encrypted, "the message is encrypted; save a copy that is not"),
            false => Refusal::new(RefusalKind::Empty, "the message holds no words"),
        });
    }
    let title = message.subject().map(clean).filter(|subject| !subject.is_empty());
    let Letters { pages, warnings, .. } = letters;
    Ok(ParsedDocument { format: Format::Email, title, pages, warnings, unreadable_pages: Vec::new(), ocr: None })
}

fn is_message(message: &Message<'_>) -> bool {
    message.from().is_some() || message.date().is_some() || message.subject().is_some() || message.received().is_some()
}

#[derive(Default)]
struct Letters {
    pages: Vec<Page>,
    warnings: Vec<String>,
    has_words: bool,
    locked: bool,
}

impl Letters {
    /// `path` names the messages around this one.
    fn read(&mut self, message: &Message<'_>, path: Vec<String>) {
        let mut pages = body(message);
        self.has_words |= pages.iter().any(|page| !page.text.trim().is_empty());
        let head = head(message);
        match pages.first_mut() {
            Some(first) => first.text = format!("{head}\n\n{}", first.text),
            None => pages.push(Page { text: head, ..Page::default() }),
        }
        for mut page in pages {
            page.heading_path.splice(..0, path.iter().cloned());
            self.pages.push(page);
        }
        for part in message.attachments() {
            match &part.body {
                PartType::Message(inner) if path.len() < DEEPEST => {
                    let subject = inner.subject().map_or_else(|| "without a subject".to_owned(), clean);
                    let path = path.iter().cloned().chain([format!("Attached message: {subject}")]).collect();
                    self.read(inner, path);
                }
                _ => self.attachment(part),
            }
        }
    }

    fn attachment(&mut self, part: &mail_parser::MessagePart<'_>) {
        let kind = part.content_type().map_or_else(String::new, |kind| {
            format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or_default()).to_lowercase()
        });
        self.locked |= matches!(kind.as_str(), "application/pkcs7-mime" | "application/pgp-encrypted");
        if let Some(name) = part.attachment_name() {
            self.warnings.push(format!("attachment {}: not read; save it and take it in by itself", clean(name)));
        }
    }
}

/// The lines that a reader sees on top.
fn head(message: &Message<'_>) -> String {
    let addresses = |address: Option<&Address<'_>>| address.map(people).filter(|people| !people.is_empty());
    let lines = [
        ("Subject", message.subject().map(clean)),
        ("From", addresses(message.from())),
        ("To", addresses(message.to())),
        ("Cc", addresses(message.cc())),
        (
            "Date",
            message.date().map(|date| {
                format!("{:04}-{:02}-{:02} {:02}:{:02}", date.year, date.month, date.day, date.hour, date.minute)
            }),
        ),
    ];
    let lines = lines.into_iter().filter_map(|(name, value)| value.map(|value| format!("{name}: {value}")));
    lines.collect::<Vec<_>>().join("\n")
}

fn people(address: &Address<'_>) -> String {
    let person = |person: &mail_parser::Addr<'_>| match (person.name(), person.address()) {
        (Some(name), Some(address)) => clean(&format!("{name} <{address}>")),
        (name, address) => clean(name.or(address).unwrap_or_default()),
    };
    address.iter().map(person).collect::<Vec<_>>().join(", ")
}

/// The message's own words: of what was sent both plain and as HTML, the plain.
fn body(message: &Message<'_>) -> Vec<Page> {
    let mut pages = Vec::new();
    for part in message.text_bodies() {
        match &part.body {
            PartType::Text(text) => {
                let text = text::tidy(text).trim().to_owned();
                pages.push(Page { text, ..Page::default() });
            }
            PartType::Html(source) => pages.extend(html::read(source).map(|(_, pages)| pages).unwrap_or_default()),
            _ => {}
        }
    }
    pages
}

fn clean(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(source: &str) -> Vec<(String, String)> {
        let parsed = parse(source.replace('\n', "\r\n").as_bytes()).expect("a message");
        parsed.pages.into_iter().map(|page| (page.heading_path.join(" > "), page.text.replace("\r\n", "\n"))).collect()
    }

    #[test]
    fn heads_and_words() {
        let plain = "From: Ann Smith <ann@example.org>\nTo: bob@example.org\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\n\
            Date: Fri, 1 Mar 2024 09:30:00 +0100\nContent-Type: text/plain; charset=iso-8859-1\n\
            Content-Transfer-Encoding: quoted-printable\n\nSch=F6ne Gr=FC=DFe.\n";
        let text = "Subject: Grüße\nFrom: Ann Smith <ann@example.org>\nTo: bob@example.org\nDate: 2024-03-01 09:30\n\nSchöne Grüße.";
        assert_eq!(seen(plain), [(String::new(), text.to_owned())]);
    }

    #[test]
    fn html_and_attached_messages() {
        let mixed = "From: a@example.org\nSubject: Plan\nContent-Type: multipart/mixed; boundary=x\n\n\
            --x\nContent-Type: text/html\n\n<h1>Monday</h1><p>We <b>sail</b>.</p>\n\
            --x\nContent-Type: message/rfc822\n\nFrom: b@example.org\nSubject: Boat\n\nIt leaks.\n\
            --x\nContent-Type: application/pdf; name=map.pdf\nContent-Disposition: attachment; filename=map.pdf\n\nx\n--x--\n";
        let pages = seen(mixed);
        assert_eq!(
            pages[0],
            ("Monday".to_owned(), "Subject: Plan\nFrom: a@example.org\n\nMonday\n\nWe sail.".to_owned())
        );
        assert_eq!(pages[1].0, "Attached message: Boat");
        assert!(pages[1].1.ends_with("It leaks."), "{}", pages[1].1);
        let parsed = parse(mixed.as_bytes()).expect("a message");
        assert_eq!(parsed.warnings, ["attachment map.pdf: not read; save it and take it in by itself"]);
    }

    #[test]
    fn what_is_no_message() {
        let table = [
            ("just some words\n", "corrupt: the file has none of the headers"),
            ("Subject: x\nFrom: a@example.org\n\n \n", "empty: the message holds no words"),
            (
                "From: a@example.org\nSubject: x\nContent-Type: application/pkcs7-mime; name=smime.p7m\nContent-Disposition: attachment; filename=smime.p7m\nContent-Transfer-Encoding: base64\n\nAAAA\n",
                "encrypted: the message is encrypted",
            ),
        ];
        for (source, beginning) in table {
            let refusal = parse(source.as_bytes()).expect_err(source).to_string();
            assert!(refusal.starts_with(beginning), "{refusal}");
        }
    }
}
