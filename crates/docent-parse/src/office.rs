//! What Word, PowerPoint and Excel files have in common: an archive of XML parts that point at each other.

use crate::archive::Archive;
use crate::xml::{self, Doctype, Node};
use docent_core::{Refusal, RefusalKind};

/// A pointer from one part to another.
pub(crate) struct Relation {
    pub(crate) id: String,
    /// The last word of its type, such as `slide` or `styles`.
    pub(crate) kind: String,
    /// Name of the part it points at.
    pub(crate) target: String,
}

/// What `part` points at inside the archive.
pub(crate) fn relations(archive: &mut Archive, part: &str) -> Result<Vec<Relation>, Refusal> {
    let (folder, name) = part.rsplit_once('/').unwrap_or(("", part));
    let path = format!("{folder}/_rels/{name}.rels");
    let Some(source) = archive.optional_text(path.trim_start_matches('/'))? else { return Ok(Vec::new()) };
    let mut relations = Vec::new();
    xml::each(&source, Doctype::Refused, |node| {
        if let Node::Open(tag) = node
            && tag.name() == "Relationship"
            && tag.attribute("TargetMode").is_none_or(|mode| mode != "External")
        {
            let value = |name| tag.attribute(name).unwrap_or_default();
            let kind = value("Type").rsplit('/').next().unwrap_or_default().to_owned();
            relations.push(Relation { id: value("Id"), kind, target: xml::resolve(part, &value("Target")) });
        }
        Ok(())
    })?;
    Ok(relations)
}

/// The name of the main part. `usual` is where it nearly always is, and its first folder tells the three programs apart.
pub(crate) fn main_part(archive: &mut Archive, usual: &str, what: &str) -> Result<String, Refusal> {
    if archive.has(usual) {
        return Ok(usual.to_owned());
    }
    let main = relations(archive, "")?.into_iter().find(|relation| relation.kind == "officeDocument");
    let folder = usual.split('/').next().unwrap_or_default();
    main.map(|relation| relation.target).filter(|target| target.starts_with(folder) && archive.has(target)).ok_or_else(
        || Refusal::new(RefusalKind::Corrupt, format!("the file holds no {what}; it is damaged or has a wrong name")),
    )
}

/// The title that the document's properties state.
pub(crate) fn stated_title(archive: &mut Archive) -> Option<String> {
    let source = archive.optional_text("docProps/core.xml").ok()??;
    let (mut inside, mut title) = (false, String::new());
    xml::each(&source, Doctype::Refused, |node| {
        match node {
            Node::Open(tag) => inside = tag.name() == "title",
            Node::Close(_) => inside = false,
            Node::Text(text) if inside => title.push_str(text),
            Node::Text(_) => {}
        }
        Ok(())
    })
    .ok()?;
    let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
    let placeholder = matches!(title.to_lowercase().as_str(), "" | "powerpoint presentation" | "untitled" | "slide 1");
    (!placeholder).then_some(title)
}
